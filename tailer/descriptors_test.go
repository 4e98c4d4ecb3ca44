package tailer_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kinetail/kinetail/tailer"
	"github.com/kinetail/kinetail/tailer/checkpoint"
	"github.com/kinetail/kinetail/tailer/frame"
)

const (
	fewDescriptors = 64
	fewFiles       = 250 // for each of two followers
)

// TestFewDescriptors follows 500 files with 64 descriptors, through two followers, the real watcher and the real store, in a process of its own.
func TestFewDescriptors(t *testing.T) {
	if dir := os.Getenv("KINETAIL_FEW_DESCRIPTORS"); dir != "" {
		limit := unix.Rlimit{Cur: fewDescriptors, Max: fewDescriptors}
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
		followWithFew(t, dir)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run", "^TestFewDescriptors$", "-test.timeout", "2m")
	cmd.Env = append(os.Environ(), "KINETAIL_FEW_DESCRIPTORS="+t.TempDir())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// few is what is written and what has come.
type few struct {
	t       *testing.T
	mu      sync.Mutex
	last    map[string]string // line, by path
	written int
	missing map[string]bool
	came    map[string]int
	most    int // bodies and directories that were open
	hold    chan struct{}
	paths   []string
}

// held are the descriptors of bodies and directories, by what they lead to.
func (w *few) held() (paths []string) {
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		w.t.Error(err)
	}
	for _, e := range all {
		to, _ := os.Readlink("/proc/self/fd/" + e.Name())
		if strings.Contains(to, "/logs/") {
			paths = append(paths, to)
		}
	}
	return paths
}

func (w *few) line(path string) {
	w.mu.Lock()
	w.written++
	line := fmt.Sprintf("line %06d", w.written)
	w.last[path], w.missing[line] = line, true
	w.mu.Unlock()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	if _, err := fmt.Fprintln(f, line); err != nil {
		w.t.Fatal(err)
	}
}

// all waits until every line has come.
func (w *few) all() {
	w.t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		w.mu.Lock()
		missing := len(w.missing)
		w.mu.Unlock()
		if missing == 0 {
			return
		}
		if time.Now().After(end) {
			w.t.Fatalf("%d of %d lines have not come", missing, w.written)
		}
	}
}

func (w *few) read(ctx context.Context, f *tailer.Follower) {
	for {
		b, err := f.Next(ctx)
		if err != nil {
			return
		}
		w.mu.Lock()
		for i := range b.Records {
			w.came[string(b.Bytes(i))]++
			delete(w.missing, string(b.Bytes(i)))
		}
		w.most = max(w.most, len(w.held()))
		hold := w.hold
		w.mu.Unlock()
		ack := b.Ack
		b.Release()
		if hold != nil {
			<-hold
		}
		ack.Done(1)
		// What a destination needs is to be had.
		var sockets []net.PacketConn
		for range 4 {
			c, err := net.ListenPacket("udp", "127.0.0.1:0")
			if err != nil {
				w.t.Error(err)
				continue
			}
			sockets = append(sockets, c)
		}
		for _, c := range sockets {
			c.Close()
		}
	}
}

func followWithFew(t *testing.T, dir string) {
	w := &few{t: t, last: map[string]string{}, missing: map[string]bool{}, came: map[string]int{}}
	for i := range fewFiles {
		w.paths = append(w.paths, filepath.Join(dir, "logs", "one", fmt.Sprintf("%03d.log", i)), filepath.Join(dir, "logs", "two", fmt.Sprintf("%03d", i), "x.log"))
	}
	for _, path := range w.paths {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		w.line(path)
	}
	store, err := checkpoint.Open(filepath.Join(dir, "state"), checkpoint.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	watcher := tailer.NewWatcher(slog.New(slog.DiscardHandler))
	defer watcher.Close()
	var log bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var readers sync.WaitGroup
	var followers []*tailer.Follower
	for i, pattern := range []string{"one/*.log", "two/*/*.log"} {
		framer, err := frame.New(frame.Options{})
		if err != nil {
			t.Fatal(err)
		}
		f, err := tailer.Open(tailer.Options{
			Flow: fmt.Sprint(i), Paths: []string{filepath.Join(dir, "logs", pattern)}, StartAt: "beginning", Framer: framer, MaxUnacked: 1, Store: store, Watcher: watcher,
			SweepInterval: 200 * time.Millisecond, PollInterval: 10 * time.Millisecond, FinalAfter: 200 * time.Millisecond,
			Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn})),
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		followers = append(followers, f)
		readers.Go(func() { w.read(ctx, f) })
	}
	w.all()

	// Every file is written to and rotated, and written to under its new name.
	for _, path := range w.paths {
		w.line(path)
		if err := os.Rename(path, path+".1"); err != nil {
			t.Fatal(err)
		}
		w.line(path + ".1")
		w.line(path)
	}
	w.all()
	for i, path := range w.paths { // what is read may go
		if i%2 == 0 {
			if err := os.Remove(path + ".1"); err != nil {
				t.Fatal(err)
			}
		}
		w.line(path)
	}
	w.all()

	// While nothing is taken, what is open and has bytes pending loses its name, and others want its descriptor.
	hold := make(chan struct{})
	w.mu.Lock()
	w.hold = hold
	w.mu.Unlock()
	for _, path := range w.paths {
		w.line(path)
	}
	deleted, destroyed := 0, 0
	for end := time.Now().Add(30 * time.Second); deleted < 10 && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		for _, path := range w.held() {
			if !strings.HasSuffix(path, ".log") || deleted == 10 || os.Remove(path) != nil {
				continue
			}
			if slices.Contains(w.held(), path+" (deleted)") {
				deleted++
			} else { // it was closed in between: nobody can have it
				w.mu.Lock()
				delete(w.missing, w.last[path])
				w.mu.Unlock()
				destroyed++
			}
		}
	}
	if deleted < 10 {
		t.Fatalf("only %d were open", deleted)
	}
	for range 3 {
		for _, path := range w.paths {
			if _, err := os.Stat(path); err == nil {
				w.line(path)
			}
		}
		time.Sleep(100 * time.Millisecond) // sweeps come while nobody reads
	}
	w.mu.Lock()
	w.hold = nil
	w.mu.Unlock()
	close(hold)
	w.all()

	cancel()
	readers.Wait()
	for line, n := range w.came {
		if n > 1 {
			t.Errorf("%q came %d times", line, n)
		}
	}
	for _, f := range followers {
		if c := f.Status().Counters; c.FileGaps > int64(destroyed) || c.ReadErrors > 0 {
			t.Errorf("%+v", c)
		}
	}
	if w.most > fewDescriptors*3/4 {
		t.Errorf("%d of %d descriptors were taken for files and directories", w.most, fewDescriptors)
	}
	t.Logf("at most %d of %d descriptors for files and directories; %d lines, %d files were deleted while they were open and not read, %d just after they were closed", w.most, fewDescriptors, w.written, deleted, destroyed)
	if t.Failed() {
		t.Logf("%s", &log)
	}
}
