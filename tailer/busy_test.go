package tailer

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
)

// TestBusyDirectory: where many lines are written, events are not taken any more, and what is written meanwhile, also to a file that is quiet between
// the busy ones, does not wait for the next sweep, which is an hour away here.
func TestBusyDirectory(t *testing.T) {
	const busy, each = 10, 6000 // lines, 20 each 10 ms
	dir := t.TempDir()
	watcher := NewWatcher(nil)
	defer watcher.Close()
	var files []*os.File
	for i := range busy + 1 {
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%02d.log", i)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		files = append(files, f)
	}
	f, err := Open(Options{
		Flow: "busy", Paths: []string{filepath.Join(dir, "*.log")}, Framer: lines{}, StartAt: "beginning", SweepInterval: time.Hour, Watcher: watcher,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var writing sync.WaitGroup
	var reading sync.WaitGroup
	missing := map[string]bool{}
	expect := func(file, n int) string { return fmt.Sprintf("%02d %04d", file, n) }
	for i := range busy {
		for n := range each {
			missing[expect(i, n)] = true
		}
	}
	const rare = 3
	for n := range rare {
		missing[expect(busy, n)] = true
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	reading.Go(func() {
		for len(missing) > 0 {
			b, err := f.Next(ctx)
			if err != nil {
				return
			}
			for i := range b.Records {
				delete(missing, strings.TrimSpace(string(b.Bytes(i))))
			}
			ack := b.Ack
			b.Release()
			ack.Done(1)
		}
	})
	write := func(file, n, at int, pause time.Duration) {
		for i := range n {
			if _, err := files[file].WriteString(expect(file, i) + "\n"); err != nil {
				t.Error(err)
				return
			}
			if i%at == 0 {
				time.Sleep(pause)
			}
		}
	}
	writing.Go(func() { // the sweep of another flow that follows files there
		other := newHints()
		defer watcher.drop(other, dir)
		for range 2 {
			time.Sleep(time.Second)
			watcher.want(other, dir)
		}
	})
	for i := range busy {
		writing.Go(func() { write(i, each, 20, 10*time.Millisecond) })
	}
	reading.Go(func() { write(busy, rare, 1, quietAfter+100*time.Millisecond) })
	writing.Wait()
	watcher.mu.Lock()
	if watcher.pauses[dir].length == 0 {
		t.Error("the directory was never too busy to be watched: the test has tested nothing")
	}
	watcher.mu.Unlock()
	reading.Wait()
	if len(missing) > 0 {
		by := map[string]int{}
		for line := range missing {
			by[line[:2]]++
		}
		t.Errorf("%d lines wait for a sweep, by file: %v", len(missing), by)
	}
}

// A follower that is told of much is still told which directory it hears nothing more of.
func TestBusyAmongMuch(t *testing.T) {
	dir := t.TempDir()
	watcher := NewWatcher(nil)
	defer watcher.Close()
	h := newHints()
	if got := watcher.want(h, dir); got != watchedNow {
		t.Skipf("it cannot be watched here: %v", got)
	}
	defer watcher.drop(h, dir)
	for i := range maxHints {
		h.add(filepath.Join(dir, fmt.Sprint(i)), false)
	}
	for range 2 * maxEvents { // within a second, or two
		watcher.tell(fsnotify.Event{Name: filepath.Join(dir, "0"), Op: fsnotify.Write})
	}
	if paths, _ := h.take(nil); !slices.Contains(paths, dir) || watcher.want(h, dir) != tooBusy {
		t.Error("nothing is said of the directory whose events are not taken any more")
	}
}
