package tailer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/kinetail/kinetail/tailer/checkpoint"
)

// lateLines is from where on the numbers of lines are those of late ones, which have no order.
const lateLines = 50_000_000

// liveLog is a writer of numbered lines at full speed.
type liveLog struct {
	path       string
	next, late int
}

func (l *liveLog) open() (*os.File, error) {
	return os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
}

func (l *liveLog) write(f *os.File, next *int, lines int) error {
	var buf []byte
	for i := range lines {
		buf = fmt.Appendf(buf, "%08d the quick brown fox jumps over the lazy dog\n", *next)
		*next++
		if i%50 == 49 || i == lines-1 {
			if _, err := f.Write(buf); err != nil {
				return err
			}
			buf = buf[:0]
		}
	}
	return nil
}

// rotate renames as logrotate does, and returns the name of the newest rotated body.
func (l *liveLog) rotate() (string, error) {
	for k := 40; k >= 1; k-- {
		for _, end := range []string{"", ".gz"} {
			_ = os.Rename(l.path+"."+strconv.Itoa(k)+end, l.path+"."+strconv.Itoa(k+1)+end)
		}
	}
	return l.path + ".1", os.Rename(l.path, l.path+".1")
}

// follows expects every line that write writes, once, and those that are not late in order.
func follows(t *testing.T, o Options, write func(*liveLog) error) {
	t.Helper()
	store, err := checkpoint.Open(t.TempDir(), checkpoint.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	l := &liveLog{path: filepath.Join(t.TempDir(), "a.log"), late: lateLines}
	o.Flow, o.Paths, o.Framer, o.Store, o.StartAt = "live", []string{l.path}, lines{}, store, "beginning"
	o.SweepInterval, o.Log = 200*time.Millisecond, slog.New(slog.DiscardHandler)
	f, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		err := write(l)
		if f, openErr := l.open(); err == nil && openErr == nil { // what is rotated is found beside the log
			err = errors.Join(l.write(f, &l.next, 100), f.Close())
		}
		done <- err
	}()
	seen := map[int]bool{}
	next, written := 0, -1
	for written < 0 || len(seen) < written {
		short, stop := context.WithTimeout(ctx, 50*time.Millisecond)
		b, err := f.Next(short)
		stop()
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			select {
			case err := <-done:
				if err != nil {
					t.Fatal(err)
				}
				written = l.next + l.late - lateLines
			default:
			}
			continue
		}
		if err != nil {
			t.Fatalf("%d of %d lines: %v\n%+v", len(seen), written, err, f.Status())
		}
		for i := range b.Records {
			n, _ := strconv.Atoi(string(b.Bytes(i)[:8]))
			if seen[n] {
				t.Fatalf("line %d came again, from %+v", n, b.Source)
			}
			seen[n] = true
			if n < lateLines {
				if n != next {
					t.Fatalf("line %d came, want %d, from %+v", n, next, b.Source)
				}
				next++
			}
		}
		ack := b.Ack
		b.Release()
		ack.Done(1)
	}
	if c := f.Status().Counters; c.GapBytes != 0 {
		t.Errorf("%+v", c)
	}
}

// Row 9: each body is compressed at once when it is rotated, while the one after it is written to.
func TestLiveCompress(t *testing.T) {
	follows(t, Options{}, func(l *liveLog) error {
		for range 10 {
			f, err := l.open()
			if err != nil {
				return err
			}
			if err := errors.Join(l.write(f, &l.next, 10_000), f.Close()); err != nil {
				return err
			}
			rotated, err := l.rotate()
			if err != nil {
				return err
			}
			if err := compress("gzip", rotated, "", ""); err != nil {
				return err
			}
		}
		return nil
	})
}

// Rows 1 and 40: a writer goes on with the old descriptor while another writes to the new file.
func TestLiveLateWriter(t *testing.T) {
	follows(t, Options{}, func(l *liveLog) error {
		var old *os.File
		for range 15 {
			f, err := l.open()
			if err != nil {
				return err
			}
			for range 20 {
				if err := l.write(f, &l.next, 500); err != nil {
					return err
				}
				if old == nil {
					continue
				}
				if err := l.write(old, &l.late, 3); err != nil {
					return err
				}
			}
			if old != nil {
				old.Close()
			}
			old = f
			if _, err := l.rotate(); err != nil {
				return err
			}
		}
		return old.Close()
	})
}

// Row 34: bodies become final within milliseconds, while something is still written to them now and then.
func TestLiveParked(t *testing.T) {
	follows(t, Options{FinalAfter: 5 * time.Millisecond, PollInterval: time.Millisecond}, func(l *liveLog) error {
		for i := range 40 {
			f, err := l.open()
			if err != nil {
				return err
			}
			if err := l.write(f, &l.next, 100); err != nil {
				return err
			}
			if _, err := l.rotate(); err != nil {
				return err
			}
			for k := range 3 {
				time.Sleep(time.Duration((i*7+k*3)%13) * time.Millisecond) // about when it becomes final, a little earlier or later
				if err := l.write(f, &l.late, 1); err != nil {
					return err
				}
			}
			if err := f.Close(); err != nil {
				return err
			}
		}
		return nil
	})
}
