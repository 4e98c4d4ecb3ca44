package tailer

import (
	"os"
	"path/filepath"
	"testing"
)

// A log that is truncated between the look at its size and the one at what is in it has lost nothing that anybody knows of: what it had is in the copy.
func TestTruncatedBetweenTwoLooks(t *testing.T) {
	w := newWorld(t)
	defer w.end()
	w.opts.Paths = []string{w.path("a.log*")}
	if err := w.append("a.log", 60); err != nil {
		t.Fatal(err)
	}
	done := false
	fault = func(call, path string) error {
		if call != "open" || filepath.Base(path) != "a.log" || done {
			return nil
		}
		done = true
		if err := copyFile(path, path+".1"); err != nil {
			t.Error(err)
		}
		if err := os.Truncate(path, 0); err != nil {
			t.Error(err)
		}
		return w.append("a.log", 30)
	}
	if err := w.start(); err != nil {
		t.Fatal(err)
	}
	for _, script := range [][]string{{"wait", "1m"}, {"wait", "1m"}, {"expect", "every"}, {"expect", "gap", "0"}} {
		if err := w.do(script); err != nil {
			t.Error(err)
		}
	}
}
