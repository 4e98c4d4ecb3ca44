package local

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kinetail/kinetail/emit"
)

// faults is a disk that fails as the functions say; nil ones work.
type faults struct {
	mu      sync.Mutex
	onWrite func(f *os.File, p []byte) (int, error)
	onSync  func(f *os.File) error
	writes  int
	syncs   int
}

func (d *faults) write(f *os.File, p []byte) (int, error) {
	d.mu.Lock()
	fn := d.onWrite
	d.writes++
	d.mu.Unlock()
	if fn == nil {
		return f.Write(p)
	}
	return fn(f, p)
}

func (d *faults) sync(f *os.File) error {
	d.mu.Lock()
	fn := d.onSync
	d.syncs++
	d.mu.Unlock()
	if fn == nil {
		return f.Sync()
	}
	return fn(f)
}

func (d *faults) set(onWrite func(*os.File, []byte) (int, error), onSync func(*os.File) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.onWrite, d.onSync = onWrite, onSync
}

func onDisk(t *testing.T, path string, disk *faults) emit.Destination {
	t.Helper()
	o := Options{}
	d := start("file", &file{path: path, delimiter: []byte("\n"), log: discard(), ops: disk}, withLog(o))
	return closeAtEnd(t, d)
}

func TestFileAppendsAndAcknowledgesAfterFsync(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	if err := os.WriteFile(path, []byte("before\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	gate := make(chan struct{})
	disk := &faults{onSync: func(f *os.File) error { <-gate; return f.Sync() }}
	d := onDisk(t, path, disk)
	acked := put(t, d, "a", "b")
	// The bytes reach the file before fsync; the acknowledgement must not.
	for size := int64(0); size < 11; {
		if info, err := os.Stat(path); err == nil {
			size = info.Size()
		}
	}
	if acked.Load() {
		t.Fatal("acknowledged before fsync")
	}
	close(gate)
	flush(t, d)
	if !acked.Load() {
		t.Error("not acknowledged after fsync")
	}
	wantFile(t, path, "before\na\nb\n")
}

func TestFileGroupsFsyncs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	gate := make(chan struct{})
	disk := &faults{onSync: func(f *os.File) error { <-gate; return f.Sync() }}
	d := onDisk(t, path, disk)
	records := numbered(0, 1000)
	for _, r := range records {
		put(t, d, r)
	}
	close(gate)
	flush(t, d)
	wantFile(t, path, lines(records))
	if disk.syncs > 2 {
		t.Errorf("%d fsyncs for what was put during one", disk.syncs)
	}
}

func TestFileFollowsRotation(t *testing.T) {
	dir := t.TempDir()
	path, old := filepath.Join(dir, "out"), filepath.Join(dir, "out.1")
	d := closeAtEnd(t, NewFile(path, withLog(Options{})))
	put(t, d, "a")
	flush(t, d)
	if err := os.Rename(path, old); err != nil {
		t.Fatal(err)
	}
	put(t, d, "b")
	flush(t, d)
	wantFile(t, old, "a\n")
	wantFile(t, path, "b\n")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	put(t, d, "c")
	flush(t, d)
	wantFile(t, path, "c\n")
	if err := os.Truncate(path, 0); err != nil { // copytruncate
		t.Fatal(err)
	}
	put(t, d, "d")
	flush(t, d)
	wantFile(t, path, "d\n")
}

func TestFileDeletedDuringFsyncIsWrittenAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	disk := new(faults)
	disk.set(nil, func(f *os.File) error {
		disk.set(nil, nil)
		return errors.Join(os.Remove(path), f.Sync())
	})
	d := onDisk(t, path, disk)
	acked := put(t, d, "a", "b")
	flush(t, d)
	wantFile(t, path, "a\nb\n")
	if !acked.Load() {
		t.Error("not acknowledged")
	}
}

// TestFileDiskFull writes 10 bytes of each attempt and then finds the disk full, for a while.
func TestFileDiskFull(t *testing.T) {
	for _, partial := range []int{0, 1, 7, 10, 25} {
		t.Run(fmt.Sprint(partial), func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				path := filepath.Join(dir, "out")
				disk := new(faults)
				full := func(f *os.File, p []byte) (int, error) {
					n, _ := f.Write(p[:min(partial, len(p))])
					return n, syscall.ENOSPC
				}
				d := onDisk(t, path, disk)
				put(t, d, "first")
				flush(t, d)
				disk.set(full, nil)
				records := numbered(0, 20)
				acked := put(t, d, records...)
				for range 5 {
					time.Sleep(time.Second)
					synctest.Wait()
					got, err := os.ReadFile(path)
					if err != nil {
						t.Fatal(err)
					}
					if !strings.HasPrefix("first\n"+lines(records), string(got)) || !strings.HasSuffix(string(got), "\n") {
						t.Fatalf("while the disk is full a reader sees %q", got)
					}
				}
				if acked.Load() {
					t.Fatal("acknowledged")
				}
				if s := d.Status(); !s.Circuit.Open || !strings.Contains(s.Circuit.Reason, "no space left") {
					t.Fatalf("status %+v", s)
				}
				disk.set(nil, nil)
				flush(t, d)
				wantFile(t, path, "first\n"+lines(records))
				if !acked.Load() || d.Status().Circuit.Open {
					t.Errorf("acknowledged %v, status %+v", acked.Load(), d.Status())
				}
				_ = d.Close()
			})
		})
	}
}

func TestFileFullAndThenRotated(t *testing.T) {
	for name, rotate := range map[string]func(path string) error{
		"renamed": func(path string) error { return os.Rename(path, path+".1") },
		"deleted": os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "out")
			disk := new(faults)
			torn := make(chan struct{})
			var once sync.Once
			disk.set(func(f *os.File, p []byte) (int, error) {
				n, _ := f.Write(p[:min(len(p), 6)]) // "a" "b" and half of the third
				disk.set(func(*os.File, []byte) (int, error) {
					once.Do(func() { close(torn) })
					return 0, syscall.ENOSPC
				}, nil)
				return n, syscall.ENOSPC
			}, nil)
			d := onDisk(t, path, disk)
			put(t, d, "a", "b", "third")
			<-torn
			if err := rotate(path); err != nil {
				t.Fatal(err)
			}
			disk.set(nil, nil)
			flush(t, d)
			if name == "renamed" {
				wantFile(t, path+".1", "a\nb\n")
				wantFile(t, path, "third\n")
			} else {
				wantFile(t, path, "a\nb\nthird\n")
			}
		})
	}
}

func TestFileFsyncFailureIsWrittenAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	var failures atomic.Int32
	disk := new(faults)
	disk.set(nil, func(f *os.File) error {
		if failures.Add(1) == 1 {
			return syscall.EIO
		}
		return f.Sync()
	})
	d := onDisk(t, path, disk)
	acked := put(t, d, "a", "b")
	flush(t, d)
	wantFile(t, path, "a\nb\na\nb\n") // whole lines repeat: what the failed fsync kept is not known
	if !acked.Load() {
		t.Error("not acknowledged")
	}
}

func TestFileCutsWhatACrashTore(t *testing.T) {
	for before, want := range map[string]string{
		"":                                   "new\n",
		"a\nb\n":                             "a\nb\nnew\n",
		"a\nhal":                             "a\nnew\n",
		"somebody's, no line end":            "somebody's, no line end\nnew\n",
		"a\n" + strings.Repeat("x", 100_000): "a\nnew\n",
	} {
		path := filepath.Join(t.TempDir(), "out")
		if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
			t.Fatal(err)
		}
		d := NewFile(path, withLog(Options{}))
		put(t, d, "new")
		flush(t, d)
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		wantFile(t, path, want)
	}
}

func TestFileWaitsForWhatIsNotThere(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		path, reason string
		mend         func(path string) error
	}{
		"directory": {
			filepath.Join(dir, "missing", "out"), "no such file or directory",
			func(path string) error { return os.Mkdir(filepath.Dir(path), 0o700) },
		},
		"pipe": {
			filepath.Join(dir, "pipe"), "is not a regular file",
			os.Remove,
		},
		"locked": {
			filepath.Join(dir, "locked"), "each its own path",
			func(path string) error { return os.Rename(path, path+".other") },
		},
	} {
		t.Run(name, func(t *testing.T) {
			switch name {
			case "pipe":
				if err := syscall.Mkfifo(c.path, 0o600); err != nil {
					t.Fatal(err)
				}
			case "locked":
				other := closeAtEnd(t, NewFile(c.path, withLog(Options{})))
				put(t, other, "theirs")
				flush(t, other)
			}
			d := closeAtEnd(t, NewFile(c.path, withLog(Options{})))
			acked := put(t, d, "a")
			for !d.Status().Circuit.Open { // the first attempt fails at once
				time.Sleep(time.Millisecond)
			}
			if reason := d.Status().Circuit.Reason; !strings.Contains(reason, c.reason) || acked.Load() {
				t.Fatalf("%q, acknowledged %v", reason, acked.Load())
			}
			if err := c.mend(c.path); err != nil {
				t.Fatal(err)
			}
			flush(t, d)
			wantFile(t, c.path, "a\n")
		})
	}
}

func TestFileCloseLeavesTheRestUnacknowledged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	disk := new(faults)
	d := onDisk(t, path, disk)
	put(t, d, "a")
	flush(t, d)
	failed := make(chan struct{})
	var once sync.Once
	disk.set(func(f *os.File, p []byte) (int, error) {
		once.Do(func() { close(failed) })
		n, _ := f.Write(p[:3])
		return n, syscall.ENOSPC
	}, nil)
	acked := put(t, d, "longer")
	<-failed
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	wantFile(t, path, "a\n")
	if acked.Load() {
		t.Error("acknowledged")
	}
}

// A stop tries once more what cannot be written, and waits no longer than that.
func TestFileLastTry(t *testing.T) {
	for name, mended := range map[string]bool{"still full": false, "there is room again": true} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "out")
			disk := &faults{onWrite: func(*os.File, []byte) (int, error) { return 0, syscall.ENOSPC }}
			d := onDisk(t, path, disk)
			acked := put(t, d, "a")
			for !d.Status().Circuit.Open {
				time.Sleep(time.Millisecond)
			}
			if mended {
				disk.set(nil, nil)
			}
			d.(interface{ LastTry() }).LastTry()
			err := d.Flush(t.Context())
			if mended != (err == nil) || mended != acked.Load() {
				t.Errorf("Flush said %v, acknowledged %v", err, acked.Load())
			}
			if err != nil && !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("Flush said %v, want what is in the way", err)
			}
		})
	}
}
