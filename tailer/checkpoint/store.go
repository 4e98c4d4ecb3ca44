package checkpoint

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sort"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// ErrClosed is returned by Sync after Close.
var ErrClosed = errors.New("the state store is closed")

// ErrUnknownFlow is returned for a flow that nothing is remembered of.
var ErrUnknownFlow = errors.New("nothing is remembered of the flow")

// Options are for Open. The zero value is good.
type Options struct {
	// Log is told of trouble and of recovery, once each; nil is slog.Default().
	Log *slog.Logger
	// Interval is the time between two commits while there is something to commit; 0 is one second.
	Interval time.Duration
	// LockTimeout is how long to wait for another process to give up the directory; 0 is not at all.
	LockTimeout time.Duration
}

// Rebuild says that the database was found broken or gone, and what became of it.
type Rebuild struct {
	// Aside is where the broken database is kept; empty if there was nothing to keep, or while the disk did not let it be replaced.
	Aside string
	// Reason is what was wrong with it.
	Reason error
	// AtOpen is false when the store was running: then it was written anew from memory, and nothing is lost.
	AtOpen bool
	// Salvaged is how many generations could be read from it in Open all the same. They may be older than what was last
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
	// Rebuilds counts databases found broken or gone.
	Rebuilds int
}

// Store is an open state directory. Safe for concurrent use.
//
// One goroutine, the checkpoint owner, has the disk; everybody else changes memory under mu and marks what changed.
type Store struct {
	dir  string
	opts Options
	lock *os.File

	wake  chan struct{}   // something is dirty
	syncs chan chan error // commit now and say how it went
	stop  chan struct{}
	done  chan struct{}
	once  sync.Once

	mu      sync.Mutex
	rev     uint64
	entries map[string]*entry // by dbKey; includes kinds of newer releases
	dirty   map[string]*entry // changed since the last commit; nil: removed
	rebuilt *Rebuild
	stats   Stats
	closing error // what the last commit said
}

// Open takes the state directory dir, which is made if it is not there, and reads what is remembered. It returns an *InUseError
// when another process has it, and a *NewerError when a newer release wrote it. A broken database is set aside and a new one
// started: see Rebuilt. A disk that is full or read-only is logged and counted, and what is put waits in memory.
func Open(dir string, opts Options) (*Store, error) {
	if opts.Log == nil {
		opts.Log = slog.Default()
	}
	if opts.Interval <= 0 {
		opts.Interval = time.Second
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make state directory: %w", yours(err))
	}
	s := &Store{
		dir: dir, opts: opts,
		wake: make(chan struct{}, 1), syncs: make(chan chan error), stop: make(chan struct{}), done: make(chan struct{}),
		entries: map[string]*entry{}, dirty: map[string]*entry{},
	}
	var err error
	if s.lock, err = lock(dir, opts.LockTimeout); err != nil {
		return nil, err
	}
	if err := s.load(); err != nil {
		_ = s.lock.Close()
		return nil, err
	}
	opened := make(chan struct{})
	go s.own(opened)
	<-opened
	return s, nil
}

// load reads the database into memory, or what can be saved of a broken one.
func (s *Store) load() error {
	path := databasePath(s.dir)
	data, err := readFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil && !errors.Is(err, unix.EIO): // could not look: that is not a reason to start over
		return fmt.Errorf("read the state: %w", err)
	}
	var c *contents
	if err == nil {
		c, err = parse(path, data)
		var newer *NewerError
		if errors.As(err, &newer) {
			return err
		}
	}
	if err != nil {
		c = salvage(data)
		s.rebuilt = &Rebuild{Reason: err, AtOpen: true, Time: time.Now()}
		for _, e := range c.entries {
			if e.kind == kindGeneration {
				s.rebuilt.Salvaged++
			}
		}
	}
	for k, e := range c.entries {
		s.set(k, e)
		s.rev = max(s.rev, e.rev)
	}
	clear(s.dirty)
	return nil
}

// Rebuilt tells of the last time that the database was found broken, in Open or later; nil when it never was. After one with
// AtOpen a file that is not remembered may be one that was, until the next scan.
func (s *Store) Rebuilt() *Rebuild {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rebuilt == nil {
		return nil
	}
	r := *s.rebuilt
	return &r
}

// Load returns all generations of a flow, ordered by path and Seq; none for a flow that is not known.
func (s *Store) Load(flow string) ([]Generation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Generation
	for _, e := range s.entries {
		if e.flow == flow && e.kind == kindGeneration {
			all = append(all, e.generation.clone())
		}
	}
	sortGenerations(all)
	return all, nil
}

func sortGenerations(all []Generation) {
	sort.Slice(all, func(i, k int) bool {
		a, b := &all[i], &all[k]
		return cmp.Or(cmp.Compare(a.Flow, b.Flow), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.ID, b.ID)) < 0
	})
}

// Put remembers g in place of what was remembered under its Flow and ID. It only marks: a commit makes it durable within about
// Options.Interval.
func (s *Store) Put(g Generation) {
	g = g.clone()
	s.PutShared(&g)
}

// PutShared is Put without a copy: nobody may change g, or what is in it, any more.
func (s *Store) PutShared(g *Generation) {
	g.clampTimes()
	s.change(&entry{kind: kindGeneration, flow: g.Flow, key: g.ID, generation: g})
}

// Delete forgets a generation.
func (s *Store) Delete(flow, id string) { s.remove(dbKey(kindGeneration, flow, id)) }

// FirstScan says whether the first scan of a flow's pattern is still to be done.
func (s *Store) FirstScan(flow, pattern string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.entries[dbKey(kindScan, flow, pattern)] == nil
}

// MarkFirstScan remembers that the first scan of a flow's pattern is done.
func (s *Store) MarkFirstScan(flow, pattern string) {
	s.change(&entry{kind: kindScan, flow: flow, key: pattern})
}

// Value is what SetValue put; nil when there is nothing.
func (s *Store) Value(flow, key string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[dbKey(kindValue, flow, key)]; e != nil {
		return slices.Clone(e.value())
	}
	return nil
}

// SetValue remembers a small value (up to some kilobytes) under a flow and a key; an empty one forgets it.
func (s *Store) SetValue(flow, key string, value []byte) {
	if len(value) == 0 {
		s.remove(dbKey(kindValue, flow, key))
		return
	}
	data := slices.Clone(value)
	s.change(&entry{kind: kindValue, flow: flow, key: key, data: &data})
}

// Flows are the names of all flows that something is remembered of, sorted.
func (s *Store) Flows() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]bool{}
	for _, e := range s.entries {
		all[e.flow] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// RenameFlow carries all that is remembered of a flow over to another name. It returns ErrUnknownFlow when there is nothing to
// carry, and an error when something is remembered of the new name already.
func (s *Store) RenameFlow(from, to string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	moving := s.of(from)
	if len(moving) == 0 {
		return fmt.Errorf("carry over flow %q: %w", from, ErrUnknownFlow)
	}
	if len(s.of(to)) > 0 {
		return fmt.Errorf("carry over flow %q: flow %q has a state of its own", from, to)
	}
	for k, e := range moving {
		if e.raw() != nil {
			continue // it names its flow in a way that only a newer release knows
		}
		moved := *e
		moved.flow = to
		if e.generation != nil {
			g := e.generation.clone()
			g.Flow = to
			moved.generation = &g
		}
		s.rev++
		moved.rev = s.rev
		s.set(k, nil)
		s.set(moved.dbKey(), &moved)
	}
	s.wakeUp()
	return nil
}

// Forget forgets everything of a flow.
func (s *Store) Forget(flow string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.of(flow) {
		s.set(k, nil)
	}
	s.wakeUp()
}

// Stats are the counters now.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	for _, e := range s.entries {
		if e.kind == kindGeneration {
			st.Generations++
		}
	}
	return st
}

// Sync commits everything put before it, now, and returns when that is durable. An error says that it is not: what was put is
// kept in memory, and commits are tried again until they succeed. While the disk is in trouble it returns at once.
func (s *Store) Sync(ctx context.Context) error {
	answer := make(chan error, 1)
	select {
	case s.syncs <- answer:
	case <-s.stop:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close commits and gives the directory back. An error says that the last commit failed. What is put later is lost.
func (s *Store) Close() error {
	s.once.Do(func() { close(s.stop) })
	<-s.done
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

// change takes e in and marks it.
func (s *Store) change(e *entry) {
	k := e.dbKey()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rev++
	e.rev = s.rev
	if old := s.entries[k]; old != nil {
		e.extra = old.extra
	}
	s.set(k, e)
	s.wakeUp()
}

func (s *Store) remove(k string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entries[k] != nil {
		s.set(k, nil)
		s.wakeUp()
	}
}

// set needs mu. A nil entry removes.
func (s *Store) set(k string, e *entry) {
	s.dirty[k] = e
	if e == nil {
		delete(s.entries, k)
		return
	}
	s.entries[k] = e
}

// of is everything of a flow, by dbKey. It needs mu.
func (s *Store) of(flow string) map[string]*entry {
	all := map[string]*entry{}
	for k, e := range s.entries {
		if e.flow == flow {
			all[k] = e
		}
	}
	return all
}

func (s *Store) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
