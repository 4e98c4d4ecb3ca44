package tailer

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kinetail/kinetail/tailer/checkpoint"
)

func TestTail(t *testing.T) {
	content := []byte(strings.Repeat("0123456789", 30))
	for _, cuts := range [][]int{{300}, {1, 63, 64, 100, 300}, {10, 20, 30, 40, 50, 60, 70, 299, 300}} {
		var got tail
		from := 0
		for _, to := range cuts {
			got.push(content[from:to])
			want := content[max(0, to-markerSize):to]
			if !bytes.Equal(got.bytes(), want) {
				t.Fatalf("after %d: %q, want %q", to, got.bytes(), want)
			}
			at, whole, err := tailAt(bytes.NewReader(content), int64(to))
			if err != nil || !whole || at.print() != got.print() {
				t.Fatalf("after %d: read %q, %v, %v", to, at.bytes(), whole, err)
			}
			from = to
		}
	}
	if _, whole, err := tailAt(bytes.NewReader(content), 301); whole || err != nil {
		t.Error("a body that ends before the position must not be whole:", err)
	}
}

func TestHead(t *testing.T) {
	content := []byte(strings.Repeat("0123456789", 300))
	head := checkpoint.Sum(content[:500])
	for name, c := range map[string]struct {
		body []byte
		want bool
	}{
		"the same": {content, true}, "just as long": {content[:500], true}, "shorter": {content[:499], false},
		"another": {append([]byte("x"), content[1:]...), false},
	} {
		if got, err := headAgrees(bytes.NewReader(c.body), head); got != c.want || err != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestUnzip(t *testing.T) {
	content := bytes.Repeat([]byte("some line or other\n"), 50_000)
	for how, ending := range map[string]string{"gzip": ".gz", "zstd": ".zst"} {
		t.Run(how, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.log")
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := compress(how, path, "", ""); err != nil {
				t.Fatal(err)
			}
			open := func() *unzip {
				f, err := os.Open(path + ending)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { f.Close() })
				kind, err := compressionOf(path+ending, f)
				if err != nil || kind != how {
					t.Fatalf("seen as %q, %v", kind, err)
				}
				u := newUnzip(f, kind)
				t.Cleanup(u.close)
				return u
			}
			u := open()
			for _, off := range []int{0, 100, 50, 300_000, 299_990, 1000, len(content) - 10} { // forward, and back
				buf := make([]byte, 10)
				if n, err := u.ReadAt(buf, int64(off)); n != 10 || err != nil || !bytes.Equal(buf, content[off:off+10]) {
					t.Fatalf("at %d: %q, %v", off, buf[:n], err)
				}
			}
			if n, err := u.ReadAt(make([]byte, 10), int64(len(content)-4)); n != 4 || err != io.EOF {
				t.Errorf("at the end: %d, %v", n, err)
			}
			st, err := os.Stat(path + ending)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(path+ending, st.Size()-5); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadAll(io.NewSectionReader(open(), 0, 1<<40)); !errors.Is(err, errUnfinished) {
				t.Errorf("an unfinished file gives %v", err)
			}
		})
	}
}

func TestOpenSafely(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	if err := errors.Join(os.Mkdir(path("real"), 0o755), os.WriteFile(path("real/f"), []byte("text"), 0o644),
		os.Symlink("real", path("dirlink")), os.Symlink("dirlink/f", path("link")), os.Symlink(path("link"), path("absolute")),
		os.Symlink("loop", path("loop")), unix.Mkfifo(path("fifo"), 0o644)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, policy string
		ok           bool
	}{
		{"real/f", "none", true},
		{"link", "owner", true},
		{"absolute", "owner", true},
		{"dirlink/f", "owner", true},
		{"real/../link", "owner", true},
		{"link", "none", false},
		{"dirlink/f", "none", false},
		{"link", "all", true},
		{"loop", "owner", false},
		{"fifo", "owner", false},
		{"fifo", "all", false},
		{"real", "owner", false},
		{"gone", "owner", false},
	} {
		f, _, err := openSafely(dir+"/"+c.name, c.policy)
		if (err == nil) != c.ok {
			t.Errorf("%s with %q: %v", c.name, c.policy, err)
			continue
		}
		if err == nil {
			if b, err := io.ReadAll(f); string(b) != "text" || err != nil {
				t.Errorf("%s: read %q, %v", c.name, b, err)
			}
			f.Close()
		}
	}
	if os.Geteuid() != 0 {
		return
	}
	// Who owns the link may not decide what is read, neither at the end of the path nor in its middle.
	for _, name := range []string{"link", "dirlink/f"} {
		link, _, _ := strings.Cut(name, "/")
		if err := os.Lchown(path(link), 65534, 65534); err != nil {
			t.Fatal(err)
		}
		if f, _, err := openSafely(path(name), "owner"); !errors.Is(err, errRefused) {
			t.Errorf("%s of another user: %v, %v", name, f, err)
		}
		if err := os.Lchown(path(link), 0, 0); err != nil {
			t.Fatal(err)
		}
	}
}

// Row 30: without inotify everything is polled, and nothing else changes.
func TestNoWatcher(t *testing.T) {
	w := &Watcher{end: make(chan struct{}), dirs: map[string]map[*hints]struct{}{}, failed: map[string]error{}, busy: map[string]int{}}
	close(w.end)
	h := newHints()
	if w.want(h, "/tmp") != cannotWatch {
		t.Error("claims to watch")
	}
	if st := w.Stats(); st.Directories != 1 || st.Polled != 1 {
		t.Errorf("%+v", st)
	}
	w.drop(h, "/tmp")
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

// Row 30: a directory beyond max_user_watches is polled, that is said once, and it is watched as soon as it can be.
func TestWatchLimit(t *testing.T) {
	defer func() { fault = nil }()
	fault = func(call, _ string) error {
		if call == "watch" {
			return unix.ENOSPC
		}
		return nil
	}
	var log strings.Builder
	w := NewWatcher(slog.New(slog.NewTextHandler(&log, nil)))
	defer w.Close()
	h := newHints()
	one, two := t.TempDir(), t.TempDir()
	for range 3 {
		w.want(h, one)
		w.want(h, two)
	}
	if st := w.Stats(); st.Directories != 2 || st.Polled != 2 {
		t.Errorf("%+v", st)
	}
	if n := strings.Count(log.String(), "max_user_watches"); n != 1 {
		t.Errorf("said %d times:\n%s", n, &log)
	}
	fault = nil
	w.want(h, one)
	w.want(h, two)
	if st := w.Stats(); st.Polled != 0 {
		t.Errorf("with room again: %+v", st)
	}
}

// Row 12: on a network file system events are not relied upon, also where inotify would take the directory.
func TestNetworkFileSystem(t *testing.T) {
	far, near := t.TempDir(), t.TempDir()
	ask := networked
	networked = func(dir string) string {
		if dir == far {
			return "nfs"
		}
		return ask(dir)
	}
	defer func() { networked = ask }()
	var log strings.Builder
	w := NewWatcher(slog.New(slog.NewTextHandler(&log, nil)))
	defer w.Close()
	h := newHints()
	for range 3 {
		w.want(h, far)
		w.want(h, near)
	}
	if st := w.Stats(); st.Directories != 2 || st.Polled != 1 {
		t.Errorf("%+v", st)
	}
	if list := w.fs.WatchList(); len(list) != 1 || list[0] != near {
		t.Errorf("watched: %q", list)
	}
	if n := strings.Count(log.String(), "network file system"); n != 1 {
		t.Errorf("said %d times:\n%s", n, &log)
	}
	w.drop(h, far)
	if st := w.Stats(); st.Directories != 1 || st.Polled != 0 {
		t.Errorf("dropped: %+v", st)
	}
}

// The numbers of file systems that are here are looked up for real.
func TestNetworkedHere(t *testing.T) {
	for _, dir := range []string{t.TempDir(), "/proc", "/dev/shm"} {
		if name := networked(dir); name != "" {
			t.Logf("%s is on %s here", dir, name)
			if dir == "/proc" {
				t.Error("proc is no network file system")
			}
		}
	}
	if networked("/nowhere/at/all") != "" {
		t.Error("what cannot be asked is not known to be far")
	}
}

// Row 29: an overflow tells every follower to look at everything.
func TestOverflow(t *testing.T) {
	w := NewWatcher(nil)
	defer w.Close()
	h := newHints()
	w.want(h, t.TempDir())
	w.lost(errors.New("queue overflow"))
	if _, all := h.take(nil); !all {
		t.Error("the follower is not told")
	}
}
