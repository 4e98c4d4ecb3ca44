package parse

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/kinetail/kinetail/pipeline/match"
)

// newGrok makes a regular expression of a grok pattern: %{NAME}, %{NAME:field} and %{NAME:field:int|float|string} stand for named patterns.
// Patterns written with look-around or atomic groups, which RE2 lacks, are refused.
func newGrok(o Options) (Parser, error) {
	if o.Pattern == "" {
		return nil, errors.New("format \"grok\" needs pattern = \"%%{COMBINEDAPACHELOG}\" or the like (HCL takes %{ for itself, so it is written %%{)")
	}
	g := grok{own: o.Patterns}
	text, err := g.expand(o.Pattern, 0)
	if err != nil {
		return nil, err
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, fmt.Errorf("the pattern becomes no regular expression of RE2: %w", err)
	}
	p := &regexParser{pattern: match.New(re), strings: o.Strings}
	for i, name := range re.SubexpNames() {
		if name == "" {
			continue
		}
		if f, ok := g.byGroup[name]; ok {
			p.groups = append(p.groups, group{index: i, name: f.name, kind: f.kind})
		} else {
			p.groups = append(p.groups, group{index: i, name: name})
		}
	}
	if len(p.groups) == 0 {
		return nil, errors.New("the pattern names no fields: write %{NAME:field}")
	}
	return p, nil
}

type grok struct {
	own     map[string]string
	byGroup map[string]group
	size    int
}

var grokReference = regexp.MustCompile(`%\{([A-Za-z0-9_]+)(?::([^}:]+))?(?::([a-z]+))?\}`)

const (
	grokDepth = 30
	grokSize  = 64 << 10 // bytes of the whole expression
)

func (g *grok) expand(pattern string, depth int) (string, error) {
	if depth > grokDepth {
		return "", errors.New("patterns refer to each other in a circle")
	}
	if g.size += len(pattern); g.size > grokSize {
		return "", errors.New("the pattern is too large")
	}
	var out strings.Builder
	last := 0
	for _, at := range grokReference.FindAllStringSubmatchIndex(pattern, -1) {
		out.WriteString(pattern[last:at[0]])
		last = at[1]
		name := pattern[at[2]:at[3]]
		inner, ok := g.own[name]
		if !ok {
			if inner, ok = grokPatterns[name]; !ok {
				return "", fmt.Errorf("there is no pattern %%{%s}%s", name, nearest(name, slices.Concat(slices.Collect(maps.Keys(g.own)), slices.Collect(maps.Keys(grokPatterns)))))
			}
		}
		text, err := g.expand(inner, depth+1)
		if err != nil {
			return "", err
		}
		if at[4] < 0 {
			out.WriteString("(?:" + text + ")")
			continue
		}
		field, kind := pattern[at[4]:at[5]], ""
		if at[6] >= 0 {
			kind = pattern[at[6]:at[7]]
		}
		switch kind {
		case "", "int", "float", "string":
		default:
			return "", fmt.Errorf("%%{%s:%s:%s}: use int, float or string", name, field, kind)
		}
		if g.byGroup == nil {
			g.byGroup = map[string]group{}
		}
		id := fmt.Sprintf("grok%d", len(g.byGroup))
		g.byGroup[id] = group{name: strings.Trim(field, "[]"), kind: kind}
		out.WriteString("(?P<" + id + ">" + text + ")")
	}
	out.WriteString(pattern[last:])
	return out.String(), nil
}

// nearest is ": did you mean ...?" for the name that shares most of its letters, or empty.
func nearest(name string, names []string) string {
	slices.Sort(names)
	for _, n := range names {
		if strings.EqualFold(n, name) || len(name) > 3 && (strings.Contains(n, strings.ToUpper(name)) || strings.Contains(strings.ToUpper(name), n)) && len(n) > 3 {
			return fmt.Sprintf("; did you mean %%{%s}?", n)
		}
	}
	return ""
}
