package pipeline

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/kinetail/kinetail/pipeline/match"
	"github.com/kinetail/kinetail/pipeline/record"
)

// RedactOptions are those of a redact block: Pattern, or one or more of Builtin.
type RedactOptions struct {
	// Fields are redacted; none means all. A record that could not be parsed, or is refused, is redacted in message, and in what could
	// not be parsed, too: there it may still hold what would have become one of the fields.
	Fields []string
	// Pattern is a regular expression (RE2); With replaces each match, and may use $1 and ${name}.
	Pattern, With string
	// Builtin are names of patterns: email, card, ipv4, ipv6, jwt, aws_key. With, if not empty, replaces their matches too; by
	// default they become "[email]" and so on, and addresses lose their last bits: 24 of 32, 48 of 128 are kept.
	Builtin []string
}

// masked is a pattern: what it finds, and what becomes of it. Built-in ones have a cheap sign without which they find nothing, or are found
// by a function.
type masked struct {
	pattern *regexp.Regexp
	fast    *match.Regexp          // says whether there is a match at all
	maybe   func(text string) bool // nil where anything may match
	find    func(text string, from int) (start, end int)
	replace func(dst []byte, match string) []byte
}

var builtinPatterns = map[string]masked{
	"email": {pattern: regexp.MustCompile(`[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+`), maybe: holds("@")},
	"card":  {find: findCard},
	"ipv4":  {find: findIPv4, replace: shortenedIPv4},
	"ipv6":  {find: findIPv6, replace: shortenedIPv6},
	"jwt":   {pattern: regexp.MustCompile(`\beyJ[A-Za-z0-9_-]+\.eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*`), maybe: holds("eyJ")},
	// Access key ids have a prefix that says what they are of (IAM reference, unique identifiers); a secret key is 40 characters
	// of base64 and is found only where something beside it says that it is one.
	"aws_key": {
		pattern: regexp.MustCompile(`\b(?:AKIA|ASIA)[A-Z2-7]{16}\b|(?i:aws_?secret_?access_?key|secretaccesskey)["' ]{0,3}[=:]["' ]{0,3}[A-Za-z0-9/+]{40}`),
		maybe:   maybeAWSKey,
	},
}

func holds(sign string) func(string) bool {
	return func(text string) bool { return strings.Contains(text, sign) }
}

// shortenedIPv4 keeps 24 bits of an address.
func shortenedIPv4(dst []byte, match string) []byte {
	return append(append(dst, match[:strings.LastIndexByte(match, '.')+1]...), '0')
}

// shortenedIPv6 keeps 48 bits of an address, or 24 of an IPv4 address in one.
func shortenedIPv6(dst []byte, match string) []byte {
	a, err := netip.ParseAddr(match)
	if err != nil { // findIPv6 finds none
		return append(dst, "[ipv6]"...)
	}
	n := 48
	if a.Is4In6() {
		n = 96 + 24
	}
	p, err := a.Prefix(n)
	if err != nil {
		return append(dst, "[ipv6]"...)
	}
	return p.Addr().AppendTo(dst)
}

type redactStep struct {
	only     map[string]bool
	rules    []masked
	with     []string // for each rule what replaces a match, where it has no function
	own      bool     // the only rule is a pattern whose replacement is expanded
	places   [2]int   // of the last match found
	matching match.State
	// custom is set when the configuration says what matches of built-in patterns become.
	custom bool
}

// NewRedact makes a redact step.
func NewRedact(o RedactOptions) (Step, error) {
	if (o.Pattern == "") == (len(o.Builtin) == 0) {
		return nil, fmt.Errorf("redact needs either a pattern or builtin = [...]; use two blocks for both")
	}
	r := &redactStep{custom: o.With != ""}
	if len(o.Fields) > 0 {
		r.only, _ = nameSet(o.Fields)
	}
	if o.Pattern != "" {
		re, err := regexp.Compile(o.Pattern)
		if err != nil {
			return nil, fmt.Errorf("%w (in a quoted string a backslash is written twice)", err)
		}
		if re.MatchString("") {
			return nil, fmt.Errorf("pattern %q matches the empty string, and so would change every place of every field", o.Pattern)
		}
		r.rules, r.with, r.own = []masked{{pattern: re, fast: match.New(re)}}, []string{o.With}, true
		return r, nil
	}
	for _, name := range o.Builtin {
		m, ok := builtinPatterns[name]
		if !ok {
			return nil, fmt.Errorf("there is no built-in pattern %q: use %s", name, nameList(slices.Sorted(maps.Keys(builtinPatterns))))
		}
		with := "[" + name + "]"
		if o.With != "" {
			with = o.With
		}
		if m.pattern != nil {
			m.fast = match.New(m.pattern)
		}
		r.rules, r.with = append(r.rules, m), append(r.with, with)
	}
	return r, nil
}

func (p *redactStep) Kind() string { return "redact" }
func (p *redactStep) shapes() bool { return false } // the line is still a line: format "raw" sends what is left of it

func (p *redactStep) apply(s *state) Fate {
	broken := s.refusal != nil || s.unparsed != ""
	for i := range s.record.Fields {
		f := &s.record.Fields[i]
		if p.only == nil || p.only[f.Name] || broken && (f.Name == "message" || f.Name == s.unparsed) {
			f.Value = p.value(s, f.Value, 0)
		}
	}
	return Kept
}

// value redacts a string or a number, and the strings and numbers inside lists and objects.
func (p *redactStep) value(s *state, v record.Value, depth int) record.Value {
	switch v.Kind() {
	case record.String, record.Number:
		text, changed := p.text(s, v.Str())
		if changed {
			return record.Of(text)
		}
	case record.Int, record.Float:
		start := len(s.arena)
		s.arena = record.AppendText(s.arena, v)
		if text, changed := p.text(s, s.text(start)); changed {
			return record.Of(text)
		}
	case record.List, record.Object:
		return p.members(s, v, depth)
	}
	return v
}

// members makes a new list or object if anything in it changes.
func (p *redactStep) members(s *state, v record.Value, depth int) record.Value {
	if depth > 1000 {
		return v
	}
	var names []string
	var values []record.Value
	before := s.counts.Redacted
	v.Members(&s.arena, func(name string, m record.Value) bool {
		if v.Kind() == record.Object {
			names = append(names, name)
		}
		values = append(values, p.value(s, m, depth+1))
		return true
	})
	switch {
	case s.counts.Redacted == before:
		return v
	case v.Kind() == record.List:
		return record.OfList(values)
	}
	return record.OfObject(names, values)
}

func (p *redactStep) text(s *state, text string) (string, bool) {
	before := s.counts.Redacted
	for i := range p.rules {
		rule := &p.rules[i]
		if rule.maybe != nil && !rule.maybe(text) {
			continue
		}
		start, last := len(s.arena), 0
		if rule.find == nil {
			if !rule.fast.Match(&p.matching, text) {
				continue
			}
			for _, at := range rule.pattern.FindAllStringSubmatchIndex(text, -1) {
				last = p.put(s, i, text, last, at)
			}
		} else {
			for {
				from, to := rule.find(text, last)
				if from < 0 {
					break
				}
				p.places = [2]int{from, to}
				last = p.put(s, i, text, last, p.places[:])
			}
		}
		if last > 0 {
			s.arena = append(s.arena, text[last:]...)
			text = s.text(start)
		}
	}
	return text, s.counts.Redacted != before
}

// put appends what is between the match before and this one, and what becomes of it; it returns where it ends.
func (p *redactStep) put(s *state, i int, text string, last int, at []int) int {
	rule := &p.rules[i]
	s.arena = append(s.arena, text[last:at[0]]...)
	match, start := text[at[0]:at[1]], len(s.arena)
	switch {
	case p.own:
		s.arena = rule.pattern.ExpandString(s.arena, p.with[i], text, at)
	case rule.replace != nil && !p.custom:
		s.arena = rule.replace(s.arena, match)
	default:
		s.arena = append(s.arena, p.with[i]...)
	}
	if string(s.arena[start:]) != match {
		s.counts.Redacted++
	}
	return at[1]
}
