package tailer

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// fault is set by tests only: what the system is to answer to a call (open, stat, list, read) about a path instead of doing it; nil does it.
var fault func(call, path string) error

// failed is the fault that a test wants, as the system would say it.
func failed(call, path string) error {
	if fault == nil {
		return nil
	}
	if err := fault(call, path); err != nil {
		return &os.PathError{Op: call, Path: path, Err: err}
	}
	return nil
}

// body reads an open file by offset. All reading of what is followed goes through it.
type body struct{ file *os.File }

// ReadAt implements io.ReaderAt.
func (b body) ReadAt(p []byte, off int64) (int, error) {
	if err := failed("read", b.file.Name()); err != nil {
		return 0, err
	}
	return b.file.ReadAt(p, off)
}

// cannotLook says that err is what the system said when it was asked for something: nothing follows from it but to ask again. What is gone, and
// what was looked at and refused, is not that.
func cannotLook(err error) bool {
	var no unix.Errno
	return errors.As(err, &no) && !isGone(err) && !errors.Is(err, errRefused)
}

// exhausted says that it is this process, or the machine, that has no descriptors or no memory left.
func exhausted(err error) bool {
	return errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) || errors.Is(err, unix.ENOMEM)
}
