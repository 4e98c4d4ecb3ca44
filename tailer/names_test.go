package tailer

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Names are taken from the last look only while the directory has the same ones.
func TestNamesOfADirectory(t *testing.T) {
	write := func(path string) error { return os.WriteFile(path, []byte("x"), 0o600) }
	for _, c := range []struct {
		what   string
		change func(dir string) error
		reads  bool
	}{
		{"nothing", func(string) error { return nil }, false},
		{"written to a file", func(dir string) error { return write(filepath.Join(dir, "a")) }, false},
		{"a new file", func(dir string) error { return write(filepath.Join(dir, "new")) }, true},
		{"a file removed", func(dir string) error { return os.Remove(filepath.Join(dir, "a")) }, true},
		{"a file renamed", func(dir string) error { return os.Rename(filepath.Join(dir, "a"), filepath.Join(dir, "z")) }, true},
		{"two names exchanged", func(dir string) error {
			return unix.Renameat2(unix.AT_FDCWD, filepath.Join(dir, "a"), unix.AT_FDCWD, filepath.Join(dir, "sub"), unix.RENAME_EXCHANGE)
		}, true},
		{"a file became a link", func(dir string) error {
			if err := os.Symlink("sub", filepath.Join(dir, "..", "link")); err != nil {
				return err
			}
			return os.Rename(filepath.Join(dir, "..", "link"), filepath.Join(dir, "a"))
		}, true},
		{"another directory", func(dir string) error {
			if err := os.Rename(dir, dir+".old"); err != nil {
				return err
			}
			return os.Mkdir(dir, 0o700)
		}, true},
		{"times set back", func(dir string) error {
			var st unix.Stat_t
			if err := unix.Stat(dir, &st); err != nil {
				return err
			}
			if err := write(filepath.Join(dir, "new")); err != nil {
				return err
			}
			return os.Chtimes(dir, time.Time{}, time.Unix(st.Mtim.Unix()))
		}, true},
	} {
		t.Run(c.what, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "logs")
			if err := os.MkdirAll(filepath.Join(dir, "sub"), 0o700); err != nil {
				t.Fatal(err)
			}
			for i := range 300 {
				if err := write(filepath.Join(dir, fmt.Sprintf("app-%d.log", i))); err != nil {
					t.Fatal(err)
				}
			}
			if err := write(filepath.Join(dir, "a")); err != nil {
				t.Fatal(err)
			}
			var old *listing
			for deadline := time.Now().Add(10 * time.Second); old == nil || !old.settled; {
				old = list(t, dir, nil)
				if time.Now().After(deadline) {
					t.Skip("the file system of temporary directories is not one whose times tell")
				}
			}
			if err := c.change(dir); err != nil {
				t.Fatal(err)
			}
			l := list(t, dir, old)
			if read := l.again == 0; read != c.reads {
				t.Errorf("read: %v, want %v", read, c.reads)
			}
			var want []string
			all, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range all {
				want = append(want, fmt.Sprint(filepath.Join(dir, e.Name()), " ", e.IsDir(), " ", e.IsDir() || e.Type()&os.ModeSymlink != 0))
			}
			var got []string
			for _, n := range l.names {
				if n.kind == unix.DT_UNKNOWN {
					t.Skip("the file system does not tell types")
				}
				got = append(got, fmt.Sprint(n.path, " ", n.isDir(), " ", n.leads()))
				if n.text() != filepath.Base(n.path) {
					t.Errorf("%q has %q as its last component", n.path, n.text())
				}
			}
			slices.SortFunc(got, strings.Compare)
			slices.SortFunc(want, strings.Compare)
			if !slices.Equal(got, want) {
				t.Errorf("got %q\nwant %q", got, want)
			}
		})
	}
}

// A directory that changed a moment ago is read again: another change may have the same time.
func TestNamesJustChanged(t *testing.T) {
	dir := t.TempDir()
	l := list(t, dir, nil)
	now := time.Unix(0, max(l.st.mtime, l.st.ctime))
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	l.fd = fd
	if l.settledAt(now) || l.settledAt(now.Add(clockGrain)) || l.settledAt(now.Add(-time.Hour)) {
		t.Error("settled although it was changed just now, or in the future")
	}
}

func list(t *testing.T, dir string, old *listing) *listing {
	t.Helper()
	l := &listing{fd: -1}
	if err := l.read(dir, old); err != nil {
		t.Fatal(err)
	}
	unix.Close(l.fd)
	l.fd = -1
	return l
}
