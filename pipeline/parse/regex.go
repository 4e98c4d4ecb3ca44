package parse

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/kinetail/kinetail/pipeline/match"
	"github.com/kinetail/kinetail/pipeline/record"
)

// regexParser takes the groups of a regular expression (RE2's syntax: linear time) that have a name, their own or one of columns. Groups that did
// not take part are left out, or null if there is a text for null.
type regexParser struct {
	pattern *match.Regexp
	state   match.State
	groups  []group
	strings bool
	null    string
}

// group is a named group and how its text is read.
type group struct {
	index int
	name  string
	kind  string // "", "int", "float", "string"
}

func newRegex(o Options) (Parser, error) {
	if o.Pattern == "" {
		return nil, errors.New("format \"regex\" needs pattern = \"...\" with named groups like (?P<status>\\\\d+)")
	}
	re, err := regexp.Compile(o.Pattern)
	if err != nil {
		return nil, fmt.Errorf("%w (in a quoted string a backslash is written twice; a heredoc or file(\"...\") takes it as it is)", err)
	}
	p := &regexParser{pattern: match.New(re), strings: o.Strings, null: o.NullValue}
	names, err := groupNames(re, o.Columns)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for i, name := range names {
		if name == "" {
			continue
		}
		if seen[name] {
			return nil, fmt.Errorf("two groups have the name %q", name)
		}
		seen[name] = true
		p.groups = append(p.groups, group{index: i, name: name})
	}
	if len(p.groups) == 0 {
		return nil, errors.New("the pattern has no named groups, so it makes no fields: write (?P<name>...) around what is wanted, or name the groups with columns = [...]")
	}
	return p, nil
}

// groupNames are the names of the groups by their index; columns, if there are any, name them in their order.
func groupNames(re *regexp.Regexp, columns []string) ([]string, error) {
	names := re.SubexpNames()
	if len(columns) == 0 {
		return names, nil
	}
	for _, name := range names {
		if name != "" {
			return nil, fmt.Errorf("the group %q has a name already: name the groups in the pattern, or with columns", name)
		}
	}
	if re.NumSubexp() != len(columns) {
		return nil, fmt.Errorf("the pattern has %d groups and columns has %d names: write (?:...) for a group that is no field, or \"\" as its name", re.NumSubexp(), len(columns))
	}
	return append([]string{""}, columns...), nil
}

func (p *regexParser) Parse(line string, r *record.Record, _ *[]byte) bool {
	at := p.pattern.Find(&p.state, line)
	if at == nil {
		return false
	}
	for _, g := range p.groups {
		from := at[2*g.index]
		if from < 0 {
			if p.null != "" {
				r.Set(g.name, record.Value{})
			}
			continue
		}
		text := line[from:at[2*g.index+1]]
		if text == "" && (g.kind == "int" || g.kind == "float" || r.Index(g.name) >= 0) {
			continue // no number; or of several groups of one name another one has matched
		}
		r.Set(g.name, nullOr(text, p.null, p.strings || g.kind == "string"))
	}
	return true
}
