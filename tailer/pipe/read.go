package pipe

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Times of a named pipe.
const (
	// retryAfter is the time between two looks for a pipe that is missing or can't be opened.
	retryAfter = time.Second
	// lookAgain is how often an open pipe is compared with what has its name.
	lookAgain = time.Second
)

// readPipe reads the named pipe, whatever becomes of it, until Close.
func (s *Source) readPipe() {
	said := ""
	for !s.closed() {
		f, err := openPipe(s.opts.Path)
		if err != nil {
			if said != err.Error() {
				said = err.Error()
				s.opts.Log.Warn("Can't open a named pipe; trying again every second", "flow", s.opts.Flow, "error", err)
			}
			select {
			case <-time.After(retryAfter):
			case <-s.stop:
			}
			continue
		}
		said = ""
		s.mu.Lock()
		s.in = f
		s.mu.Unlock()
		if err := s.readWriters(f); err != nil {
			s.opts.Log.Warn("A named pipe has to be opened again", "flow", s.opts.Flow, "error", err)
		}
		s.mu.Lock()
		s.in = nil
		s.mu.Unlock()
		_ = f.Close()
	}
}

// openPipe opens a named pipe without waiting for a writer.
func openPipe(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode()&os.ModeNamedPipe == 0 {
		return nil, fmt.Errorf("%s is not a named pipe", path)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if info, err = f.Stat(); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		_ = f.Close()
		return nil, fmt.Errorf("%s is not a named pipe any more", path)
	}
	return f, nil
}

// readWriters reads what one writer after the other writes; nil is for Close and for a pipe that was removed or replaced.
func (s *Source) readWriters(f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var open *session
	defer func() {
		if open != nil {
			open.end()
		}
	}()
	buf := make([]byte, 64<<10)
	for {
		_ = f.SetReadDeadline(time.Now().Add(lookAgain))
		if s.closed() {
			return nil
		}
		var n int
		var got error
		// No writer is an end of file each time one looks: only the first after some bytes is of interest, then the poller waits.
		err := raw.Read(func(fd uintptr) bool {
			n, got = unix.Read(int(fd), buf)
			return n > 0 || n == 0 && open != nil || got != nil && got != unix.EAGAIN && got != unix.EINTR
		})
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			if !s.stillThere(f) {
				return nil
			}
		case err != nil:
			return err
		case n > 0:
			if open == nil {
				if open, err = s.begin(); err != nil {
					if s.closed() {
						return nil
					}
					return err
				}
			}
			if err := open.write(buf[:n]); err != nil {
				if s.closed() {
					return nil
				}
				return err
			}
		case n == 0:
			open.end()
			open = nil
		default:
			return fmt.Errorf("read %s: %w", s.opts.Path, got)
		}
	}
}

// stillThere says whether the path still names the open pipe. What can't be looked at is taken to be there.
func (s *Source) stillThere(f *os.File) bool {
	ours, err := f.Stat()
	if err != nil {
		return true
	}
	named, err := os.Stat(s.opts.Path)
	if err != nil {
		return !errors.Is(err, os.ErrNotExist)
	}
	return os.SameFile(ours, named)
}

// readInput reads Input to its end.
func (s *Source) readInput() {
	var open *session
	buf := make([]byte, 64<<10)
	for {
		n, err := s.opts.Input.Read(buf)
		if s.closed() {
			break
		}
		if n > 0 {
			var failed error
			if open == nil {
				open, failed = s.begin()
			}
			if failed == nil {
				failed = open.write(buf[:n])
			}
			if failed != nil && !s.closed() {
				err = failed
			}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) && !s.closed() {
				s.opts.Log.Error("Standard input ends before its end", "flow", s.opts.Flow, "error", err)
			}
			break
		}
	}
	if open != nil {
		open.end()
	}
	s.mu.Lock()
	s.eof = true
	s.mu.Unlock()
	s.signal(s.ready)
}
