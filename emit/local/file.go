package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/kinetail/kinetail/emit"
)

// fileMode lets the group read: records may hold what is not for everybody.
const fileMode = 0o640

// tailWindow is how far back from its end an existing file is searched for the last delimiter, in bytes.
const tailWindow = 1 << 20

// NewFile makes a destination that appends to path and acknowledges what fsync has confirmed. It opens the file at the first
// record, so that a missing directory or a full disk is something to wait for, not to fail on. When path is renamed or deleted it is
// made anew. The file is locked: there is one writer at a time.
func NewFile(path string, o Options) emit.Destination {
	delimiter := []byte(o.Delimiter)
	if len(delimiter) == 0 {
		delimiter = []byte{'\n'}
	}
	log := o.Logger
	if log == nil {
		log = slog.Default()
	}
	return start("file", &file{path: path, delimiter: delimiter, log: log, ops: osOps{}}, o)
}

// ops are the calls that tests make fail.
type ops interface {
	write(f *os.File, p []byte) (int, error)
	sync(f *os.File) error
}

type osOps struct{}

func (osOps) write(f *os.File, p []byte) (int, error) { return f.Write(p) }
func (osOps) sync(f *os.File) error                   { return f.Sync() }

// file is an append-only file of whole records. Between calls it ends at a record's end, or torn says how many bytes of a record
// stand behind it.
type file struct {
	path      string
	delimiter []byte
	log       *slog.Logger
	ops       ops
	f         *os.File
	torn      int64
	written   int // records of the current group in f that no fsync has confirmed
}

func (w *file) write(_ context.Context, g *group, first int) (int, error) {
	if err := w.ready(); err != nil {
		return 0, err
	}
	if from := first + w.written; from < g.len() {
		start := g.start(from)
		n, err := w.ops.write(w.f, g.data[start:])
		whole := g.whole(start + n)
		w.written += whole - from
		if err != nil {
			w.torn = int64(start + n - g.start(whole))
			return 0, errors.Join(fmt.Errorf("write %q: %w", w.path, err), w.mend())
		}
	}
	if err := w.ops.sync(w.f); err != nil {
		// What fsync failed for may be gone from the cache, and a second fsync would say nothing of it: write all of it again.
		w.forget()
		return 0, fmt.Errorf("fsync %q: %w", w.path, err)
	}
	if links, err := w.links(); err == nil && links == 0 {
		// Deleted while we wrote: nobody will ever read that.
		w.forget()
		return 0, nil
	}
	n := w.written
	w.written = 0
	return n, nil
}

// ready makes sure that w.f is the file at path and ends with a whole record.
func (w *file) ready() error {
	if w.f != nil {
		current, err := w.current()
		if err != nil {
			return err
		}
		if current {
			return w.mend()
		}
		if err := w.leave(); err != nil {
			return err
		}
	}
	return w.open()
}

// current says whether path still leads to w.f.
func (w *file) current() (bool, error) {
	there, err := os.Lstat(w.path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err == nil && there.Mode()&os.ModeSymlink != 0 {
		there, err = os.Stat(w.path)
		if errors.Is(err, os.ErrNotExist) {
			return false, nil
		}
	}
	if err != nil {
		return false, fmt.Errorf("look at %q: %w", w.path, err)
	}
	ours, err := w.f.Stat()
	if err != nil {
		return false, fmt.Errorf("look at %q: %w", w.path, err)
	}
	return os.SameFile(there, ours), nil
}

// leave lets go of a file that was renamed or deleted. What a renamed one has of the current group counts, once it is on disk.
func (w *file) leave() error {
	links, err := w.links()
	if err != nil {
		return err
	}
	if links > 0 && (w.written > 0 || w.torn > 0) {
		if err := w.mend(); err != nil {
			return err
		}
		if err := w.ops.sync(w.f); err != nil {
			w.written = 0
		}
		_ = w.f.Close()
		w.f = nil
		return nil
	}
	if links == 0 {
		w.written = 0
	}
	w.torn = 0
	_ = w.f.Close()
	w.f = nil
	return nil
}

// forget closes the file and with it all claims about what is in it.
func (w *file) forget() {
	_ = w.f.Close()
	w.f, w.written, w.torn = nil, 0, 0
}

func (w *file) links() (uint64, error) {
	info, err := w.f.Stat()
	if err != nil {
		return 0, fmt.Errorf("look at %q: %w", w.path, err)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Nlink), nil //nolint:unconvert // 32 bits on some machines
	}
	return 1, nil
}

// mend cuts a torn record off the end.
func (w *file) mend() error {
	if w.torn == 0 {
		return nil
	}
	info, err := w.f.Stat()
	if err != nil {
		return fmt.Errorf("look at %q: %w", w.path, err)
	}
	if size := info.Size(); size >= w.torn { // less: somebody truncated it, and the torn record is gone
		if err := w.f.Truncate(size - w.torn); err != nil {
			return fmt.Errorf("cut a half-written record off %q: %w", w.path, err)
		}
	}
	w.torn = 0
	return nil
}

// open opens or makes the file, takes its lock, and cuts off what a crash has left of a record.
func (w *file) open() error {
	_, err := os.Lstat(w.path)
	fresh := errors.Is(err, os.ErrNotExist)
	// O_NONBLOCK: a pipe at that path must not hold us before we have seen that it is one.
	f, err := os.OpenFile(w.path, os.O_RDWR|os.O_APPEND|os.O_CREATE|unix.O_NONBLOCK, fileMode)
	if err != nil {
		return fmt.Errorf("open file destination: %w", err)
	}
	if err := w.prepare(f, fresh); err != nil {
		_ = f.Close()
		return err
	}
	w.f = f
	return nil
}

func (w *file) prepare(f *os.File, fresh bool) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("look at %q: %w", w.path, err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%q is not a regular file: choose another path for the file destination", w.path)
	}
	if err := lock(f); err != nil {
		return fmt.Errorf("lock %q: another flow or program writes to it (%w): give each its own path", w.path, err)
	}
	if fresh {
		if err := syncDir(filepath.Dir(w.path)); err != nil {
			return fmt.Errorf("make %q durable: %w", w.path, err)
		}
		return nil
	}
	return w.cutTail(f, info.Size())
}

// cutTail removes what stands behind the last delimiter: a record that a crash tore, and that comes again because it was never
// acknowledged. Where no delimiter is in sight the file may be somebody's: then the line is only ended.
func (w *file) cutTail(f *os.File, size int64) error {
	window := min(size, tailWindow)
	buf := make([]byte, window)
	if _, err := f.ReadAt(buf, size-window); err != nil {
		return fmt.Errorf("read the end of %q: %w", w.path, err)
	}
	if len(buf) == 0 || bytes.HasSuffix(buf, w.delimiter) {
		return nil
	}
	at := bytes.LastIndex(buf, w.delimiter)
	if at < 0 {
		if _, err := f.Write(w.delimiter); err != nil {
			return fmt.Errorf("end the last line of %q: %w", w.path, err)
		}
		return nil
	}
	cut := window - int64(at+len(w.delimiter))
	if err := f.Truncate(size - cut); err != nil {
		return fmt.Errorf("cut a half-written record off %q: %w", w.path, err)
	}
	w.log.Warn("cut a half-written record off the end of the file; it was not acknowledged and comes again", "path", w.path, "bytes", cut)
	return nil
}

// lock takes the file for us as long as it is open; file systems without locks are taken as they are.
func lock(f *os.File) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var locked error
	if err := conn.Control(func(fd uintptr) {
		locked = unix.Flock(int(fd), unix.LOCK_EX|unix.LOCK_NB) //nolint:gosec // descriptors fit
	}); err != nil {
		return err
	}
	if errors.Is(locked, unix.EWOULDBLOCK) {
		return locked
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	return errors.Join(err, d.Close())
}

func (w *file) close() error {
	if w.f == nil {
		return nil
	}
	return errors.Join(w.mend(), w.f.Close())
}
