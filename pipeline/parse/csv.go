package parse

import (
	"errors"
	"fmt"
	"strings"

	"github.com/kinetail/kinetail/pipeline/record"
)

// csvParser reads one line of comma-separated values as RFC 4180 has them: a column in quotes may hold the delimiter, a doubled quote is
// one. A line with another number of columns is not in the format. Empty columns without quotes are left out.
//
// The names of the columns are given, or those of the file's header line.
type csvParser struct {
	columns   []string
	delimiter byte
	strings   bool
	headers   map[string][]string // the columns of the header lines seen last
}

func newCSV(o Options) (Parser, error) {
	switch {
	case o.Header && len(o.Columns) > 0:
		return nil, errors.New("header = true takes the names of the columns from the file: leave out columns")
	case !o.Header && len(o.Columns) == 0:
		return nil, errors.New("format \"csv\" needs columns = [...], the names of the columns in their order (\"\" leaves a column out), or header = true")
	}
	if err := uniqueColumns(o.Columns); err != nil {
		return nil, err
	}
	p := &csvParser{columns: o.Columns, delimiter: ',', strings: o.Strings}
	switch {
	case len(o.Delimiter) == 1 && o.Delimiter != "\"":
		p.delimiter = o.Delimiter[0]
	case o.Delimiter != "":
		return nil, fmt.Errorf("delimiter %q must be one character of ASCII, and no quote", o.Delimiter)
	}
	return p, nil
}

// maxColumns is the most columns that a header line can name; a line that has more is not in the format.
const maxColumns = 10_000

// maxHeaders is how many header lines are remembered: files that are read at the same time mostly have the same.
const maxHeaders = 64

// SetHeader implements Headed. A column without a name is named by its number, as column_3; a name that is there already gets a number.
func (p *csvParser) SetHeader(line string) {
	if line == "" { // not known: then no line can be read
		p.columns = nil
		return
	}
	columns, ok := p.headers[line]
	if !ok {
		columns = p.names(line)
		if p.headers == nil || len(p.headers) >= maxHeaders {
			p.headers = map[string][]string{}
		}
		p.headers[line] = columns
	}
	p.columns = columns
}

func (p *csvParser) names(line string) []string {
	var names []string
	seen := map[string]bool{}
	for more := true; more && len(names) < maxColumns; {
		var name string
		rest, ok := "", false
		if strings.HasPrefix(line, `"`) {
			var own []byte
			if name, rest, ok = quotedCSV(line, &own); ok && rest != "" && rest[0] != p.delimiter {
				ok = false
			}
		}
		if ok {
			more = rest != ""
			line = strings.TrimPrefix(rest, string(p.delimiter))
		} else {
			name, line, more = cut(line, p.delimiter)
		}
		name = strings.TrimSpace(name)
		if name == "" {
			name = fmt.Sprintf("column_%d", len(names)+1)
		}
		plain := name
		for n := 2; seen[name]; n++ {
			name = fmt.Sprintf("%s_%d", plain, n)
		}
		seen[name] = true
		names = append(names, name)
	}
	return names
}

func (p *csvParser) Parse(line string, r *record.Record, arena *[]byte) bool {
	for n := 0; ; n++ {
		if n == len(p.columns) {
			return false
		}
		name := p.columns[n]
		var v record.Value
		var more bool
		if line != "" && line[0] == '"' {
			text, rest, ok := quotedCSV(line, arena)
			if !ok || rest != "" && rest[0] != p.delimiter {
				return false
			}
			v = record.Of(text)
			if more = rest != ""; more {
				rest = rest[1:]
			}
			line = rest
		} else {
			var text string
			text, line, more = cut(line, p.delimiter)
			if text == "" {
				name = ""
			}
			v = typed(text, p.strings)
		}
		if name != "" {
			r.Add(name, v)
		}
		if !more {
			return n == len(p.columns)-1
		}
	}
}

// quotedCSV reads the column that begins with the quote at s[0].
func quotedCSV(s string, arena *[]byte) (text, rest string, ok bool) {
	end := strings.IndexByte(s[1:], '"') + 1
	if end == 0 {
		return "", s, false
	}
	if end+1 == len(s) || s[end+1] != '"' {
		return s[1:end], s[end+1:], true
	}
	start := len(*arena)
	s = s[1:]
	for {
		i := strings.IndexByte(s, '"')
		if i < 0 {
			return "", s, false
		}
		*arena = append(*arena, s[:i]...)
		if i+1 == len(s) || s[i+1] != '"' {
			return record.Alias((*arena)[start:len(*arena):len(*arena)]), s[i+1:], true
		}
		*arena = append(*arena, '"')
		s = s[i+2:]
	}
}
