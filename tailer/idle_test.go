package tailer

import (
	"testing"
	"time"
)

// A file whose growth an event told of is asked for once more; one that grew in silence (an event was lost, or never comes on this file
// system) is polled for a second.
func TestOnlyWhatEventsDoNotTellOfIsPolled(t *testing.T) {
	for _, c := range []struct {
		name  string
		event bool
		want  time.Duration
	}{
		{"told by an event", true, 50 * time.Millisecond},
		{"found by a sweep", false, quietAfter},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			defer w.end()
			run := func(line ...string) {
				t.Helper()
				if err := w.do(line); err != nil {
					t.Fatalf("%v: %v", line, err)
				}
			}
			run("append", "a.log", "1")
			run("start")
			run("wait", "5s")
			run("append", "a.log", "1")
			if c.event {
				w.f.hints.add(w.path("a.log"), false)
			} else {
				w.f.wantSweep()
			}
			began := w.clock
			for _, err := w.step(); w.f.gens[0].active && err == nil; _, err = w.step() {
				w.clock += w.opts.PollInterval
			}
			if got := w.clock - began; got < c.want || got > c.want+2*w.opts.PollInterval {
				t.Errorf("polled for %v, want %v", got, c.want)
			}
			run("expect", "1-2")
		})
	}
}
