package tailer

import (
	"strings"
	"testing"
)

// TestGenerationIsDurableBeforeItsFirstRecord: what was handed out before a kill has the same generation when it is handed out again, also when
// nothing was committed in between: the ids of its records are made of it. A copy that is read as a file of its own has another.
func TestGenerationIsDurableBeforeItsFirstRecord(t *testing.T) {
	w := newWorld(t)
	defer w.end()
	for _, line := range []string{
		"append a.log 2", "hold", "start", "expect 1-2", // nothing is acknowledged
		"kill", "release", "start", "expect 1-2",
		"append b.log 1", "wait 6s", "expect 3",
	} {
		if err := w.do(strings.Fields(line)); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	if len(w.got) != 5 {
		t.Fatalf("%d records", len(w.got))
	}
	first := w.got[0].source.Generation
	if len(first) != 32 {
		t.Errorf("generation %q", first)
	}
	for _, d := range w.got[1:4] {
		if d.source.Generation != first {
			t.Errorf("line %d has generation %s after the kill, and had %s", d.number, d.source.Generation, first)
		}
	}
	if w.got[4].source.Generation == first {
		t.Error("two files have one generation")
	}
}
