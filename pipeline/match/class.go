package match

import (
	"regexp/syntax"
	"strings"
	"unicode"
	"unicode/utf8"
)

// class is a set of characters.
type class struct {
	ascii  [128]bool
	ranges []rune // pairs, as in package syntax
	// stop is the one ASCII character that is not in the class, where everything else is; else 0.
	stop byte
}

// classOf is the class that one character has to be of; nil where re is something else.
func classOf(re *syntax.Regexp) *class {
	switch re.Op {
	case syntax.OpCharClass:
		return newClass(re.Rune)
	case syntax.OpAnyChar:
		return newClass([]rune{0, utf8.MaxRune})
	case syntax.OpAnyCharNotNL:
		return newClass([]rune{0, '\n' - 1, '\n' + 1, utf8.MaxRune})
	case syntax.OpLiteral:
		if len(re.Rune) != 1 {
			return nil
		}
		return letter(re.Rune[0], re.Flags&syntax.FoldCase != 0)
	}
	return nil
}

// letter is one character, in either case if fold is set.
func letter(r rune, fold bool) *class {
	ranges := []rune{r, r}
	if fold {
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			ranges = append(ranges, f, f)
		}
	}
	return newClass(ranges)
}

func newClass(ranges []rune) *class {
	c := &class{ranges: ranges}
	missing := 0
	for r := rune(0); r < 128; r++ {
		if c.ascii[r] = c.has(r); !c.ascii[r] {
			missing++
			c.stop = byte(r)
		}
	}
	if missing != 1 || len(ranges) != 4 || ranges[3] != utf8.MaxRune || ranges[2] > utf8.RuneSelf {
		c.stop = 0
	}
	return c
}

func (c *class) has(r rune) bool {
	for i := 0; i < len(c.ranges); i += 2 {
		if r >= c.ranges[i] && r <= c.ranges[i+1] {
			return true
		}
	}
	return false
}

func (c *class) overlaps(other *class) bool {
	for i := 0; i < len(c.ranges); i += 2 {
		for j := 0; j < len(other.ranges); j += 2 {
			if c.ranges[i] <= other.ranges[j+1] && other.ranges[j] <= c.ranges[i+1] {
				return true
			}
		}
	}
	return false
}

// run is the length in bytes of the characters of the class at the start of s, at most that many; most is -1 for no limit.
func (c *class) run(s string, most int) int {
	if c.stop != 0 && most < 0 {
		if i := strings.IndexByte(s, c.stop); i >= 0 {
			return i
		}
		return len(s)
	}
	i := 0
	for n := 0; i < len(s) && n != most; n++ {
		b := s[i]
		if b < utf8.RuneSelf {
			if !c.ascii[b] {
				break
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if !c.has(r) {
			break
		}
		i += size
	}
	return i
}

// byteSet is a set of bytes, for what characters can begin with.
type byteSet [4]uint64

func (b *byteSet) add(c byte)      { b[c>>6] |= 1 << (c & 63) }
func (b *byteSet) has(c byte) bool { return b[c>>6]&(1<<(c&63)) != 0 }

func (b *byteSet) addClass(c *class) {
	for i, in := range c.ascii {
		if in {
			b.add(byte(i))
		}
	}
	for i := 0; i < len(c.ranges); i += 2 {
		if c.ranges[i+1] >= utf8.RuneSelf { // bytes that are no UTF-8 are a character too, so all of them
			b[2], b[3] = ^uint64(0), ^uint64(0)
		}
	}
}

func (b *byteSet) addAll(o *byteSet) {
	for i := range b {
		b[i] |= o[i]
	}
}

var everyByte = byteSet{^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0)}
