package sqlite

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// The bytes of a database file that SQLite locks (sqlite.org, lockingv3.html): far behind any content that is read here.
const (
	pendingByte = 0x40000000
	sharedFirst = pendingByte + 2
	sharedSize  = 510
)

// lockShared takes the lock that a reader takes: nobody can change the database while it is held. It waits for a process that is in the middle of a
// change, and returns ErrBusy when that takes too long.
func lockShared(f *os.File, patience time.Duration) (unlock func(), err error) {
	set := func(kind int16, start, length int64) error {
		l := unix.Flock_t{Type: kind, Whence: 0, Start: start, Len: length}
		return unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &l)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		err = set(unix.F_RDLCK, pendingByte, 1)
		if err == nil {
			err = set(unix.F_RDLCK, sharedFirst, sharedSize)
			_ = set(unix.F_UNLCK, pendingByte, 1)
		}
		if err == nil {
			return func() { _ = set(unix.F_UNLCK, sharedFirst, sharedSize) }, nil
		}
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EACCES) {
			// A file system without locks: nobody else can have one either.
			return func() {}, nil
		}
		if time.Now().After(deadline) {
			return nil, ErrBusy
		}
	}
}
