package demo

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync/atomic"
	"time"
)

// users is how many partition keys the demo's lines have.
const users = 200

// writer writes access-log lines at a rate and rotates the file by renaming it, as logrotate's create mode does.
type writer struct {
	path      string
	lines     int
	rate      int // lines per second
	rotations int

	written atomic.Int64
	rotated atomic.Int64
}

// tick is how often the writer writes; it catches up with its rate in each.
const tick = 10 * time.Millisecond

// run writes until all lines are written or ctx ends. Line i says its number, its user and how many lines of that user came
// before it, so that the reader of the stream can tell what is lost, repeated or out of order from the lines alone.
func (w *writer) run(ctx context.Context) error {
	random := rand.New(rand.NewPCG(1, 2))
	perUser := make([]int, users)
	f, err := w.create()
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	out := bufio.NewWriter(f)
	start := time.Now()
	clock := time.NewTicker(tick)
	defer clock.Stop()
	for n := 0; n < w.lines; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-clock.C:
		}
		due := min(w.lines, int(time.Since(start).Seconds()*float64(w.rate))+1)
		for ; n < due; n++ {
			if rotation := int(w.rotated.Load()) + 1; rotation <= w.rotations && n >= rotation*w.lines/(w.rotations+1) {
				if f, err = w.rotate(f, out); err != nil {
					return err
				}
				out.Reset(f)
			}
			u := random.IntN(users)
			_, _ = fmt.Fprintf(out, "%s user-%03d line=%d of-user=%d \"GET /item/%d HTTP/1.1\" 200 %d\n",
				time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), u, n, perUser[u], random.IntN(100000), random.IntN(50000))
			perUser[u]++
		}
		if err := out.Flush(); err != nil {
			return fmt.Errorf("write the log: %w", err)
		}
		w.written.Store(int64(n))
	}
	return nil
}

// rotate renames the log and writes its last buffered lines to the renamed file, as a server does that is told to reopen a
// moment after the rename.
func (w *writer) rotate(old *os.File, out *bufio.Writer) (*os.File, error) {
	n := int(w.rotated.Load())
	for i := n; i >= 1; i-- {
		if err := os.Rename(w.path+"."+strconv.Itoa(i), w.path+"."+strconv.Itoa(i+1)); err != nil {
			return nil, fmt.Errorf("rotate the log: %w", err)
		}
	}
	if err := os.Rename(w.path, w.path+".1"); err != nil {
		return nil, fmt.Errorf("rotate the log: %w", err)
	}
	if err := out.Flush(); err != nil {
		return nil, fmt.Errorf("write the rotated log: %w", err)
	}
	if err := old.Close(); err != nil {
		return nil, fmt.Errorf("close the rotated log: %w", err)
	}
	w.rotated.Add(1)
	return w.create()
}

func (w *writer) create() (*os.File, error) {
	f, err := os.OpenFile(w.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("create the log: %w", err)
	}
	return f, nil
}
