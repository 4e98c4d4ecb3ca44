package config

import (
	"os"
	"strings"
	"testing"

	"github.com/kinetail/kinetail/pipeline/expr"
)

// TestReference compares docs/reference.md with what the code says.
func TestReference(t *testing.T) {
	if *update {
		if err := os.MkdirAll("../../docs", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "../../docs/reference.md", []byte(Reference()))
}

// Every block and argument is described, every description is of something, and no argument is without a type.
func TestEverythingIsDescribed(t *testing.T) {
	d := &decoder{opts: testOptions().filled(), describing: true, names: map[string][]string{}, eval: nil}
	d.describe()
	known := map[string]bool{}
	for _, s := range inOrder(d.sections) {
		title := s.title()
		if title == "top" {
			continue
		}
		known[title] = true
		if descriptions[title] == "" {
			t.Errorf("the block %s has no description", title)
		}
		for _, name := range s.args {
			if s.told[name].kind == "" {
				t.Errorf("%s.%s does not say what it is", title, name)
			}
			if _, ok := descriptions[title+"."+name]; ok {
				known[title+"."+name] = true
			} else if _, ok := descriptions["flow.emit."+name]; ok && strings.HasPrefix(title, "flow.emit ") {
				known["flow.emit."+name] = true
			} else {
				t.Errorf("%s.%s has no description", title, name)
			}
		}
	}
	for format := range formatExamples {
		known["format "+format] = true
	}
	for name, f := range expr.Functions() {
		if own := descriptions["function "+name]; (f.Description() == "") == (own == "") {
			t.Errorf("the function %s has no description, or two", name)
		}
		known["function "+name] = true
	}
	for name := range descriptions {
		if !known[name] {
			t.Errorf("there is no %s to describe", name)
		}
	}
	for _, title := range sectionOrder {
		if !known[title] {
			t.Errorf("there is no block %s", title)
		}
	}
	for format := range parseArguments {
		if x, ok := formatExamples[format]; !ok || strings.Contains(parsed(format, x.line, x.options), "parse_error") {
			t.Errorf("format %q has no example that it can read", format)
		}
	}
}
