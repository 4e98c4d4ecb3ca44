package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/kinetail/kinetail/agent/status"
	"github.com/kinetail/kinetail/tailer"
	"github.com/kinetail/kinetail/tailer/checkpoint"
)

func portOf(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

// errNotDelivered is in an error that answers the question.
var errNotDelivered = errors.New("is not delivered")

// fileDelivered answers for one path; the error says what is missing. The positions on disk decide: they are all that a restart would know, and
// also those of bodies that the agent has long let go of.
func fileDelivered(ctx context.Context, out io.Writer, f statusFlags, stateDir string) error {
	path, err := filepath.Abs(f.file)
	if err != nil {
		return err
	}
	running, err := status.Get(ctx, f.control)
	switch {
	case err == nil:
		stateDir = running.Store.Dir
	case stateDir == "" || !errors.Is(err, status.ErrNoAgent):
		return err
	}
	known, err := checkpoint.List(stateDir)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s %w: nothing has been delivered with the state directory %s", printable(path), errNotDelivered, stateDir)
	}
	if err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe would wait for a writer
	if errors.Is(err, fs.ErrNotExist) {
		return gone(path, known)
	}
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	flows := map[string]bool{} // that know the file as a body
	for i := range known {
		g := &known[i]
		if !isBody(g, file, info) {
			continue
		}
		if running != nil {
			g.Offset = max(g.Offset, acknowledged(running, g)) // the store is up to a second behind
		}
		if left := info.Size() - g.Offset; left > 0 {
			return fmt.Errorf("%s %w: flow %s has %s of %s left%s", printable(path), errNotDelivered, g.Flow, size(left), size(info.Size()), why(running, g, left))
		}
		flows[g.Flow] = true
	}
	known = slices.DeleteFunc(known, func(g checkpoint.Generation) bool { return flows[g.Flow] })
	total, err := copyDelivered(path, file, info, known) // others may have it to read, under another name or no name
	switch {
	case err != nil:
		return err
	case len(flows) > 0:
		total = info.Size()
	case total < 0:
		return unknown(path, info, running)
	}
	_, err = fmt.Fprintf(out, "%s is delivered, all %s of it: it can be deleted\n", printable(path), size(total))
	return err
}

// copyDelivered answers for a file that is no body which was followed, but may hold what one held, as it was or compressed. It returns the length of
// the content if all of it is delivered, and -1 if it is nothing known.
func copyDelivered(path string, file *os.File, info os.FileInfo, known []checkpoint.Generation) (int64, error) {
	if !info.Mode().IsRegular() || info.Size() == 0 {
		return -1, nil
	}
	offsets, total, err := tailer.Delivered(file, path, known)
	if err != nil {
		return -1, fmt.Errorf("%s %w, as far as can be known: %w", printable(path), errNotDelivered, err)
	}
	for _, flow := range slices.Sorted(maps.Keys(offsets)) {
		if left := total - offsets[flow]; left > 0 {
			return 0, fmt.Errorf("%s %w: it is a copy of what flow %s reads, which has %s of its %s left", printable(path), errNotDelivered, flow, size(left), size(total))
		}
	}
	if len(offsets) == 0 {
		total = -1
	}
	return total, nil
}

// isBody says whether a file is the uncompressed body that g tells of: the same inode, with the beginning and the bytes before the position that were
// there. A compressed one is told by its content.
func isBody(g *checkpoint.Generation, file *os.File, info os.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || g.Ino != st.Ino || g.Dev != uint64(st.Dev) || g.Compression != "" || !info.Mode().IsRegular() { //nolint:unconvert // 32 bits on some machines
		return false
	}
	return holds(file, 0, g.Head) && holds(file, g.Offset-int64(g.Marker.Len), g.Marker)
}

// holds says whether the bytes at an offset are those of which a fingerprint is.
func holds(file *os.File, at int64, print checkpoint.Print) bool {
	if print.Len == 0 {
		return true
	}
	buf := make([]byte, print.Len)
	n, err := file.ReadAt(buf, at)
	return n == len(buf) && (err == nil || errors.Is(err, io.EOF)) && checkpoint.Sum(buf) == print
}

// acknowledged is how far the agent knows a body to be delivered; 0 if it has let go of it.
func acknowledged(s *status.Snapshot, g *checkpoint.Generation) int64 {
	for i := range s.Flows {
		for j := range s.Flows[i].Files {
			if file := &s.Flows[i].Files[j]; s.Flows[i].Name == g.Flow && file.Generation == g.ID {
				return file.Committed
			}
		}
	}
	return 0
}

// why says what is in the way, as far as the agent knows.
func why(s *status.Snapshot, g *checkpoint.Generation, left int64) string {
	if s == nil {
		return ", and no agent runs"
	}
	for i := range s.Flows {
		if s.Flows[i].Name != g.Flow {
			continue
		}
		for _, d := range s.Flows[i].Destinations {
			if d.CircuitOpen {
				return ": " + d.Name + " takes nothing: " + d.CircuitReason
			}
			if d.Waits != "" {
				return ": dead letters of " + d.Name + " cannot be written: " + d.Waits
			}
			if d.FailingSince != nil {
				return ": " + d.Name + ": " + d.LastError
			}
		}
		for _, file := range s.Flows[i].Files {
			if file.Generation == g.ID && file.State != "following" && file.State != "drained" {
				return ": " + file.State
			}
		}
		if s.Flows[i].LagBytes == left {
			return " (if that does not change, its last line may have no line end yet)"
		}
	}
	return ""
}

// gone answers for a path where nothing is any more.
func gone(path string, known []checkpoint.Generation) error {
	for i := range known {
		g := &known[i]
		if slices.Contains(g.Names, path) || g.Path == path {
			if left := g.Size - g.Offset; left > 0 && !g.Final {
				return fmt.Errorf("%s is not there any more, and flow %s had %s of it left", printable(path), g.Flow, size(left))
			}
		}
	}
	return fmt.Errorf("%s is not there", printable(path))
}

// unknown answers for a file of which no position is known.
func unknown(path string, info os.FileInfo, s *status.Snapshot) error {
	if s != nil {
		for i := range s.Flows {
			for _, sk := range s.Flows[i].Skipped {
				if sk.Path == path {
					return fmt.Errorf("%s %w: flow %s does not read it: %s", printable(path), errNotDelivered, s.Flows[i].Name, sk.Reason)
				}
			}
		}
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no regular file", printable(path))
	}
	return fmt.Errorf("%s is not followed: no flow matches it, what it holds is nothing that is known to have been read, or it was delivered so long ago that its position is forgotten (forget_after)", printable(path))
}
