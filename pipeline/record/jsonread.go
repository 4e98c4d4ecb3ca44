package record

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth is how deeply JSON may be nested; encoding/json allows ten times as much, no log needs a tenth.
const maxDepth = 1000

// ReadJSON reads the JSON value that starts at s[i], after any space, and returns where it ends. It is strict (RFC 8259) but for bytes
// that are no UTF-8, which are kept in strings and become U+FFFD inside lists and objects. The value aliases s wherever it
// can; what has to be rewritten is appended to arena.
func ReadJSON(s string, i int, arena *[]byte) (v Value, next int, ok bool) {
	i = SkipSpace(s, i)
	if i >= len(s) {
		return v, i, false
	}
	switch c := s[i]; c {
	case '"':
		text, end, isPlain, ok := ReadString(s, i, arena)
		if isPlain {
			return Plain(text), end, ok
		}
		return Of(text), end, ok
	case '{', '[':
		t := textScan{s: s}
		end, ok := t.value(i, 0)
		if !ok {
			return v, end, false
		}
		text := s[i:end]
		if t.rewrite {
			text = rewrite(text, arena)
		}
		return OfJSON(text), end, true
	case 't':
		return OfBool(true), i + 4, strings.HasPrefix(s[i:], "true")
	case 'f':
		return OfBool(false), i + 5, strings.HasPrefix(s[i:], "false")
	case 'n':
		return v, i + 4, strings.HasPrefix(s[i:], "null")
	default:
		end, ok := scanNumber(s, i)
		return OfNumber(s[i:end]), end, ok
	}
}

// SkipSpace is the index of the first byte from i on that is no JSON space.
func SkipSpace(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\n' || s[i] == '\t' || s[i] == '\r') {
		i++
	}
	return i
}

// ReadString reads the JSON string whose opening quote is s[i]. plain says that the text needs no escaping.
func ReadString(s string, i int, arena *[]byte) (text string, next int, plain, ok bool) {
	end := i + 1 + plainPrefix(s[i+1:])
	if end < len(s) && s[end] == '"' {
		return s[i+1 : end], end + 1, true, true
	}
	end, escaped, _, ok := scanString(s, i)
	if !ok {
		return "", end, false, false
	}
	if !escaped {
		return s[i+1 : end-1], end, false, true
	}
	start := len(*arena)
	*arena = unescape(*arena, s[i+1:end-1])
	return Alias((*arena)[start:len(*arena):len(*arena)]), end, false, true
}

// scanString finds the end of the string whose opening quote is s[i], after the closing one.
func scanString(s string, i int) (end int, escaped, high, ok bool) {
	i++
	for {
		i += plainPrefix(s[i:])
		if i >= len(s) {
			return i, escaped, high, false
		}
		switch c := s[i]; {
		case c == '"':
			return i + 1, escaped, high, true
		case c == '\\':
			escaped = true
			if i+1 >= len(s) {
				return i, escaped, high, false
			}
			switch s[i+1] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
				i += 2
			case 'u':
				if _, ok := hex4(s, i+2); !ok {
					return i, escaped, high, false
				}
				i += 6
			default:
				return i, escaped, high, false
			}
		case c < 0x20:
			return i, escaped, high, false
		default:
			high = true
			for i < len(s) && s[i] >= utf8.RuneSelf {
				i++
			}
		}
	}
}

func hex4(s string, i int) (rune, bool) {
	if i+4 > len(s) {
		return 0, false
	}
	var r rune
	for _, c := range []byte(s[i : i+4]) {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// unescape appends the text of a valid JSON string without its quotes. Lone surrogates become U+FFFD.
func unescape(dst []byte, s string) []byte {
	for {
		n := strings.IndexByte(s, '\\')
		if n < 0 {
			return append(dst, s...)
		}
		dst = append(dst, s[:n]...)
		c := s[n+1]
		s = s[n+2:]
		switch c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, _ := hex4(s, 0)
			s = s[4:]
			if utf16.IsSurrogate(r) {
				low := rune(utf8.RuneError)
				if strings.HasPrefix(s, `\u`) {
					low, _ = hex4(s, 2)
				}
				if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
					s = s[6:]
				}
			}
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, c)
		}
	}
}

func scanNumber(s string, i int) (end int, ok bool) {
	if i < len(s) && s[i] == '-' {
		i++
	}
	digits := func() bool {
		start := i
		for i < len(s) && s[i]-'0' <= 9 {
			i++
		}
		return i > start
	}
	if i < len(s) && s[i] == '0' {
		i++
	} else if !digits() {
		return i, false
	}
	if i < len(s) && s[i] == '.' {
		i++
		if !digits() {
			return i, false
		}
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if !digits() {
			return i, false
		}
	}
	return i, true
}

// textScan checks a nested JSON value without reading it.
type textScan struct {
	s string
	// rewrite is set when the text can't be written as it is: it has line breaks or bytes that are no UTF-8.
	rewrite bool
}

func (t *textScan) space(i int) int {
	for i < len(t.s) {
		switch t.s[i] {
		case '\n', '\r':
			t.rewrite = true
		case ' ', '\t':
		default:
			return i
		}
		i++
	}
	return i
}

func (t *textScan) value(i, depth int) (int, bool) {
	s := t.s
	if i >= len(s) || depth > maxDepth {
		return i, false
	}
	switch s[i] {
	case '"':
		end, _, high, ok := scanString(s, i)
		if high && ok && !utf8.ValidString(s[i:end]) {
			t.rewrite = true
		}
		return end, ok
	case '{':
		i = t.space(i + 1)
		if i < len(s) && s[i] == '}' {
			return i + 1, true
		}
		for {
			if i >= len(s) || s[i] != '"' {
				return i, false
			}
			var ok bool
			if i, ok = t.value(i, depth+1); !ok {
				return i, false
			}
			if i = t.space(i); i >= len(s) || s[i] != ':' {
				return i, false
			}
			if i, ok = t.value(t.space(i+1), depth+1); !ok {
				return i, false
			}
			i = t.space(i)
			if i >= len(s) || s[i] != ',' && s[i] != '}' {
				return i, false
			}
			if s[i] == '}' {
				return i + 1, true
			}
			i = t.space(i + 1)
		}
	case '[':
		i = t.space(i + 1)
		if i < len(s) && s[i] == ']' {
			return i + 1, true
		}
		for {
			var ok bool
			if i, ok = t.value(i, depth+1); !ok {
				return i, false
			}
			i = t.space(i)
			if i >= len(s) || s[i] != ',' && s[i] != ']' {
				return i, false
			}
			if s[i] == ']' {
				return i + 1, true
			}
			i = t.space(i + 1)
		}
	case 't':
		return i + 4, strings.HasPrefix(s[i:], "true")
	case 'f':
		return i + 5, strings.HasPrefix(s[i:], "false")
	case 'n':
		return i + 4, strings.HasPrefix(s[i:], "null")
	}
	return scanNumber(s, i)
}

// rewrite copies valid JSON without the space between its parts and with U+FFFD for bytes that are no UTF-8.
func rewrite(s string, arena *[]byte) string {
	start := len(*arena)
	dst := *arena
	for i := 0; i < len(s); {
		switch s[i] {
		case ' ', '\n', '\r', '\t':
			i++
		case '"':
			end, _, _, _ := scanString(s, i)
			dst = appendValid(dst, s[i:end])
			i = end
		default:
			dst = append(dst, s[i])
			i++
		}
	}
	*arena = dst
	return Alias(dst[start:len(dst):len(dst)])
}

func appendValid(dst []byte, s string) []byte {
	for _, r := range s {
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}

// skip is the end of the value at s[i], in text known to be valid.
func skip(s string, i int) int {
	switch s[i] {
	case '"':
		end, _, _, _ := scanString(s, i)
		return end
	case '{', '[':
		for depth := 0; i < len(s); {
			switch s[i] {
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			case '"':
				i, _, _, _ = scanString(s, i)
				continue
			}
			i++
		}
		return i
	}
	for i < len(s) && s[i] != ',' && s[i] != '}' && s[i] != ']' && s[i] > ' ' {
		i++
	}
	return i
}
