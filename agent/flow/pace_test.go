package flow

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"github.com/kinetail/kinetail/tailer"
)

// sized says of each batch that it covers as many bytes of its file as the line has; the records have them too.
type sized struct{ *listSource }

func (s sized) Next(ctx context.Context) (*tailer.Batch, error) {
	b, err := s.listSource.Next(ctx)
	if b != nil {
		b.End = int64(len(b.Data))
	}
	return b, err
}

// TestPace: flows together read so many bytes in a second, also where a batch has more than a burst, and stop at once.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pace := rate.NewLimiter(1000, 100)
		start := time.Now()
		for range 2 {
			s := &listSource{left: []string{strings.Repeat("a", 1000), strings.Repeat("b", 500)}}
			d := &heldDestination{name: "d"}
			f := newFlow(s, d)
			f.Sources[0], f.Pace = sized{s}, pace
			if err := f.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if len(d.got) != 2 {
				t.Errorf("%d records", len(d.got))
			}
		}
		if took := time.Since(start); took != 2900*time.Millisecond { // the first burst is free
			t.Errorf("3000 bytes at 1000 in a second took %v", took)
		}
		s := &listSource{left: []string{strings.Repeat("a", 1000)}}
		f := newFlow(s, &heldDestination{name: "d"})
		f.Sources[0], f.Pace = sized{s}, pace
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Millisecond, cancel)
		if err := f.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("stopped, Run said %v", err)
		}
		if err := f.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if len(s.acked) != 0 {
			t.Error("what was not handed over is acknowledged")
		}
	})
}
