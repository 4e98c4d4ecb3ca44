package record

// Members calls f for each member of a List or Object, in order and with an empty name for those of a List, until f returns
// false. What has to be unescaped is appended to arena. Other kinds have no members.
func (v Value) Members(arena *[]byte, f func(name string, m Value) bool) {
	if t := v.Tree(); t != nil {
		for i, m := range t.Values {
			name := ""
			if t.Names != nil {
				name = t.Names[i]
			}
			if !f(name, m) {
				return
			}
		}
		return
	}
	if v.kind != List && v.kind != Object {
		return
	}
	s := v.text()
	for i := SkipSpace(s, 1); i < len(s) && s[i] != ']' && s[i] != '}'; {
		name := ""
		if v.kind == Object {
			name, i, _, _ = ReadString(s, i, arena)
			i = SkipSpace(s, SkipSpace(s, i)+1)
		}
		end := skip(s, i)
		if !f(name, known(s[i:end], arena)) {
			return
		}
		if i = SkipSpace(s, end); i < len(s) && s[i] == ',' {
			i = SkipSpace(s, i+1)
		}
	}
}

// known is the value of a whole JSON text known to be valid.
func known(s string, arena *[]byte) Value {
	if s[0] == '{' || s[0] == '[' {
		return OfJSON(s)
	}
	v, _, _ := ReadJSON(s, 0, arena)
	return v
}

// Member is the member of an Object with that name; the last one, where a JSON text has several.
func (v Value) Member(name string, arena *[]byte) (Value, bool) {
	var found Value
	ok := false
	if v.kind == Object {
		v.Members(arena, func(n string, m Value) bool {
			if n == name {
				found, ok = m, true
			}
			return true
		})
	}
	return found, ok
}

// Element is the i-th member of a List.
func (v Value) Element(i int64, arena *[]byte) (Value, bool) {
	var found Value
	ok := false
	if v.kind == List && i >= 0 {
		v.Members(arena, func(_ string, m Value) bool {
			if i == 0 {
				found, ok = m, true
			}
			i--
			return !ok
		})
	}
	return found, ok
}

// Len is the number of members of a List or Object; names that a JSON text repeats count once each time.
func (v Value) Len(arena *[]byte) int {
	if t := v.Tree(); t != nil {
		return len(t.Values)
	}
	n := 0
	v.Members(arena, func(string, Value) bool { n++; return true })
	return n
}
