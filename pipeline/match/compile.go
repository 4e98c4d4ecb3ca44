package match

import (
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// op is what an instruction of a matcher does.
type op uint8

const (
	opLiteral  op = iota // text
	opChar               // one character of a class
	opRun                // min to max characters of a class
	opSplit              // goes on at the next instruction, or at x if that leads to nothing; the other way round if lazy
	opJump               // goes on at x
	opCapture            // remembers where it is in at[x]
	opBegin              // at the beginning of the text
	opEnd                // at the end of the text
	opBoundary           // between a word character and something else
	opInside             // not so
	opMatch
)

// instruction of a matcher.
type instruction struct {
	op   op
	lazy bool
	// decided says of a run that no other length than the longest can lead to a match.
	decided bool
	// follow is the byte that has to follow a run, 0 where it is not known to be one ASCII character.
	follow byte
	text   string
	class  *class
	min    int
	max    int // -1 is no limit
	x      int
	// first are the bytes with which the two ways of a split can go on; all if one can go on without a byte.
	next, other byteSet
}

// maxInstructions bounds a matcher; a pattern that needs more is left to package regexp.
const maxInstructions = 4000

type compiler struct {
	code  []instruction
	ok    bool
	looks int // that are still possible
}

// compile makes the instructions of a pattern; nil where it has something that they can't do.
func compile(pattern string) (code []instruction, captures int) {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, 0
	}
	c := &compiler{ok: true}
	c.add(re)
	c.emit(instruction{op: opMatch})
	if !c.ok {
		return nil, 0
	}
	for pc := range c.code {
		in := &c.code[pc]
		switch in.op {
		case opRun:
			in.follow = c.follow(pc + 1)
			c.looks = maxLooks
			in.decided = !in.lazy && c.disjoint(in.class, pc+1)
		case opSplit:
			in.next, in.other = c.first(pc+1), c.first(in.x)
		}
	}
	return c.code, re.MaxCap() + 1
}

func (c *compiler) emit(in instruction) int {
	if len(c.code) >= maxInstructions {
		c.ok = false
		return 0
	}
	c.code = append(c.code, in)
	return len(c.code) - 1
}

func (c *compiler) add(re *syntax.Regexp) {
	if !c.ok {
		return
	}
	if one := classOf(re); one != nil && re.Op != syntax.OpLiteral {
		c.emit(instruction{op: opChar, class: one})
		return
	}
	switch re.Op {
	case syntax.OpLiteral:
		c.literal(re)
	case syntax.OpCapture:
		c.emit(instruction{op: opCapture, x: 2 * re.Cap})
		c.add(re.Sub[0])
		c.emit(instruction{op: opCapture, x: 2*re.Cap + 1})
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			c.add(sub)
		}
	case syntax.OpAlternate:
		c.alternate(re.Sub)
	case syntax.OpStar:
		c.repeat(re.Sub[0], 0, -1, re)
	case syntax.OpPlus:
		c.repeat(re.Sub[0], 1, -1, re)
	case syntax.OpQuest:
		c.repeat(re.Sub[0], 0, 1, re)
	case syntax.OpRepeat:
		c.repeat(re.Sub[0], re.Min, re.Max, re)
	case syntax.OpEmptyMatch:
	case syntax.OpBeginText:
		c.emit(instruction{op: opBegin})
	case syntax.OpEndText:
		c.emit(instruction{op: opEnd})
	case syntax.OpWordBoundary:
		c.emit(instruction{op: opBoundary})
	case syntax.OpNoWordBoundary:
		c.emit(instruction{op: opInside})
	default:
		c.ok = false
	}
}

func (c *compiler) literal(re *syntax.Regexp) {
	text := string(re.Rune)
	if re.Flags&syntax.FoldCase == 0 && !strings.ContainsRune(text, utf8.RuneError) {
		c.emit(instruction{op: opLiteral, text: text})
		return
	}
	for _, r := range re.Rune {
		c.emit(instruction{op: opChar, class: letter(r, re.Flags&syntax.FoldCase != 0)})
	}
}

func (c *compiler) alternate(subs []*syntax.Regexp) {
	var ends []int
	for i, sub := range subs {
		if i == len(subs)-1 {
			c.add(sub)
			break
		}
		split := c.emit(instruction{op: opSplit})
		c.add(sub)
		ends = append(ends, c.emit(instruction{op: opJump}))
		c.code[split].x = len(c.code)
	}
	for _, at := range ends {
		c.code[at].x = len(c.code)
	}
}

// repeat adds least to most of sub; -1 is no limit. re has the flags.
func (c *compiler) repeat(sub *syntax.Regexp, least, most int, re *syntax.Regexp) {
	lazy := re.Flags&syntax.NonGreedy != 0
	if one := classOf(sub); one != nil {
		c.emit(instruction{op: opRun, class: one, min: least, max: most, lazy: lazy})
		return
	}
	if empty(sub) { // a round that takes nothing would go on for ever
		c.ok = false
		return
	}
	for range least {
		c.add(sub)
	}
	if most < 0 {
		split := c.emit(instruction{op: opSplit, lazy: lazy})
		c.add(sub)
		c.emit(instruction{op: opJump, x: split})
		c.patch(split)
		return
	}
	var splits []int
	for range most - least {
		splits = append(splits, c.emit(instruction{op: opSplit, lazy: lazy}))
		c.add(sub)
	}
	for _, split := range splits {
		c.patch(split)
	}
}

func (c *compiler) patch(split int) {
	if c.ok {
		c.code[split].x = len(c.code)
	}
}

// empty says whether re may match nothing at all.
func empty(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpLiteral:
		return len(re.Rune) == 0
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return false
	case syntax.OpCapture, syntax.OpPlus:
		return empty(re.Sub[0])
	case syntax.OpRepeat:
		return re.Min == 0 || empty(re.Sub[0])
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			if !empty(sub) {
				return false
			}
		}
		return true
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			if empty(sub) {
				return true
			}
		}
		return false
	}
	return true
}

// maxLooks is how many instructions are looked at to find what can follow one; beyond that it is taken that anything can.
const maxLooks = 100

// follow is the ASCII character that any match has to go on with at pc; 0 where there is none.
func (c *compiler) follow(pc int) byte {
	for c.code[pc].op == opCapture {
		pc++
	}
	if in := &c.code[pc]; in.op == opLiteral && in.text[0] < utf8.RuneSelf {
		return in.text[0]
	}
	return 0
}

// disjoint says whether what comes at pc can't begin with a character of the class, or is the end.
func (c *compiler) disjoint(one *class, pc int) bool {
	for ; c.looks > 0; c.looks-- {
		in := &c.code[pc]
		switch in.op {
		case opCapture:
			pc++
		case opJump:
			pc = in.x
		case opMatch, opEnd:
			return true
		case opLiteral:
			r, _ := utf8.DecodeRuneInString(in.text)
			return !one.has(r)
		case opChar:
			return !one.overlaps(in.class)
		case opRun:
			if one.overlaps(in.class) {
				return false
			}
			if in.min > 0 {
				return true
			}
			pc++
		case opSplit:
			c.looks--
			return c.disjoint(one, pc+1) && c.disjoint(one, in.x)
		default:
			return false
		}
	}
	return false
}

// first are the bytes that a match can go on with at pc; all where it may end or the analysis ends.
func (c *compiler) first(pc int) byteSet {
	c.looks = maxLooks
	return c.begins(pc)
}

func (c *compiler) begins(pc int) byteSet {
	var set byteSet
	for ; c.looks > 0; c.looks-- {
		in := &c.code[pc]
		switch in.op {
		case opCapture, opBegin, opBoundary, opInside:
			pc++
		case opJump:
			pc = in.x
		case opLiteral:
			set.add(in.text[0])
			return set
		case opChar:
			set.addClass(in.class)
			return set
		case opRun:
			set.addClass(in.class)
			if in.min > 0 {
				return set
			}
			pc++
		case opSplit:
			c.looks--
			one, other := c.begins(pc+1), c.begins(in.x)
			set.addAll(&one)
			set.addAll(&other)
			return set
		default:
			return everyByte
		}
	}
	return everyByte
}
