package agent

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/kinetail/kinetail/agent/flow"
	"github.com/kinetail/kinetail/agent/status"
)

// drainEvery is how often a drain looks whether anything is left.
const drainEvery = 50 * time.Millisecond

// errNotLooked says that a drain ended before all files had been looked at.
var errNotLooked = errors.New("there was no time to look at all files")

// Drain has everything delivered and committed that the files hold, and returns what is left when ctx ends: nothing, with no error, as soon
// as that is so. Destinations do not wait to fill their records meanwhile. The agent goes on afterwards.
func (a *Agent) Drain(ctx context.Context) ([]status.Left, error) {
	flushing, stop := context.WithCancel(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer stop()
	targets := map[*flow.Flow]int64{} // how often a flow must have looked; 0: it has
	for {
		a.mu.Lock()
		flows := slices.Clone(a.flows)
		looked := len(flows) == len(a.cfg.Flows) // else they are not started yet
		a.mu.Unlock()
		for _, s := range flows {
			f := s.current()
			if f == nil {
				looked = false
				continue
			}
			target, known := targets[f]
			if known && target == 0 {
				continue
			}
			times, has := f.Look()
			if !known {
				group.Go(func() { keepFlushing(flushing, f) })
				target = times + 2
			}
			if !has || times >= target {
				target = 0
			}
			targets[f] = target
			looked = looked && target == 0
		}
		left := remaining(a.Snapshot())
		if looked && len(left) == 0 {
			return nil, a.store.Sync(ctx)
		}
		select {
		case <-ctx.Done():
			if len(left) == 0 {
				return nil, errNotLooked
			}
			explain(left)
			return left, nil
		case <-time.After(drainEvery):
		}
	}
}

// keepFlushing sends what comes until ctx ends, or the flow does.
func keepFlushing(ctx context.Context, f *flow.Flow) {
	for f.Flush(ctx) == nil {
		select {
		case <-ctx.Done():
			return
		case <-time.After(drainEvery):
		}
	}
}

// current is the flow that runs, or nil.
func (s *supervised) current() *flow.Flow {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running
}

// Left is what the agent has not delivered, with the reasons.
func (a *Agent) Left() []status.Left {
	left := remaining(a.Snapshot())
	explain(left)
	return left
}

// explain says of files why something is left where nothing is in the way: half a line is never delivered.
func explain(left []status.Left) {
	for i := range left {
		l := &left[i]
		if l.Why != "" {
			continue
		}
		l.Why = "it was not delivered in time"
		if isHalfALine(l.Path, l.Bytes) {
			l.Why = "its last line has no line end"
		}
	}
}

// longestHalf is how long half a line may be so that it is looked for, in bytes.
const longestHalf = 64 << 10

// isHalfALine says whether the last n bytes of a file are a line without its end.
func isHalfALine(path string, n int64) bool {
	if n > longestHalf {
		return false
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil || info.Size() < n {
		return false
	}
	buf := make([]byte, n)
	if _, err := f.ReadAt(buf, info.Size()-n); err != nil {
		return false
	}
	return !bytes.ContainsRune(buf, '\n')
}

// remaining is what the files in a snapshot hold and is not committed, and what could not be looked at.
func remaining(s *status.Snapshot) []status.Left {
	var all []status.Left
	for _, f := range s.Flows {
		if f.State == status.StateFailed || f.State == status.StateStarting {
			all = append(all, status.Left{Flow: f.Name, Why: "the flow is " + f.State + ": " + f.Error})
		}
		why := ""
		for _, d := range f.Destinations {
			switch {
			case d.CircuitOpen:
				why = d.Name + ": " + d.CircuitReason
			case d.Waits != "":
				why = d.Name + ": " + d.Waits
			case why == "" && d.LastError != "" && (d.QueuedRecords > 0 || d.FailingSince != nil):
				why = d.Name + ": " + d.LastError
			}
		}
		named := map[string]bool{}
		for _, file := range f.Files {
			path := file.Path
			if len(file.Names) > 0 && !slices.Contains(file.Names, path) {
				path = file.Names[0]
			}
			named[path] = true
			l := status.Left{Flow: f.Name, Path: path, Bytes: file.Size - file.Committed, Why: why}
			if file.State != "following" && file.State != "drained" {
				l.Why = file.State // it can't be read, so that its size may not be known
				if info, err := os.Stat(path); err == nil {
					l.Bytes = max(l.Bytes, info.Size()-file.Committed)
				}
			}
			if l.Bytes > 0 {
				all = append(all, l)
			}
		}
		for _, skipped := range f.Skipped {
			if !named[skipped.Path] && holdsBytes(skipped.Path) {
				all = append(all, status.Left{Flow: f.Name, Path: skipped.Path, Why: skipped.Reason})
			}
		}
	}
	return all
}

// holdsBytes says whether a path that is not followed is a file with something in it, as far as can be seen.
func holdsBytes(path string) bool {
	info, err := os.Stat(path)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	return info.Mode().IsRegular() && info.Size() > 0
}
