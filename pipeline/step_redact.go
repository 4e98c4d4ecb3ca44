package pipeline

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"

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

// masked is a built-in pattern: what it finds, a cheap sign without which it finds nothing, and what becomes of it.
type masked struct {
	pattern *regexp.Regexp
	sign    string
	replace func(dst []byte, match string) ([]byte, bool)
}

var builtinPatterns = map[string]masked{
	"email": {regexp.MustCompile(`[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+`), "@", nil},
	"card":  {regexp.MustCompile(`\b[0-9](?:[ -]?[0-9]){12,18}\b`), "", card},
	"ipv4":  {regexp.MustCompile(`\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}\b`), ".", shortened(24)},
	"ipv6":  {regexp.MustCompile(`(?i)(?:[0-9a-f]{0,4}:){2,7}(?:(?:[0-9]{1,3}\.){3}[0-9]{1,3}|[0-9a-f]{0,4})`), ":", shortened(48)},
	"jwt":   {regexp.MustCompile(`\beyJ[A-Za-z0-9_-]+\.eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*`), "eyJ", nil},
	// Access key ids have a prefix that says what they are of (IAM reference, unique identifiers); a secret key is 40 characters
	// of base64 and is found only where something beside it says that it is one.
	"aws_key": {regexp.MustCompile(`\b(?:AKIA|ASIA)[A-Z2-7]{16}\b|(?i:aws_?secret_?access_?key|secretaccesskey)["' ]{0,3}[=:]["' ]{0,3}[A-Za-z0-9/+]{40}`), "", nil},
}

// card replaces what passes the Luhn check; other long numbers stay.
func card(dst []byte, match string) ([]byte, bool) {
	sum, n := 0, 0
	for i := len(match) - 1; i >= 0; i-- {
		d := int(match[i]) - '0'
		if d < 0 || d > 9 {
			continue
		}
		if n%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
		n++
	}
	if sum%10 != 0 {
		return append(dst, match...), false
	}
	return append(dst, "[card]"...), true
}

// shortened keeps the first bits of an address.
func shortened(bits int) func([]byte, string) ([]byte, bool) {
	return func(dst []byte, match string) ([]byte, bool) {
		a, from, to := addressIn(match)
		if !a.IsValid() {
			return append(dst, match...), false
		}
		n := bits
		if a.Is4In6() {
			n = 96 + 24
		}
		p, err := a.Prefix(min(n, a.BitLen()))
		if err != nil {
			return append(dst, match...), false
		}
		dst = append(dst, match[:from]...)
		dst = p.Addr().AppendTo(dst)
		return append(dst, match[to:]...), true
	}
}

// addressIn finds the longest address among the groups between the colons of match: what is beside it ("client:2001:db8::1: x") may look
// like more of it.
func addressIn(match string) (a netip.Addr, from, to int) {
	if a, err := netip.ParseAddr(match); err == nil {
		return a, 0, len(match)
	}
	cuts := []int{0}
	for i := 0; i < len(match); i++ {
		if match[i] == ':' {
			cuts = append(cuts, i, i+1)
		}
	}
	cuts = append(cuts, len(match))
	for _, start := range cuts {
		for j := len(cuts) - 1; j >= 0 && cuts[j] > start; j-- {
			text := match[start:cuts[j]]
			if strings.Count(text, ":") < 2 || cuts[j]-start <= to-from {
				continue
			}
			if found, err := netip.ParseAddr(text); err == nil {
				a, from, to = found, start, cuts[j]
			}
		}
	}
	return a, from, to
}

type redactStep struct {
	only  map[string]bool
	rules []masked
	with  []string // for each rule what replaces a match, where it has no function
	own   bool     // the only rule is a pattern whose replacement is expanded
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
		r.rules, r.with, r.own = []masked{{pattern: re}}, []string{o.With}, true
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
	changed := false
	for i := range p.rules {
		rule := &p.rules[i]
		if rule.sign != "" && !strings.Contains(text, rule.sign) || !rule.pattern.MatchString(text) {
			continue
		}
		start, last, replaced := len(s.arena), 0, false
		for _, at := range rule.pattern.FindAllStringSubmatchIndex(text, -1) {
			s.arena = append(s.arena, text[last:at[0]]...)
			last = at[1]
			ok := true
			switch {
			case rule.replace != nil:
				from := len(s.arena)
				if s.arena, ok = rule.replace(s.arena, text[at[0]:at[1]]); ok && p.custom {
					s.arena = append(s.arena[:from], p.with[i]...)
				}
			case p.own:
				s.arena = rule.pattern.ExpandString(s.arena, p.with[i], text, at)
			default:
				s.arena = append(s.arena, p.with[i]...)
			}
			if ok {
				s.counts.Redacted++
				replaced = true
			}
		}
		if replaced {
			s.arena = append(s.arena, text[last:]...)
			text, changed = s.text(start), true
		}
	}
	return text, changed
}
