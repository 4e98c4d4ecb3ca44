package checkpoint

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// InUseError says that another process holds the state directory.
type InUseError struct {
	Dir string
	PID int // 0 when the other one has not written it
}

func (e *InUseError) Error() string {
	who := "another process"
	if e.PID > 0 {
		who = fmt.Sprintf("kinetail with pid %d", e.PID)
	}
	return fmt.Sprintf("state directory %s is in use by %s: stop that one first, or give this one another state_dir", e.Dir, who)
}

// yours adds what to do to an error for the want of a right.
func yours(err error) error {
	if !errors.Is(err, os.ErrPermission) {
		return err
	}
	return fmt.Errorf("%w: run kinetail as the user that the directory belongs to (this is user %d), give the directory to this one, or name another state_dir", err, os.Geteuid())
}

// lockName is the file that is locked, apart from the database so that this can be replaced and read meanwhile. It is
// never removed: two processes could then hold locks on two files of one name.
const lockName = "lock"

// lock takes the state directory for this process until the file is closed, trying again until timeout is over.
func lock(dir string, timeout time.Duration) (*os.File, error) {
	path := filepath.Join(dir, lockName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if errors.Is(err, unix.EROFS) {
		if was, openErr := os.Open(path); openErr == nil {
			f, err = was, nil // remounted read-only: the lock works all the same
		}
	}
	if err != nil {
		return nil, fmt.Errorf("lock state directory %s: %w", dir, yours(err))
	}
	for deadline := time.Now().Add(timeout); ; time.Sleep(20 * time.Millisecond) {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil || !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) || time.Now().After(deadline) {
			break
		}
	}
	if err != nil {
		defer func() { _ = f.Close() }()
		if errors.Is(err, unix.EWOULDBLOCK) {
			text, _ := os.ReadFile(path)
			pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
			return nil, &InUseError{Dir: dir, PID: pid}
		}
		return nil, fmt.Errorf("lock state directory %s: %w", dir, err)
	}
	// The pid is for people; the lock holds without it, also on a full disk.
	text := strconv.Itoa(os.Getpid()) + "\n"
	if _, err := f.WriteAt([]byte(text), 0); err == nil {
		_ = f.Truncate(int64(len(text)))
	}
	return f, nil
}
