package tailer

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// name is what a directory has under one name.
type name struct {
	path string // all of it, so that nobody has to put it together again
	cut  int32  // where its last component begins
	kind uint8  // DT_REG and so on; DT_UNKNOWN where the file system does not tell
}

func (n *name) text() string { return n.path[n.cut:] }

func (n *name) isDir() bool { return n.kind == unix.DT_DIR }

// leads says that it may lead to a directory: it is one, or a symbolic link, or of a type that is not known.
func (n *name) leads() bool {
	return n.kind == unix.DT_DIR || n.kind == unix.DT_LNK || n.kind == unix.DT_UNKNOWN
}

// listing is what a directory held.
type listing struct {
	fd    int // for stat without walking the path again; closed by walk.close
	st    stat
	names []name
	err   error
	// settled says that names will be the same as long as the directory's times are: see settledAt.
	settled bool
	again   int // sweeps that have used names without reading them
}

// rereadEvery is after how many sweeps a directory is read again though its times say that it need not be: about every five minutes.
const rereadEvery = 60

// timedFileSystems are those that change a directory's times with each name that comes, goes or changes, by the number that statfs has for them:
// the others are read at each sweep. A tmpfs, and what overlayfs shows of these, does so too.
var timedFileSystems = map[int64]bool{
	0xef53: true, 0x58465342: true, 0x9123683e: true, 0x01021994: true, 0x794c7630: true, // ext, xfs, btrfs, tmpfs, overlayfs
	0xf2f52010: true, 0x2fc12fc1: true, 0xca451a4e: true, // f2fs, zfs, bcachefs
}

// settledAt says whether any change after now, when st was taken, changes the directory's times: they are given in ticks, and in the tick of the last
// change there may be another.
func (l *listing) settledAt(now time.Time) bool {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(l.fd, &fs); err != nil || !timedFileSystems[int64(fs.Type)&0xffffffff] { //nolint:unconvert // elsewhere it is no int64, and signed
		return false
	}
	return max(l.st.mtime, l.st.ctime) < now.Add(-clockGrain).UnixNano()
}

// read opens dir and reads its names, if old is not what it still holds.
func (l *listing) read(dir string, old *listing) error {
	now := time.Now()
	var err error
	for {
		l.fd, err = unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			l.fd = -1
			return &os.PathError{Op: "open", Path: dir, Err: err}
		}
		break
	}
	if l.st, err = statAt(l.fd, "", unix.AT_EMPTY_PATH); err != nil {
		return err
	}
	var was []name
	if old != nil {
		was = old.names
		if old.settled && old.again < rereadEvery && l.st.version == old.st.version && sameBody(&l.st, old.st.bodyKey, old.st.birth) {
			l.names, l.settled, l.again = was, true, old.again+1
			return nil
		}
	}
	l.names, err = namesOf(l.fd, dir, was)
	l.settled = err == nil && l.settledAt(now)
	return err
}

var nameBuffers = sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}

// namesOf reads the names of the directory fd, which is at dir. Strings are taken from was, where it has the same names in about the same order.
func namesOf(fd int, dir string, was []name) ([]name, error) {
	buf := nameBuffers.Get().(*[]byte)
	defer nameBuffers.Put(buf)
	if dir != "/" {
		dir += "/"
	}
	all := make([]name, 0, len(was))
	for {
		n, err := unix.Getdents(fd, *buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return all, fmt.Errorf("getdents: %w", err)
		}
		if n == 0 {
			return all, nil
		}
		for rest := (*buf)[:n]; len(rest) > 0; {
			d := (*unix.Dirent)(unsafe.Pointer(&rest[0]))
			text := rest[unsafe.Offsetof(d.Name):d.Reclen]
			text = text[:max(0, bytes.IndexByte(text, 0))]
			ino, kind := d.Ino, d.Type
			rest = rest[d.Reclen:]
			if ino == 0 || string(text) == "." || string(text) == ".." {
				continue
			}
			one := name{cut: int32(len(dir)), kind: kind}
			for i := range min(len(was), 4) { // some may have gone
				if was[i].text() == string(text) {
					one.path, was = was[i].path, was[i+1:]
					break
				}
			}
			if one.path == "" {
				one.path = dir + string(text)
			}
			all = append(all, one)
		}
	}
}
