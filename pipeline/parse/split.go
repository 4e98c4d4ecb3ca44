package parse

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/kinetail/kinetail/pipeline/record"
)

// splitParser cuts a line at whatever a regular expression matches, and names the parts: no quotes, no escapes. Space around a part is taken
// off. It takes any line: columns that the line does not have are null, and empty parts at its end count as parts that it does not have; parts
// behind the last column are left out.
type splitParser struct {
	columns []string
	at      *regexp.Regexp
	literal string // instead of at, where it is only text: looking for it allocates nothing
	space   bool   // instead of at, where it is runs of white space
	strings bool
	null    string
}

// whiteSpace is the separator where none is given.
const whiteSpace = `\s+`

func newSplit(o Options) (Parser, error) {
	if len(o.Columns) == 0 {
		return nil, errors.New("format \"split\" needs columns = [...], the names of the parts in their order; \"\" leaves a part out")
	}
	if err := uniqueColumns(o.Columns); err != nil {
		return nil, err
	}
	if o.Separator == "" {
		o.Separator = whiteSpace
	}
	re, err := regexp.Compile(o.Separator)
	if err != nil {
		return nil, fmt.Errorf("%w (in a quoted string a backslash is written twice)", err)
	}
	if re.MatchString("") {
		return nil, fmt.Errorf("separator %q matches the empty text, which is between any two characters", o.Separator)
	}
	p := &splitParser{columns: o.Columns, at: re, strings: o.Strings, null: o.NullValue, space: o.Separator == whiteSpace}
	if prefix, whole := re.LiteralPrefix(); whole {
		p.literal = prefix
	}
	return p, nil
}

func uniqueColumns(columns []string) error {
	seen := map[string]bool{}
	for _, c := range columns {
		if seen[c] && c != "" {
			return fmt.Errorf("column %q is named twice", c)
		}
		seen[c] = true
	}
	return nil
}

func (p *splitParser) Parse(line string, r *record.Record, _ *[]byte) bool {
	more, filled := true, 0
	for _, name := range p.columns {
		part := ""
		if more {
			part, line, more = p.next(line)
		}
		if name != "" {
			r.Add(name, nullOr(strings.TrimSpace(part), p.null, p.strings))
		}
		if part != "" {
			filled = len(r.Fields)
		}
	}
	for more && filled < len(r.Fields) { // is there anything behind the columns, which makes the empty ones before it empty and not missing?
		var part string
		if part, line, more = p.next(line); part != "" {
			filled = len(r.Fields)
		}
	}
	for i := filled; i < len(r.Fields); i++ {
		r.Fields[i].Value = record.Value{}
	}
	return true
}

// next is the first part of a line, and what is behind the separator.
func (p *splitParser) next(line string) (part, rest string, more bool) {
	if p.literal != "" {
		return strings.Cut(line, p.literal)
	}
	if p.space {
		i := strings.IndexAny(line, " \t\n\f\r")
		if i < 0 {
			return line, "", false
		}
		return line[:i], strings.TrimLeft(line[i:], " \t\n\f\r"), true
	}
	at := p.at.FindStringIndex(line)
	if at == nil {
		return line, "", false
	}
	return line[:at[0]], line[at[1]:], true
}

// nullOr is a text as a value, null where it says that there is none.
func nullOr(s, null string, stringsOnly bool) record.Value {
	if null != "" && s == null {
		return record.Value{}
	}
	return typed(s, stringsOnly)
}
