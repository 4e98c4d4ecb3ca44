package tailer

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// bodyKey is what the system tells two live bodies apart by.
type bodyKey struct{ dev, ino uint64 }

// stat is what statx tells of a body, at one moment.
type stat struct {
	bodyKey
	version
	birth      int64 // ns since 1970; 0 where the file system does not tell
	mode       uint16
	nlink, uid uint32
}

// version is what changes with each write, as far as size and times can tell. The times are in ns since 1970.
type version struct{ size, mtime, ctime int64 }

// statMask is what is asked for; tests leave out the birth time, as some file systems do.
var statMask = unix.STATX_BASIC_STATS | unix.STATX_BTIME

// statAt looks at name in dirfd; flags is 0 to follow a symbolic link, or AT_SYMLINK_NOFOLLOW. It allocates nothing, unlike unix.Statx, for it is
// called for each file at each sweep.
func statAt(dirfd int, name string, flags int) (stat, error) {
	if err := failed("stat", name); name != "" && err != nil {
		return stat{}, err
	}
	var x unix.Statx_t
	var buf [256]byte
	terminated := buf[:]
	if len(name) >= len(buf) {
		terminated = make([]byte, len(name)+1)
	}
	copy(terminated, name)
	for {
		_, _, no := unix.Syscall6(unix.SYS_STATX, uintptr(dirfd), uintptr(unsafe.Pointer(&terminated[0])), uintptr(flags|unix.AT_STATX_SYNC_AS_STAT),
			uintptr(statMask), uintptr(unsafe.Pointer(&x)), 0)
		if no == unix.EINTR {
			continue
		}
		if no != 0 {
			return stat{}, &os.PathError{Op: "stat", Path: name, Err: no}
		}
		break
	}
	st := stat{
		bodyKey: bodyKey{unix.Mkdev(x.Dev_major, x.Dev_minor), x.Ino},
		version: version{int64(x.Size), x.Mtime.Sec*1e9 + int64(x.Mtime.Nsec), x.Ctime.Sec*1e9 + int64(x.Ctime.Nsec)},
		mode:    x.Mode,
		nlink:   x.Nlink,
		uid:     x.Uid,
	}
	if int(x.Mask)&statMask&unix.STATX_BTIME != 0 {
		st.birth = x.Btime.Sec*1e9 + int64(x.Btime.Nsec)
	}
	return st, nil
}

// statFile looks at an open body.
func statFile(f *os.File) (stat, error) {
	if err := failed("fstat", f.Name()); err != nil {
		return stat{}, err
	}
	st, err := statAt(int(f.Fd()), "", unix.AT_EMPTY_PATH)
	if err != nil {
		return st, fmt.Errorf("stat open file %q: %w", f.Name(), err)
	}
	return st, nil
}

func (s *stat) is(kind uint16) bool { return s.mode&unix.S_IFMT == kind }

// oddity says why a body that is no regular file is not followed.
func (s *stat) oddity() string {
	switch s.mode & unix.S_IFMT {
	case unix.S_IFREG:
		return ""
	case unix.S_IFDIR:
		return "is a directory"
	case unix.S_IFIFO:
		return "is a named pipe: name it under pipes to read it"
	case unix.S_IFSOCK:
		return "is a socket"
	case unix.S_IFBLK, unix.S_IFCHR:
		return "is a device"
	default:
		return "is not a regular file"
	}
}

// sameBody says that two looks saw one body: an inode that was freed and used again has another birth time.
func sameBody(a *stat, key bodyKey, birth int64) bool {
	return a.bodyKey == key && (a.birth == 0 || birth == 0 || a.birth == birth)
}
