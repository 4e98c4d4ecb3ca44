package tailer

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/kinetail/kinetail/tailer/checkpoint"
)

// TestLiveCopytruncate is the same for copies, with a pattern that meets them. The writer pauses between copy and truncation: what is
// written there is destroyed by the rotator and nobody's to have.
func TestLiveCopytruncate(t *testing.T) {
	const rotations, each = 10, 20000
	dir := t.TempDir()
	f, err := Open(Options{
		Flow: "live", Paths: []string{filepath.Join(dir, "a.log*")}, Framer: lines{}, StartAt: "beginning", SweepInterval: 200 * time.Millisecond,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	done := make(chan error, 1)
	go func() { done <- writeAndCopy(filepath.Join(dir, "a.log"), rotations, each) }()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	seen := make([]int, rotations*each)
	for missing := len(seen); missing > 0; {
		b, err := f.Next(ctx)
		if err != nil {
			t.Fatalf("%d are missing: %v\n%+v", missing, err, f.Status())
		}
		for i := range b.Records {
			n, _ := strconv.Atoi(string(b.Bytes(i)[:8]))
			if seen[n]++; seen[n] > 1 {
				t.Fatalf("line %d came again, from %+v", n, b.Source)
			}
			missing--
		}
		ack := b.Ack
		b.Release()
		ack.Done(1)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if c := f.Status().Counters; c.GapBytes != 0 {
		t.Errorf("%+v", c)
	}
}

func writeAndCopy(path string, rotations, each int) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	n := 0
	for r := range rotations {
		for range each / 50 {
			var buf []byte
			for range 50 {
				buf = fmt.Appendf(buf, "%08d the quick brown fox jumps over the lazy dog\n", n)
				n++
			}
			if _, err := f.Write(buf); err != nil {
				return err
			}
		}
		if r == rotations-1 {
			break
		}
		for k := rotations; k >= 1; k-- {
			_ = os.Rename(path+"."+strconv.Itoa(k), path+"."+strconv.Itoa(k+1))
		}
		if err := copyFile(path, path+".1"); err != nil {
			return err
		}
		if err := f.Truncate(0); err != nil {
			return err
		}
	}
	return nil
}

// TestLiveRotation follows a writer at full speed that rotates by rename, through the real Next with the real watcher and clock, and
// expects every line once and in order.
func TestLiveRotation(t *testing.T) {
	const rotations, each = 20, 20000
	for _, watched := range []bool{true, false} {
		t.Run(fmt.Sprint("watched=", watched), func(t *testing.T) {
			dir := t.TempDir()
			store, err := checkpoint.Open(t.TempDir(), checkpoint.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			opts := Options{
				Flow: "live", Paths: []string{filepath.Join(dir, "a.log")}, Framer: lines{}, Store: store, StartAt: "beginning", SweepInterval: 200 * time.Millisecond,
				Log: slog.New(slog.DiscardHandler),
			}
			if watched {
				opts.Watcher = NewWatcher(opts.Log)
				defer opts.Watcher.Close()
			}
			f, err := Open(opts)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			done := make(chan error, 1)
			go func() { done <- writeAndRotate(filepath.Join(dir, "a.log"), rotations, each) }()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			for next := 0; next < rotations*each; {
				b, err := f.Next(ctx)
				if err != nil {
					t.Fatalf("after %d lines: %v\n%+v", next, err, f.Status())
				}
				for i := range b.Records {
					n, _ := strconv.Atoi(string(b.Bytes(i)[:8]))
					if n != next {
						t.Fatalf("line %d came, want %d; source %+v, batch from %d", n, next, b.Source, b.Start)
					}
					next++
				}
				ack := b.Ack
				b.Release()
				ack.Done(1)
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			if c := f.Status().Counters; c.GapBytes != 0 || c.LateBytes != 0 {
				t.Errorf("%+v", c)
			}
		})
	}
}

func writeAndRotate(path string, rotations, each int) error {
	n := 0
	for r := range rotations {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		var buf []byte
		for i := range each {
			buf = fmt.Appendf(buf, "%08d the quick brown fox jumps over the lazy dog\n", n)
			n++
			if i%50 == 49 {
				if _, err := f.Write(buf); err != nil {
					return err
				}
				buf = buf[:0]
			}
		}
		f.Close()
		if r == rotations-1 {
			break
		}
		for k := rotations; k >= 1; k-- {
			_ = os.Rename(path+"."+strconv.Itoa(k), path+"."+strconv.Itoa(k+1))
		}
		if err := os.Rename(path, path+".1"); err != nil {
			return err
		}
	}
	return nil
}

// A file of a fixed name that is not there yet is picked up when it appears, not at the next sweep.
func TestAnAwaitedFileIsPickedUpAtOnce(t *testing.T) {
	dir := t.TempDir()
	opts := Options{
		Flow: "live", Paths: []string{filepath.Join(dir, "a.log")}, Framer: lines{}, StartAt: "beginning", SweepInterval: time.Hour,
		Log: slog.New(slog.DiscardHandler),
	}
	opts.Watcher = NewWatcher(opts.Log)
	defer opts.Watcher.Close()
	f, err := Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	written := make(chan error, 1)
	go func() {
		for f.Status().Counters.Sweeps == 0 {
			time.Sleep(time.Millisecond)
		}
		written <- os.WriteFile(filepath.Join(dir, "a.log"), []byte("00000000 here\n"), 0o600)
	}()
	b, err := f.Next(ctx)
	if err != nil {
		t.Fatal(err)
	}
	b.Release()
	if err := <-written; err != nil {
		t.Error(err)
	}
}
