package checkpoint

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc64"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

type jsonRaw = json.RawMessage

// sealed puts the header before a document.
func sealed(text string) []byte {
	return fmt.Appendf(nil, "%s%016x %s", magic, crc64.Checksum([]byte(text), crcTable), text)
}

// child is what the test program does when it is started as a process of its own.
func child(job, dir string) {
	switch job {
	case "commit": // count up, and say each number once it is committed
		s, err := Open(dir, Options{Log: silent, Interval: time.Millisecond, LockTimeout: 5 * time.Second})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		if r := s.Rebuilt(); r != nil {
			fmt.Println("rebuilt:", r.Reason)
			os.Exit(1)
		}
		_, last := numbers(s)
		for n := last + 1; ; n++ {
			for i := range 50 {
				g := gen("f", i)
				g.Offset = n
				s.Put(g)
			}
			if err := s.Sync(context.Background()); err != nil {
				fmt.Println(err)
				os.Exit(1)
			}
			fmt.Println(n)
		}
	case "limited": // a file size limit takes the place of a full disk
		// A Go program ignores SIGXFSZ's default: the write fails with EFBIG.
		s, err := Open(dir, Options{Log: silent, Interval: time.Millisecond})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		for i := range 50 {
			s.Put(gen("f", i))
		}
		first := s.Sync(context.Background())
		var old unix.Rlimit
		_ = unix.Getrlimit(unix.RLIMIT_FSIZE, &old)
		_ = unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 40000, Max: old.Max})
		for i := range 2000 {
			s.Put(gen("f", i))
		}
		full := s.Sync(context.Background())
		kept, err := List(dir)
		inMemory, _ := s.Load("f")
		fmt.Println(first, full != nil, len(kept), err, len(inMemory), s.Stats().Errors > 0)
		_ = unix.Setrlimit(unix.RLIMIT_FSIZE, &old)
		for range 2000 {
			if s.Stats().Err == nil {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		kept, err = List(dir)
		fmt.Println(len(kept), err, s.Rebuilt() == nil, s.Close())
	}
}

// numbers are the lowest and the highest offset. A commit may fall between two Puts, and then they differ by one.
func numbers(s *Store) (low, high int64) {
	all, _ := s.Load("f")
	for i, g := range all {
		if i == 0 || g.Offset < low {
			low = g.Offset
		}
		high = max(high, g.Offset)
	}
	return low, high
}

func start(t *testing.T, job, dir string) (*exec.Cmd, io.Reader) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "CHECKPOINT_CHILD="+job, "CHECKPOINT_DIR="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, out
}

// What was reported as committed is there after kill -9, whole.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	last := int64(0)
	for round := range 8 {
		cmd, out := start(t, "commit", dir)
		lines := bufio.NewScanner(out)
		for n := 0; n < 3+round*2 && lines.Scan(); n++ {
			v, err := strconv.ParseInt(lines.Text(), 10, 64)
			if err != nil || v <= last {
				t.Errorf("round %d: %q after %d", round, lines.Text(), last)
			}
			last = v
		}
		time.Sleep(time.Duration(round) * 300 * time.Microsecond) // somewhere in the next commit
		_ = cmd.Process.Kill()
		for lines.Scan() { // said before it died
			if v, err := strconv.ParseInt(lines.Text(), 10, 64); err == nil {
				last = v
			}
		}
		_ = cmd.Wait()
		s := open(t, dir)
		if r := s.Rebuilt(); r != nil {
			t.Fatalf("round %d: rebuilt: %v", round, r.Reason)
		}
		low, high := numbers(s)
		if low < last || high > last+1 {
			t.Fatalf("round %d: %d to %d are committed, %d was reported", round, low, high, last)
		}
		last = high
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	cmd, out := start(t, "commit", dir)
	lines := bufio.NewScanner(out)
	lines.Scan()
	_, err := Open(dir, Options{Log: silent})
	var inUse *InUseError
	if !errors.As(err, &inUse) || inUse.PID != cmd.Process.Pid {
		t.Errorf("got %v, want pid %d", err, cmd.Process.Pid)
	}
	_ = cmd.Process.Kill()
	_, _ = io.Copy(io.Discard, out)
	_ = cmd.Wait()
	s, err := Open(dir, Options{Log: silent}) // the lock dies with it
	if err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
}

func TestFileSizeLimit(t *testing.T) {
	cmd, out := start(t, "limited", t.TempDir())
	text, _ := io.ReadAll(out)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	want := "<nil> true 50 <nil> 2000 true\n2000 <nil> true <nil>\n"
	if string(text) != want {
		t.Errorf("got %q, want %q", text, want)
	}
}

// A real full disk and a real read-only remount, where the tests may mount.
func TestFullAndReadOnlyDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("kinetail-test", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("can't mount a small file system here: %v", err)
	}
	defer func() { _ = unix.Unmount(dir, unix.MNT_DETACH) }()
	state := filepath.Join(dir, "state")
	s, err := Open(state, Options{Log: silent, Interval: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	s.Put(gen("f", 0))
	mustSync(t, s)
	fill(t, filepath.Join(dir, "fill"))
	for i := range 500 {
		s.Put(gen("f", i))
	}
	if err := s.Sync(context.Background()); !errors.Is(err, unix.ENOSPC) && (err == nil || !strings.Contains(err.Error(), "space")) {
		t.Errorf("full disk: %v", err)
	}
	if got, err := List(state); err != nil || len(got) != 1 {
		t.Errorf("last good: %d, %v", len(got), err)
	}
	if err := s.Close(); err == nil {
		t.Error("closed as if all was well")
	}
	// Also a start on a full disk goes on from the last good state.
	s, err = Open(state, Options{Log: silent, Interval: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if got := mustLoad(t, s, "f"); len(got) != 1 {
		t.Errorf("started with %d", len(got))
	}
	for i := range 200 {
		s.Put(gen("f", i))
	}
	if err := os.Remove(filepath.Join(dir, "fill")); err != nil {
		t.Fatal(err)
	}
	recovered(t, s)
	if got, err := List(state); err != nil || len(got) != 200 {
		t.Errorf("recovered: %d, %v", len(got), err)
	}
	_ = s.Close()

	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Skipf("can't remount: %v", err)
	}
	s, err = Open(state, Options{Log: silent, Interval: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	s.Put(gen("f", 300))
	if err := s.Sync(context.Background()); err == nil {
		t.Error("committed to a read-only disk")
	}
	if got := mustLoad(t, s, "f"); len(got) != 201 {
		t.Errorf("memory has %d", len(got))
	}
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT, "size=1m"); err != nil {
		t.Fatal(err)
	}
	recovered(t, s)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if got, err := List(state); err != nil || len(got) != 201 {
		t.Errorf("recovered: %d, %v", len(got), err)
	}
}

func recovered(t *testing.T, s *Store) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for s.Sync(context.Background()) != nil {
		if time.Now().After(deadline) {
			t.Fatalf("does not recover: %v", s.Stats().Err)
		}
		time.Sleep(time.Millisecond)
	}
}

func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for block := make([]byte, 4096); err == nil; {
		_, err = f.Write(block)
	}
}
