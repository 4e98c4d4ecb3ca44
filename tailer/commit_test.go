package tailer

import (
	"strings"
	"testing"
)

// TestALaterSuccessIsNotCommittedPastAnEarlierFailure acknowledges the second and third of three batches of a file: only when the first
// is acknowledged too may any of it be committed.
func TestALaterSuccessIsNotCommittedPastAnEarlierFailure(t *testing.T) {
	for _, c := range []struct {
		name  string
		acked []int // of the three batches, in this order
		again string
	}{
		{"later ones only", []int{2, 1}, "expect 1-6"},
		{"with a hole", []int{0, 2}, "expect 3-6"},
		{"from behind", []int{2, 1, 0}, "expect nothing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			defer w.end()
			script := func(lines ...string) {
				t.Helper()
				for _, line := range lines {
					if err := w.do(strings.Fields(line)); err != nil {
						t.Fatalf("%s: %v", line, err)
					}
				}
			}
			script("append a.log 2", "hold", "start", "append a.log 3", "poll", "append a.log 1", "poll", "expect 1-6")
			if len(w.held) != 3 {
				t.Fatalf("%d batches, want 3", len(w.held))
			}
			for _, i := range c.acked {
				w.held[i].Done(1)
			}
			script("sync", "kill", "release", "start", c.again)
		})
	}
}
