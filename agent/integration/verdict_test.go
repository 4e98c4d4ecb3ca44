//go:build integration

package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// verdict compares what the writer wrote, what the rotator left in the bodies of the file, and what arrived.
type verdict struct {
	written   int // complete lines in the writer's own log
	inBodies  int // of them, those in any body of the rotated file
	delivered int // of them, those that arrived at least once
	repeated  int // arrivals beyond the first
	// destroyed lines are in no body and did not arrive: the rotator truncated them away before anybody could read them.
	destroyed int
	// torn records are the beginning of a line: the rotator's copy ended within it.
	torn []string
	// lost lines are in a body and did not arrive.
	lost []string
	// foreign records are nothing that was ever written.
	foreign []string
}

func (v verdict) String() string {
	return fmt.Sprintf("written %d, in a body %d, delivered %d, lost %d, repeated %d, destroyed by the rotator %d, torn by the rotator %d, foreign %d",
		v.written, v.inBodies, v.delivered, len(v.lost), v.repeated, v.destroyed, len(v.torn), len(v.foreign))
}

// judge needs every written line to be unlike any other.
func judge(t *testing.T, written, inBodies, arrived []string) verdict {
	t.Helper()
	v := verdict{written: len(written)}
	seen := make(map[string]int, len(arrived))
	for _, a := range arrived {
		seen[a]++
	}
	body := make(map[string]bool, len(inBodies))
	for _, b := range inBodies {
		body[b] = true
	}
	for _, w := range written {
		n, in := seen[w], body[w]
		delete(seen, w)
		if in {
			v.inBodies++
		}
		switch {
		case n > 0:
			v.delivered++
			v.repeated += n - 1
		case in:
			v.lost = append(v.lost, w)
		default:
			v.destroyed++
		}
	}
	if len(seen) > 0 {
		all := "\n" + strings.Join(written, "\n")
		for a := range seen {
			if a != "" && strings.Contains(all, "\n"+a) {
				v.torn = append(v.torn, a)
			} else {
				v.foreign = append(v.foreign, a)
			}
		}
	}
	return v
}

// check fails the test over what must never be; copied says that the rotator copies and truncates.
func (v verdict) check(t *testing.T, copied bool) {
	t.Helper()
	t.Log(v)
	if len(v.lost) > 0 {
		t.Errorf("%d lines were lost, the first of them:\n%s", len(v.lost), strings.Join(v.lost[:min(5, len(v.lost))], "\n"))
	}
	if len(v.foreign) > 0 {
		t.Errorf("%d records are nothing that was written, the first of them:\n%s", len(v.foreign), strings.Join(v.foreign[:min(5, len(v.foreign))], "\n"))
	}
	if !copied && v.destroyed > 0 {
		t.Errorf("%d lines are in no body of the file, though the rotator renames: the test itself is wrong", v.destroyed)
	}
	if !copied && len(v.torn) > 0 {
		t.Errorf("%d records are only the beginning of a line, the first of them:\n%s", len(v.torn), v.torn[0])
	}
}

// lines are the complete lines of all files that match a pattern.
func lines(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no file matches %s (%v)", pattern, err)
	}
	var all []string
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		text, _, found := cutLast(string(b), "\n")
		if found {
			all = append(all, strings.Split(text, "\n")...)
		}
	}
	return all
}

// cutLast splits s at the last sep.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return "", s, false
}
