package tailer

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// maxBodies is how many bodies one follower has open at most, whatever the limits.
const maxBodies = 1024

// followers is how many there are in the process: they share its descriptors.
var followers atomic.Int64

// descriptorLimit is how many descriptors all followers together may have: a quarter of RLIMIT_NOFILE is left for sockets and state.
func descriptorLimit() int {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return 256
	}
	return int(min(r.Cur/4*3, 1<<30))
}

// besides is how many descriptors a follower has besides those of bodies: of directories, and of what it compares.
const besides = maxListed + 4

// bodyLimit is how many bodies may be open at once.
func (f *Follower) bodyLimit() int {
	return max(1, min(f.descriptors/int(max(1, followers.Load()))-besides, maxBodies))
}

func hardLinksProtected() bool {
	b, err := os.ReadFile("/proc/sys/fs/protected_hardlinks")
	return err != nil || len(b) == 0 || b[0] != '0'
}

// unpark opens the body of g, if it is not open.
func (f *Follower) unpark(g *generation) error {
	if g.file == nil {
		if len(g.names) == 0 {
			return fmt.Errorf("open %q: %w", g.label(), os.ErrNotExist)
		}
		f.makeRoom()
		var last error
		for _, name := range g.names {
			file, st, err := openSafely(name, f.opts.Symlinks)
			if err != nil {
				last = err
				continue
			}
			if !sameBody(&st, g.key, g.birth) {
				_ = file.Close()
				f.wantSweep()
				last = fmt.Errorf("open %q: %w", name, errMoved)
				continue
			}
			g.file = file
			f.open++
			break
		}
		if g.file == nil {
			return last
		}
	}
	if g.kind != "" && g.zip == nil {
		if m := f.opts.Memory; m != nil {
			if g.charged = unzipMemory(g.kind); !m.TryAcquire(g.charged) {
				g.charged = 0
				return errMemory
			}
		}
		g.zip = newUnzip(g.file, g.kind)
	}
	return nil
}

// errMoved says that another body has taken the name.
var errMoved = errors.New("another file has taken the name")

// stillNamed says that the first name of g still leads to its body: it may have lost it since the last look, and would be closed for ever.
func (g *generation) stillNamed() bool {
	st, err := statAt(unix.AT_FDCWD, g.names[0], 0)
	return err == nil && sameBody(&st, g.key, g.birth)
}

// makeRoom parks bodies in turn when as many are open as may be.
func (f *Follower) makeRoom() {
	limit := f.bodyLimit()
	for pass := 0; f.open >= limit && pass < 2; pass++ {
		for range f.gens {
			f.hand = (f.hand + 1) % len(f.gens)
			g := f.gens[f.hand]
			// Bodies without a name are held whatever the limit; those with something to read go last.
			if g.file == nil || len(g.names) == 0 || pass == 0 && g.queued || !g.stillNamed() {
				continue
			}
			if g.park(f); f.open < limit {
				return
			}
		}
	}
}
