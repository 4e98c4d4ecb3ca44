package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTablesBecomeLists(t *testing.T) {
	const markdown = "before\n\n| argument | value | default | |\n|---|---|---|---|\n| `a` | \"x\" \\| \"y\" | `\"x\"` | What it is. |\n| `b` | size | needed | More. |\n\nafter\n"
	const want = "before\n\n`a` (\"x\" | \"y\", default `\"x\"`)\n: What it is.\n\n`b` (size, needed)\n: More.\n\n\nafter\n"
	if got := lists(markdown); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestEveryCommandHasAPage(t *testing.T) {
	out := t.TempDir()
	if err := write(out, "../../docs/reference.md", time.Unix(1700000000, 0).UTC()); err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{
		"man1/kinetail.1": "kinetail-run(1)", "man1/kinetail-run.1": "shutdown_timeout", "man5/kinetail.hcl.5": "partition_key",
		"bash/kinetail": "complete", "zsh/_kinetail": "compdef", "fish/kinetail.fish": "complete",
	} {
		b, err := os.ReadFile(filepath.Join(out, file))
		if err != nil || !strings.Contains(strings.ReplaceAll(string(b), `\-`, "-"), text) {
			t.Errorf("%s: %v, or %q is not in it", file, err, text)
		}
	}
}
