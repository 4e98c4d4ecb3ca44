package tailer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestARotatorAtWorkHidesNothing renames a body between the reading of its directory and the look at its name, so that one survey sees it nowhere. It
// is compressed and was never read, so that nothing but its number tells which it is.
func TestARotatorAtWorkHidesNothing(t *testing.T) {
	w := newWorld(t)
	defer w.end()
	run := func(script string) {
		t.Helper()
		for line := range strings.Lines(script) {
			if words := strings.Fields(line); len(words) > 0 {
				if err := w.do(words); err != nil {
					t.Fatalf("%s: %v", line, err)
				}
			}
		}
	}
	run(`
		option max_unacked 10
		append a.log 1
		start
		hold
		append a.log 1
		poll
		rename a.log a.log.2
		append a.log 1
		rename a.log a.log.1
		gzip a.log.1
		append a.log 1
		poll`)
	renamed := false
	fault = func(call, path string) error {
		if call == "stat" && filepath.Base(path) == "a.log.1.gz" && !renamed {
			renamed = true
			return os.Rename(w.path("a.log.1.gz"), w.path("a.log.5.gz"))
		}
		return nil
	}
	run(`
		poll
		mend
		release
		wait 1m
		release
		wait 1m
		expect gap 0
		expect all`)
	if !renamed {
		t.Error("nobody looked")
	}
}
