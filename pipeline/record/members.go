package record

// Members calls f for each member of a List or Object, in order and with an empty name for those of a List, until f returns
// false. What has to be unescaped is appended to arena. Other kinds have no members.
func (v Value) Members(arena *[]byte, f func(name string, m Value) bool) {
	if t := v.Tree(); t != nil {
		for i, m := range t.Values {
			if !f(t.name(i), m) {
				return
			}
		}
		return
	}
	v.texts(arena, func(name, text string) bool { return f(name, known(text, arena)) })
}

func (t *Tree) name(i int) string {
	if t.Names == nil {
		return ""
	}
	return t.Names[i]
}

// texts calls f for each member of a JSON text with the text of its value.
func (v Value) texts(arena *[]byte, f func(name, text string) bool) {
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
		if !f(name, s[i:end]) {
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
	if v.kind != Object {
		return Value{}, false
	}
	if t := v.Tree(); t != nil {
		for i := len(t.Values) - 1; i >= 0; i-- {
			if t.name(i) == name {
				return t.Values[i], true
			}
		}
		return Value{}, false
	}
	found := ""
	v.texts(arena, func(n, text string) bool {
		if n == name {
			found = text
		}
		return true
	})
	if found == "" {
		return Value{}, false
	}
	return known(found, arena), true
}

// Element is the i-th member of a List.
func (v Value) Element(i int64, arena *[]byte) (Value, bool) {
	if v.kind != List || i < 0 {
		return Value{}, false
	}
	if t := v.Tree(); t != nil {
		if i >= int64(len(t.Values)) {
			return Value{}, false
		}
		return t.Values[i], true
	}
	found := ""
	v.texts(arena, func(_, text string) bool {
		if i == 0 {
			found = text
		}
		i--
		return found == ""
	})
	if found == "" {
		return Value{}, false
	}
	return known(found, arena), true
}

// Len is the number of members of a List or Object; names that a JSON text repeats count once each time.
func (v Value) Len(arena *[]byte) int {
	if t := v.Tree(); t != nil {
		return len(t.Values)
	}
	n := 0
	v.texts(arena, func(_, _ string) bool { n++; return true })
	return n
}
