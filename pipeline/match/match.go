package match

import (
	"regexp"
	"strings"
	"sync/atomic"
	"unicode/utf8"
)

// Regexp matches a regular expression as package regexp does, several times as fast on the expressions that lines are read with. It goes
// back to try another way, as Perl does, and so gives what regexp promises to give; what that costs is bounded by the length of the line, and
// what would cost more is left to regexp, whose time is linear for any expression. A fuzz test compares the two.
//
// It is safe for concurrent use, each with a State of its own.
type Regexp struct {
	re       *regexp.Regexp
	code     []instruction // nil leaves everything to re
	captures int
	// first are the bytes that a match can begin with; anchored says that it begins at the start of the line.
	first    byteSet
	anchored bool
	prefix   string // that each match begins with
	// left grows with each line that was left to re, and shrinks with each that was not; when it has come to enoughLeft, all are.
	left atomic.Int64
}

// State is what a match works with. The zero State is ready; it may be used for any Regexp, one at a time.
type State struct {
	code  []instruction
	at    []int
	stack []choice
	work  int // what may still be spent
}

// choice is a way that was not taken.
type choice struct {
	pc  int // < 0: a capture to be undone, at[-1-pc] = pos
	pos int
	// end is how far a lazy run may go, or how far back a greedy one; -1 where the other way begins at pc.
	end int
}

// verdict of an attempt.
type verdict uint8

const (
	fails verdict = iota
	matches
	costly
)

// New makes a Regexp of what regexp has compiled.
func New(re *regexp.Regexp) *Regexp {
	r := &Regexp{re: re}
	code, captures := compile(re.String())
	if code == nil {
		return r
	}
	c := &compiler{code: code}
	r.code, r.captures, r.first = code, captures, c.first(0)
	r.anchored = code[0].op == opBegin
	for _, in := range code {
		if in.op == opLiteral {
			r.prefix = in.text
		}
		if in.op != opCapture {
			break
		}
	}
	return r
}

// Bounds of the work on one line: an instruction costs 1, looking at eight bytes in a run costs 1.
const (
	workPerByte = 16
	workAtLeast = 1000
	// An expression of which more than a third of so many lines was left to regexp is left to it altogether.
	enoughLeft = 400
	// maxChoices is how many ways may be open at a time: they take 24 bytes each.
	maxChoices = 16 << 10
)

// Find gives the places of the groups as regexp's FindStringSubmatchIndex does, nil where line does not match. They are good until the
// next use of the State.
func (r *Regexp) Find(m *State, line string) []int {
	left := r.left.Load()
	if r.code == nil || left >= enoughLeft {
		return r.re.FindStringSubmatchIndex(line)
	}
	m.code, m.work = r.code, workAtLeast+workPerByte*len(line)
	if cap(m.at) < 2*r.captures {
		m.at = make([]int, 2*r.captures)
	}
	m.at = m.at[:2*r.captures]
	for start := 0; ; {
		if !r.anchored {
			from := start
			if start = r.next(line, start); start < 0 {
				return r.done(left, nil)
			}
			m.work -= (start - from) / 8
		}
		v := m.match(line, start)
		if v == costly {
			r.left.Add(2)
			return r.re.FindStringSubmatchIndex(line)
		}
		if v == fails && !r.anchored && start < len(line) {
			_, size := utf8.DecodeRuneInString(line[start:])
			start += size
			continue
		}
		if v == fails {
			return r.done(left, nil)
		}
		return r.done(left, m.at)
	}
}

// next is where a match can begin at or after start; -1 where none can.
func (r *Regexp) next(line string, start int) int {
	if r.prefix != "" {
		i := strings.Index(line[start:], r.prefix)
		if i < 0 {
			return -1
		}
		return start + i
	}
	for start < len(line) && !r.first.has(line[start]) {
		start++
	}
	return start
}

// done counts a line that was not left to re.
func (r *Regexp) done(left int64, at []int) []int {
	if left > 0 {
		r.left.Add(-1)
	}
	return at
}

// Match says whether line matches.
func (r *Regexp) Match(m *State, line string) bool {
	if r.code == nil || r.left.Load() >= enoughLeft {
		return r.re.MatchString(line) // which allocates nothing
	}
	return r.Find(m, line) != nil
}

// match tries a match that begins at start.
func (m *State) match(s string, start int) verdict {
	for i := range m.at {
		m.at[i] = -1
	}
	m.stack = m.stack[:0]
	pc, pos := 0, start
	for {
		if m.work--; m.work < 0 {
			return costly
		}
		in := &m.code[pc]
		ok := true
		switch in.op {
		case opLiteral:
			if ok = strings.HasPrefix(s[pos:], in.text); ok {
				pos += len(in.text)
				pc++
			}
		case opChar:
			n := in.class.run(s[pos:], 1)
			ok = n > 0
			pos += n
			pc++
		case opRun:
			pos, ok = m.run(in, pc, s, pos)
			pc++
		case opSplit:
			pc = m.split(in, pc, s, pos)
		case opJump:
			pc = in.x
		case opCapture:
			if len(m.stack) > 0 {
				m.push(choice{pc: -1 - in.x, pos: m.at[in.x]})
			}
			m.at[in.x] = pos
			pc++
		case opBegin:
			ok = pos == 0
			pc++
		case opEnd:
			ok = pos == len(s)
			pc++
		case opBoundary:
			ok = boundary(s, pos)
			pc++
		case opInside:
			ok = !boundary(s, pos)
			pc++
		case opMatch:
			m.at[0], m.at[1] = start, pos
			return matches
		}
		if ok {
			continue
		}
		if pc, pos = m.back(s); pc < 0 {
			return fails
		}
	}
}

// push remembers a way that was not taken. Where there are too many, it ends the attempt.
func (m *State) push(c choice) {
	if len(m.stack) >= maxChoices {
		m.work = 0
		return
	}
	m.stack = append(m.stack, c)
}

// split chooses between two ways by the next byte, and remembers the other one if that leaves both.
func (m *State) split(in *instruction, pc int, s string, pos int) int {
	preferred, other := pc+1, in.x
	first, second := &in.next, &in.other
	if in.lazy {
		preferred, other, first, second = other, preferred, second, first
	}
	if pos < len(s) {
		if !first.has(s[pos]) {
			return other
		}
		if !second.has(s[pos]) {
			return preferred
		}
	}
	m.push(choice{pc: other, pos: pos, end: -1})
	return preferred
}

// run takes the characters of a run. Where another number of them is possible, it is remembered.
func (m *State) run(in *instruction, pc int, s string, pos int) (int, bool) {
	least := pos
	if in.min > 0 {
		if least += in.class.run(s[pos:], in.min); in.min > 1 && utf8.RuneCountInString(s[pos:least]) < in.min || least == pos {
			return pos, false
		}
	}
	most := least
	if in.max < 0 {
		most += in.class.run(s[least:], -1)
	} else if in.max > in.min {
		most += in.class.run(s[least:], in.max-in.min)
	}
	m.work -= (most - pos) / 8
	switch {
	case in.decided || most == least:
		return most, true
	case in.lazy:
		return m.shortest(in, pc, s, least, most)
	}
	return m.longest(in, pc, s, least, most)
}

// shortest goes on after the least characters after which the next byte is the right one.
func (m *State) shortest(in *instruction, pc int, s string, least, most int) (int, bool) {
	at := least
	if in.follow != 0 {
		i := strings.IndexByte(s[least:min(most+1, len(s))], in.follow)
		if i < 0 {
			return least, false
		}
		at += i
	}
	if at < most {
		_, size := utf8.DecodeRuneInString(s[at:])
		m.push(choice{pc: pc, pos: at + size, end: most})
	}
	return at, true
}

// longest goes on after the most characters after which the next byte is the right one.
func (m *State) longest(in *instruction, pc int, s string, least, most int) (int, bool) {
	at := most
	if in.follow != 0 {
		i := strings.LastIndexByte(s[least:min(most+1, len(s))], in.follow)
		if i < 0 {
			return least, false
		}
		at = least + i
	}
	if at > least {
		_, size := utf8.DecodeLastRuneInString(s[least:at])
		m.push(choice{pc: pc, pos: at - size, end: least})
	}
	return at, true
}

// back takes the last way that was not taken; pc is -1 where there is none.
func (m *State) back(s string) (pc, pos int) {
	for len(m.stack) > 0 {
		last := len(m.stack) - 1
		c := m.stack[last]
		m.stack = m.stack[:last]
		m.work--
		if c.pc < 0 {
			m.at[-1-c.pc] = c.pos
			continue
		}
		if c.end < 0 {
			return c.pc, c.pos
		}
		in := &m.code[c.pc]
		var ok bool
		if in.lazy {
			m.work -= (c.end - c.pos) / 8
			pos, ok = m.shortest(in, c.pc, s, c.pos, c.end)
		} else {
			m.work -= (c.pos - c.end) / 8
			pos, ok = m.longest(in, c.pc, s, c.end, c.pos)
		}
		if ok {
			return c.pc + 1, pos
		}
	}
	return -1, 0
}

// boundary says whether there is a word character on one side of pos only.
func boundary(s string, pos int) bool {
	before := pos > 0 && isWord(s[pos-1])
	after := pos < len(s) && isWord(s[pos])
	return before != after
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}
