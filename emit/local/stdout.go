package local

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/kinetail/kinetail/emit"
)

// pipeBuf is PIPE_BUF (pipe(7)): a pipe that poll calls writable takes that many bytes without blocking.
const pipeBuf = 4096

// pollMillis is how soon a blocked writer notices that it is to stop.
const pollMillis = 100

// NewStdout makes a destination that writes to f, which is os.Stdout outside of tests, and does not close it. A reader that
// falls asleep holds the flow up; one that goes away breaks the destination.
func NewStdout(f *os.File, o Options) (emit.Destination, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("look at standard output: %w", err)
	}
	conn, err := f.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("use standard output: %w", err)
	}
	chunk := pipeBuf
	if info.Mode().IsRegular() {
		chunk = 2 * queueBytes
	}
	return start("stdout", &stream{control: conn.Control, chunk: chunk}, o), nil
}

// stream writes to a descriptor that other processes may share, and so leaves its mode as it is: it never waits inside write, where
// nothing could wake it, but in poll.
type stream struct {
	control func(func(fd uintptr)) error
	chunk   int
	inside  int // bytes of the next record that are already written
}

func (s *stream) write(ctx context.Context, g *group, first int) (int, error) {
	start := g.start(first)
	pos := start + s.inside
	for pos < len(g.data) {
		n, err := s.some(ctx, g.data[pos:min(len(g.data), pos+s.chunk)])
		pos += n
		if err != nil {
			done := g.whole(pos) - first
			s.inside = pos - g.start(first+done)
			return done, err
		}
	}
	s.inside = 0
	return g.len() - first, nil
}

// some waits until p, or a part of it, can be written.
func (s *stream) some(ctx context.Context, p []byte) (n int, err error) {
	for {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		ready := false
		cerr := s.control(func(fd uintptr) {
			fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}} //nolint:gosec // descriptors fit
			if _, err = unix.Poll(fds, pollMillis); err != nil {
				return
			}
			// POLLERR means that the reader has gone; write then says which error it is.
			if ready = fds[0].Revents != 0; ready {
				n, err = unix.Write(int(fd), p) //nolint:gosec // descriptors fit
			}
		})
		switch {
		case cerr != nil:
			return 0, fmt.Errorf("write standard output: %w: %w", cerr, errBroken)
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN), err == nil && !ready:
			n, err = 0, nil
		case errors.Is(err, unix.EPIPE):
			return 0, fmt.Errorf("write standard output: its reader has gone: %w: %w", err, errBroken)
		case err != nil:
			return 0, fmt.Errorf("write standard output: %w", err)
		default:
			return n, nil
		}
	}
}

func (s *stream) close() error { return nil }
