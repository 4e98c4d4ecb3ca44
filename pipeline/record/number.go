package record

import (
	"math"
	"strconv"
)

// ParseNumber reads a decimal number: digits with an optional sign, fraction and exponent. It takes no hexadecimal, no underscores, no
// infinity and no space around it.
func ParseNumber(s string) (Value, bool) {
	if n, ok := ParseInt(s); ok {
		return OfInt(n), true
	}
	digits := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digits = true
		case c == '.', c == 'e', c == 'E', c == '+', c == '-':
		default:
			return Value{}, false
		}
	}
	if !digits {
		return Value{}, false
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(f, 0) {
		return Value{}, false
	}
	return OfFloat(f), true
}

// ParseInt reads a whole number of at most 18 digits, with an optional sign.
func ParseInt(s string) (int64, bool) {
	i, neg := 0, false
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		neg, i = s[0] == '-', 1
	}
	if len(s) == i || len(s)-i > 18 {
		return 0, false
	}
	var n int64
	for ; i < len(s); i++ {
		c := s[i] - '0'
		if c > 9 {
			return 0, false
		}
		n = n*10 + int64(c)
	}
	if neg {
		n = -n
	}
	return n, true
}

// AppendText appends a number as HCL writes it into strings: decimal, without exponent.
func AppendText(dst []byte, v Value) []byte {
	switch v.kind {
	case Int:
		return strconv.AppendInt(dst, int64(v.bits), 10)
	case Float:
		return strconv.AppendFloat(dst, v.Float(), 'f', -1, 64)
	case Number:
		return AppendText(dst, v.Resolve())
	case Bool:
		return strconv.AppendBool(dst, v.bits != 0)
	}
	return append(dst, v.Str()...)
}
