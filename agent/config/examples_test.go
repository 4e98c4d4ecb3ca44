package config

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestExamples loads what stands in configs/, which people copy: no error, no hint but the expected ones, and formatted.
func TestExamples(t *testing.T) {
	hints := map[string]int{"several-destinations.hcl": 1, "custom-endpoint.hcl": 1} // their destinations advance together, as they say
	entries, err := os.ReadDir("../../configs")
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) < 5 {
		t.Errorf("only %d examples", len(entries))
	}
	for _, e := range entries {
		path := filepath.Join("../../configs", e.Name())
		t.Run(e.Name(), func(t *testing.T) {
			opts := testOptions()
			opts.BaseDir = ""
			cfg, diags := Load(path, opts)
			if cfg == nil {
				t.Fatalf("%s", text(t, diags))
			}
			if _, n := diags.Count(); n != hints[e.Name()] {
				t.Errorf("%d hints, expected %d:\n%s", n, hints[e.Name()], text(t, diags))
			}
			for name, file := range diags.Files {
				if !bytes.Equal(file.Bytes, Format(file.Bytes)) {
					t.Errorf("%s is not formatted", name)
				}
			}
		})
	}
}

// snippet is a block of code in a Markdown file.
type snippet struct {
	line int
	kind string // the word behind the three backticks
	text string
}

// snippets are the fenced blocks of a Markdown text. Blocks inside lists are indented, and so are their fences.
func snippets(text string) []snippet {
	var out []snippet
	var open *snippet
	indent := ""
	for i, line := range strings.Split(text, "\n") {
		trimmed := strings.TrimLeft(line, " ")
		switch {
		case open == nil && strings.HasPrefix(trimmed, "```"):
			indent = line[:len(line)-len(trimmed)]
			open = &snippet{line: i + 2, kind: strings.TrimSpace(strings.TrimPrefix(trimmed, "```"))}
		case open != nil && strings.TrimSpace(line) == "```":
			out = append(out, *open)
			open = nil
		case open != nil:
			open.text += strings.TrimPrefix(line, indent) + "\n"
		}
	}
	return out
}

// checkSnippets loads every ```hcl block, which must be a whole configuration (one without a flow gets one), and every ```hcl-error
// block, which must be wrong. It returns how many there were.
func checkSnippets(name, text string) (n int, problems []string) {
	for _, s := range snippets(text) {
		if s.kind != "hcl" && s.kind != "hcl-error" {
			continue
		}
		n++
		src := s.text
		if !strings.Contains(src, "flow \"") {
			src += smallest
		}
		cfg, diags := loadBytes(fmt.Sprintf("%s (the block at line %d)", name, s.line), []byte(src))
		var out bytes.Buffer
		_ = diags.WriteText(&out, TextOptions{}) // a buffer takes everything
		switch {
		case s.kind == "hcl" && cfg == nil:
			problems = append(problems, out.String())
		case s.kind == "hcl-error" && cfg != nil:
			problems = append(problems, fmt.Sprintf("%s:%d: this is marked as wrong, and it is right", name, s.line))
		}
	}
	return n, problems
}

// TestDocs loads the configurations that the documentation shows.
func TestDocs(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	top, err := filepath.Glob("../../*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, top...) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		n, problems := checkSnippets(page, string(text))
		for _, p := range problems {
			t.Error(p)
		}
		t.Logf("%s: %d configurations", page, n)
	}
}

func TestCheckSnippets(t *testing.T) {
	page := "# Title\n\n```hcl\n" + smallest + "```\n\n- in a list\n\n  ```hcl\n  agent {\n    log_level = \"debug\"\n  }\n  ```\n\n```sh\nls\n```\n\n```hcl-error\nagent {\n  log_lvl = 1\n}\n```\n"
	if n, problems := checkSnippets("page.md", page); n != 3 || len(problems) != 0 {
		t.Errorf("%d blocks, %q", n, problems)
	}
	wrong := strings.NewReplacer("stream =", "steam =", "log_lvl = 1", "log_level = \"info\"").Replace(page)
	if _, problems := checkSnippets("page.md", wrong); len(problems) != 2 || !strings.Contains(problems[0], `did you mean "stream"?`) || !strings.Contains(problems[1], "page.md:24") {
		t.Errorf("%q", problems)
	}
}
