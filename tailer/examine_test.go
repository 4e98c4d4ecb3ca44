package tailer

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestExamine(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.log", "a.log.1", "b.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mkfifo(filepath.Join(dir, "p.log"), 0o600); err != nil {
		t.Fatal(err)
	}
	patterns := []string{filepath.Join(dir, "*.log"), filepath.Join(dir, "a.*g"), filepath.Join(dir, "none.{a,b}")}
	x, err := Examine(Options{Flow: "f", Paths: patterns, Framer: lines{}})
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, f := range x.Found {
		s := filepath.Base(f.Path)
		if f.Err != nil {
			s += " refused"
		}
		found = append(found, s)
	}
	if diff := cmp.Diff([]string{"a.log", "p.log refused"}, found); diff != "" {
		t.Error(diff)
	}
	// The second pattern has a match, though the first had it before.
	if diff := cmp.Diff(patterns[2:], x.Unmatched); diff != "" {
		t.Error(diff)
	}
}

func TestFixedPrefix(t *testing.T) {
	for pattern, want := range map[string]string{
		"/var/log/nginx/*.log": "/var/log/nginx", "/var/log/a.log": "/var/log/a.log", "/var/log/{a,b}/x": "/var/log", "/*.log": "/", "/var/**/x.log": "/var",
	} {
		if got := FixedPrefix(pattern); got != want {
			t.Errorf("%s: %s", pattern, got)
		}
	}
}
