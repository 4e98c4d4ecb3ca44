package parse

import (
	"strings"

	"github.com/kinetail/kinetail/pipeline/record"
)

// logfmtParser reads name=value pairs between spaces; values with spaces are in quotes with Go's and JSON's escapes; a name alone is true.
// A line with a broken quote, or without any name=value, is not logfmt.
type logfmtParser struct {
	strings bool
	names   nameCheck
}

func newLogfmt(o Options) (Parser, error) { return &logfmtParser{strings: o.Strings}, nil }

func (p *logfmtParser) Parse(line string, r *record.Record, arena *[]byte) bool {
	p.names.reset()
	pairs := 0
	for i := 0; ; {
		for i < len(line) && (line[i] == ' ' || line[i] == '\t') {
			i++
		}
		if i == len(line) {
			return pairs > 0
		}
		start := i
		for i < len(line) && line[i] > ' ' && line[i] != '=' && line[i] != '"' {
			i++
		}
		name := line[start:i]
		if i == len(line) || line[i] == ' ' || line[i] == '\t' {
			p.names.add(r, name, record.OfBool(true))
			continue
		}
		if line[i] != '=' || name == "" {
			return false
		}
		i++
		pairs++
		if i < len(line) && line[i] == '"' {
			v, next, plain, ok := record.ReadString(line, i, arena)
			if !ok || next < len(line) && line[next] > ' ' {
				return false
			}
			i = next
			if plain {
				p.names.add(r, name, record.Plain(v))
			} else {
				p.names.add(r, name, record.Of(v))
			}
			continue
		}
		start = i
		for i < len(line) && line[i] > ' ' && line[i] != '"' {
			i++
		}
		if i < len(line) && line[i] != ' ' && line[i] != '\t' {
			return false
		}
		p.names.add(r, name, typed(line[start:i], p.strings))
	}
}

// kvParser reads pairs between any separators. Values may be in double or single quotes, in which a backslash keeps the next character.
// What has no separator is left out; a line without any pair is not in the format.
type kvParser struct {
	pairs, values string
	strings       bool
	names         nameCheck
}

func newKV(o Options) (Parser, error) {
	p := &kvParser{pairs: o.Pairs, values: o.Values, strings: o.Strings}
	if p.pairs == "" {
		p.pairs = " "
	}
	if p.values == "" {
		p.values = "="
	}
	return p, nil
}

func (p *kvParser) Parse(line string, r *record.Record, arena *[]byte) bool {
	p.names.reset()
	found := false
	for s := line; s != ""; {
		end := strings.Index(s, p.pairs)
		if end < 0 {
			end = len(s)
		}
		at := strings.Index(s[:end], p.values)
		if at < 0 {
			s = s[min(len(s), end+len(p.pairs)):]
			continue
		}
		name, value := strings.Trim(s[:at], " \t"), s[at+len(p.values):]
		if value != "" && (value[0] == '"' || value[0] == '\'') {
			if text, rest, ok := quotedBy(value, arena); ok {
				found = true
				p.names.add(r, name, record.Of(text))
				if i := strings.Index(rest, p.pairs); i >= 0 {
					s = rest[i+len(p.pairs):]
				} else {
					s = ""
				}
				continue
			}
		}
		value = s[at+len(p.values) : end]
		found = true
		p.names.add(r, name, typed(strings.Trim(value, " \t"), p.strings))
		s = s[min(len(s), end+len(p.pairs)):]
	}
	return found
}

// quotedBy reads the string between the quote at s[0] and the next of its kind.
func quotedBy(s string, arena *[]byte) (text, rest string, ok bool) {
	escaped := false
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			escaped = true
			i++
		case s[0]:
			if !escaped {
				return s[1:i], s[i+1:], true
			}
			start := len(*arena)
			for j := 1; j < i; j++ {
				if s[j] == '\\' {
					j++
				}
				*arena = append(*arena, s[j])
			}
			return record.Alias((*arena)[start:len(*arena):len(*arena)]), s[i+1:], true
		}
	}
	return "", s, false
}
