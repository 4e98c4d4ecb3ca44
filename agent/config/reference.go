package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/kinetail/kinetail/pipeline/expr"
)

// toldArgument is what the code that reads an argument says of it.
type toldArgument struct{ kind, def string }

// section is what a block said of itself.
type section struct {
	name, path   string
	args, blocks []string
	told         map[string]toldArgument
	needed       map[string]problem
}

// tell says what an argument is; the last word counts. It does nothing but while the blocks are described.
func (b *body) tell(name, kind, def string) {
	if !b.d.describing {
		return
	}
	if b.told == nil {
		b.told = map[string]toldArgument{}
	}
	b.told[name] = toldArgument{kind, def}
}

func (b *body) section() section {
	return section{b.name, b.path, b.args, b.blocks, b.told, b.needed}
}

func quotedOrNone(s string) string {
	if s == "" {
		return ""
	}
	return strconv.Quote(s)
}

func unlessZero[T ~int64](v T, format func(T) string) string {
	if v == 0 {
		return ""
	}
	return format(v)
}

// Reference is the reference of the configuration, in Markdown: all blocks, arguments, defaults and functions, as the code that reads them
// says, and the words of this package's descriptions.
func Reference() string {
	noEnv := func(string) (string, bool) { return "", false }
	d := &decoder{opts: Options{Env: noEnv, Hostname: "host"}.filled(), describing: true, names: map[string][]string{}, eval: &hcl.EvalContext{}}
	d.describe()
	var out strings.Builder
	out.WriteString(referenceHead)
	for _, s := range inOrder(d.sections) {
		writeSection(&out, s)
	}
	writeFormats(&out)
	writeFunctions(&out)
	return out.String()
}

// inOrder are the sections in the order of the page: each once, and the parsers as one.
func inOrder(all []section) []section {
	byTitle := map[string]section{}
	for _, s := range all {
		title := s.title()
		if have, ok := byTitle[title]; ok {
			for _, name := range s.args {
				if !slices.Contains(have.args, name) {
					have.args = append(have.args, name)
				}
			}
			maps.Copy(have.told, s.told)
			s = have
		} else {
			s.told = maps.Clone(s.told)
			if s.told == nil {
				s.told = map[string]toldArgument{}
			}
		}
		byTitle[title] = s
	}
	var out []section
	for _, title := range sectionOrder {
		if s, ok := byTitle[title]; ok {
			out = append(out, s)
			delete(byTitle, title)
		}
	}
	for _, title := range slices.Sorted(maps.Keys(byTitle)) { // none, or a test says so
		out = append(out, byTitle[title])
	}
	return out
}

// title is the section's heading and the first part of its descriptions' names.
func (s *section) title() string {
	switch {
	case s.path == "":
		return "top"
	case s.path == "flow" || s.path == "test":
		return s.path
	case s.path == "flow.parse":
		return "flow.parse"
	case s.path == "metrics":
		return `metrics "cloudwatch"`
	case s.path == "flow.emit":
		return "flow." + s.name
	}
	for _, where := range []string{"flow.emit.", "metrics."} { // an aws block is the same everywhere
		if rest, ok := strings.CutPrefix(s.path, where); ok && strings.HasPrefix(rest, "aws") {
			return rest
		}
	}
	return s.path
}

func writeSection(out *strings.Builder, s section) {
	title := s.title()
	if title == "top" {
		return
	}
	fmt.Fprintf(out, "\n## %s\n\n%s\n", heading(title), descriptions[title])
	if len(s.args) == 0 {
		return
	}
	out.WriteString("\n| argument | value | default | |\n|---|---|---|---|\n")
	slices.SortFunc(s.args, func(a, b string) int {
		return cmp.Or(-cmp.Compare(btoi(s.required(a)), btoi(s.required(b))), cmp.Compare(a, b))
	})
	for _, name := range s.args {
		about := s.told[name]
		def := about.def
		if def != "" {
			def = "`" + def + "`"
		}
		if s.required(name) {
			def = "needed"
		}
		text := described(title, name)
		if title == "flow.parse" {
			if formats := takenBy(name); formats != "" {
				text = strings.TrimSpace(text + " Formats: " + formats + ".")
			}
		}
		fmt.Fprintf(out, "| `%s` | %s | %s | %s |\n", name, cell(about.kind), cell(def), cell(text))
	}
}

func (s *section) required(name string) bool {
	_, ok := s.needed[name]
	return ok && s.title() != "flow.parse" && !slices.Contains(oneOf, s.title()+"."+name)
}

// heading is a title as it is written in a configuration.
func heading(title string) string {
	parts := strings.Split(title, ".")
	slices.Reverse(parts)
	return "`" + strings.Join(parts, "` in `") + "`"
}

// described is the description of an argument: its own, or what all emit blocks have in common.
func described(title, name string) string {
	if text, ok := descriptions[title+"."+name]; ok {
		return text
	}
	if strings.HasPrefix(title, "flow.emit ") {
		return descriptions["flow.emit."+name]
	}
	return ""
}

func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }

func takenBy(name string) string {
	var formats []string
	for _, f := range slices.Sorted(maps.Keys(parseArguments)) {
		if slices.Contains(parseArguments[f], name) {
			formats = append(formats, f)
		}
	}
	return strings.Join(formats, ", ")
}

func writeFunctions(out *strings.Builder) {
	out.WriteString(referenceExpressions)
	out.WriteString("\n| function | |\n|---|---|\n")
	all := expr.Functions()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		var params []string
		for _, p := range all[name].Params() {
			params = append(params, p.Name)
		}
		if p := all[name].VarParam(); p != nil {
			params = append(params, p.Name+"...")
		}
		about := cmp.Or(all[name].Description(), descriptions["function "+name])
		fmt.Fprintf(out, "| `%s(%s)` | %s |\n", name, strings.Join(params, ", "), cell(strings.Join(strings.Fields(about), " ")))
	}
}
