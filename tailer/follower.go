package tailer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kinetail/kinetail/tailer/checkpoint"
)

// ErrClosed is returned by Next after Close.
var ErrClosed = errors.New("the follower is closed")

// Follower follows the files of one flow. Next is for one goroutine; the rest is safe for concurrent use.
type Follower struct {
	opts    Options
	log     *slog.Logger
	paths   []glob
	exclude []glob
	rotated []glob
	began   time.Time
	now     func() clock
	wall    func() time.Time              // time.Now, but for tests
	took    func(time.Time) time.Duration // time.Since, but for tests
	hints   *hints
	done    chan struct{}
	ended   sync.WaitGroup

	// own is held while anything is looked at or read: by Next, and by the goroutine that keeps looking while nobody calls Next.
	own       sync.Mutex
	chains    map[string]*chain
	gens      []*generation
	bodies    map[bodyKey]*generation
	named     map[string]*generation // by the paths where they are to be seen, if those are not their own: see at
	linked    map[*generation]bool   // that have or had names of several families at once: hard links
	queue     []*generation
	open      int
	hand      int // of the clock by which makeRoom goes round
	nextSweep clock
	nextPoll  clock
	sweeps    int
	lastTook  time.Duration // the last survey
	pace      clock         // no sweep before this: sweeping takes a tenth of a core at most
	unsettled int           // surveys that did not agree with the one before
	early     bool          // a sweep is wanted as soon as the pace allows
	header    string        // the one that was found last
	unsynced  bool          // positions of new files could not be made durable, and that was said
	firstWall int64         // when the first sweep began, ns since 1970
	// lookedUntil is when all files were last looked at before this follower; lookedSaid is when the store was last told that they were.
	lookedUntil, lookedSaid time.Time
	lookedAt                time.Time        // by this one
	reborn                  map[bodyKey]bool // see survey
	// floors are, by path, since when a rotated body is news where generations were found while something could not be looked at.
	floors    map[string]int64
	ignored   map[bodyKey]ignoredBody
	notes     map[string]note     // by path; logged when it changes
	spare     *survey             // to be used again
	listings  map[string]*listing // of the last sweep
	scratch   []string
	watched   map[string]bool // directory -> was wanted in the last sweep
	calmly    clock           // time between two looks at what is calm
	again     [64]byte        // what whole reads
	hintPaths []string
	// descriptors is how many descriptors the followers of the process may have together.
	descriptors int
	protected   bool // fs.protected_hardlinks
	// forgotten: the state was lost, and this is the first look since. What is not remembered may have been read.
	forgotten bool

	mu       sync.Mutex
	closed   bool
	unacked  int64
	counters Counters
	status   []*generation // the generations that Status reports
	skipped  []Skipped
}

// ignoredBody is a body that was looked into and is not to be read.
type ignoredBody struct {
	size, mtime int64
	seen        int // number of the sweep
}

// note is why a path is not followed.
type note struct {
	why  string
	seen int // number of the sweep
}

// Open begins to follow. Nothing is looked at before the first Next.
func Open(opts Options) (*Follower, error) {
	f, err := open(opts)
	if err != nil {
		return nil, err
	}
	followers.Add(1)
	f.ended.Add(1)
	go f.keepLooking()
	return f, nil
}

// open is Open without a goroutine: everything happens in step.
func open(opts Options) (*Follower, error) {
	if err := opts.complete(); err != nil {
		return nil, fmt.Errorf("follow files of flow %q: %w", opts.Flow, err)
	}
	f := &Follower{
		opts: opts, log: opts.Log.With("flow", opts.Flow), began: time.Now(), hints: newHints(), done: make(chan struct{}),
		chains: map[string]*chain{}, bodies: map[bodyKey]*generation{}, named: map[string]*generation{}, linked: map[*generation]bool{}, reborn: map[bodyKey]bool{}, floors: map[string]int64{}, ignored: map[bodyKey]ignoredBody{}, notes: map[string]note{},
		watched: map[string]bool{}, descriptors: descriptorLimit(), protected: hardLinksProtected(),
	}
	f.wall, f.took = time.Now, time.Since
	f.now = func() clock { return time.Since(f.began) + 1 } // never 0, which means never
	for _, c := range []struct {
		globs    *[]glob
		patterns []string
	}{{&f.paths, opts.Paths}, {&f.exclude, opts.Exclude}, {&f.rotated, opts.Rotated}} {
		var err error
		if *c.globs, err = compileGlobs(c.patterns); err != nil {
			return nil, fmt.Errorf("follow files of flow %q: %w", opts.Flow, err)
		}
	}
	if opts.Store != nil {
		known, err := opts.Store.Load(opts.Flow)
		if err != nil {
			return nil, fmt.Errorf("follow files of flow %q: %w", opts.Flow, err)
		}
		f.recallLooked()
		for i := range known {
			f.recall(known[i])
		}
		f.status = append(f.status, f.gens...) // what lags is known before anything is looked at
		f.forgotten = f.stateLost()
	}
	return f, nil
}

// lostKey is where the store has the time at which a loss of the state was taken into account for the flow.
const lostKey = "state lost"

// stateLost says that the state was found broken when it was opened, and that this is the flow's first look at its files since.
func (f *Follower) stateLost() bool {
	r := f.opts.Store.Rebuilt()
	if r == nil || !r.AtOpen {
		return false
	}
	at := r.Time.UTC().Format(time.RFC3339Nano)
	if string(f.opts.Store.Value(f.opts.Flow, lostKey)) == at {
		return false
	}
	f.opts.Store.SetValue(f.opts.Flow, lostKey, []byte(at))
	return true
}

// recall makes a generation of what is remembered. Where its body is, the first sweep finds out.
func (f *Follower) recall(rec checkpoint.Generation) {
	c := f.chain(rec.Path)
	// What was handed out and never acknowledged is read again, and before anything newer: it had been drained for nothing.
	rec.Drained = rec.Drained && rec.Offset >= rec.Size
	g := &generation{
		chain: c, key: bodyKey{rec.Dev, rec.Ino}, birth: rec.Birth, kind: rec.Compression, head: rec.Head,
		read: rec.Offset, size: rec.Size, drained: rec.Drained, final: rec.Final, looked: f.now(), recalled: true,
	}
	// Found under a rotated name and never read: what was empty or unfinished then may have become a copy since.
	g.unproven = rec.Offset == 0 && !slices.Contains(rec.Names, rec.Path)
	g.grown = g.looked // what is open at its end gets its time
	if unseen := f.lookedUntil.Sub(rec.Seen); rec.Final && unseen > 0 {
		g.looked -= unseen // as long as somebody looked for it: restarts do not begin forget_after anew
	}
	g.st = version{size: -1} // whatever is seen is a change
	g.shared.rec.Store(&rec)
	g.shared.read = rec.Offset
	f.recallLag(g)
	c.gens = append(c.gens, g)
	c.seq = max(c.seq, rec.Seq)
	f.gens = append(f.gens, g)
	f.markLinked(g, rec.Names)
}

func (f *Follower) chain(path string) *chain {
	c := f.chains[path]
	if c == nil {
		c = &chain{path: path}
		f.chains[path] = c
	}
	return c
}

// Next is the next batch of any file that has something, in turns. It waits while there is nothing, while MaxUnacked bytes are out, or
// while there is no memory. It returns io.EOF in Once mode when everything is read to its end, ctx's error, or ErrClosed. What is
// wrong with a file is not an error of Next: it is logged, counted, shown in Status, and tried again.
func (f *Follower) Next(ctx context.Context) (*Batch, error) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		b, wait, err := f.stepAlone(ctx)
		if b != nil || err != nil {
			return b, err
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-f.done:
			return nil, ErrClosed
		case <-f.hints.wake:
		case <-timer.C:
		}
	}
}

// stepAlone is a step that nothing else happens during. After a panic, too, the follower can be closed.
func (f *Follower) stepAlone(ctx context.Context) (*Batch, time.Duration, error) {
	f.own.Lock()
	defer f.own.Unlock()
	return f.step(ctx, f.now())
}

// step does what is due at now and tries to read one batch. Without one it says how long there is nothing to do unless something
// wakes the follower. It needs f.own.
func (f *Follower) step(ctx context.Context, now clock) (*Batch, time.Duration, error) {
	select {
	case <-f.done:
		return nil, 0, ErrClosed
	default:
	}
	f.look(ctx, now)
	short := false
	if f.mayRead() {
		for n := len(f.queue); n > 0; n-- {
			g := f.queue[0]
			f.queue = f.queue[:copy(f.queue, f.queue[1:])]
			g.queued = false
			if !g.ready() || g.blocked() {
				continue
			}
			b, err := f.turn(g)
			if errors.Is(err, errMemory) {
				short = true
			}
			if g.ready() {
				f.enqueue(g)
			} else {
				f.drainOld(g)
			}
			if b != nil {
				return b, 0, nil
			}
		}
	} else {
		short = true
	}
	if f.early && now >= f.pace || f.nextSweep <= now {
		return nil, 0, nil // a turn found something that has to be looked at
	}
	if f.opts.Once && !short && f.complete() {
		return nil, 0, io.EOF
	}
	wait := f.nextSweep - now
	if f.early {
		wait = min(wait, f.pace-now)
	}
	if f.nextPoll != 0 {
		wait = min(wait, f.nextPoll-now)
	}
	if short {
		wait = min(wait, f.opts.PollInterval)
	}
	return nil, max(wait, time.Millisecond), nil
}

// look does what is due without reading for anybody.
func (f *Follower) look(ctx context.Context, now clock) {
	f.heed(now)
	poll := f.nextPoll != 0 && now >= f.nextPoll
	if now >= f.nextSweep || f.early && now >= f.pace {
		f.sweep(ctx, now)
	}
	if poll { // also where every look asks for a sweep: nothing would be drained else
		f.poll(now)
	}
}

// keepLooking is the goroutine "follower": while nobody calls Next, because what comes after is full, it goes on to discover, so that
// what is rotated away is held by its descriptor.
func (f *Follower) keepLooking() {
	defer f.ended.Done()
	defer followers.Add(-1)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	wait := f.opts.SweepInterval / 4
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-f.done:
			return
		case <-timer.C:
		}
		again := wait
		if f.own.TryLock() {
			now := f.now()
			if f.sweeps > 0 && now >= f.nextSweep {
				f.look(ctx, now)
			}
			again = max(wait, f.nextSweep-now+wait/4) // after the one who calls Next, if somebody does
			f.own.Unlock()
		}
		timer.Reset(again)
	}
}

// mayRead says that fewer than MaxUnacked bytes are out.
func (f *Follower) mayRead() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.unacked < f.opts.MaxUnacked
}

// complete says that there is nothing left to read.
func (f *Follower) complete() bool {
	if f.early || len(f.queue) > 0 {
		return false
	}
	for _, g := range f.gens {
		if !g.final && (g.lost > 0 || g.superseded() && !g.drained) && g.err == nil {
			return false
		}
	}
	return true
}

func (f *Follower) enqueue(g *generation) {
	if !g.queued {
		g.queued = true
		f.queue = append(f.queue, g)
	}
}

// wantSweep asks for a look at everything as soon as the pace allows.
func (f *Follower) wantSweep() { f.early = true }

// cannotRead keeps g for later: it could not be looked at, which does not mean that it is gone.
func (f *Follower) cannotRead(g *generation, err error) {
	moved := errors.Is(err, errMoved) || errors.Is(err, os.ErrNotExist)
	if moved {
		f.wantSweep()
	} else {
		f.count(func(c *Counters) { c.ReadErrors++ })
	}
	if errors.Is(err, unix.ESTALE) {
		g.park(f)
	}
	g.err = err
	f.publish(g)
	if !moved { // else the next sweep finds out where it is
		f.note(g.label(), err.Error())
	}
}

// suspect is called when what was read does not fit to what was there: the next sweep looks into it.
func (f *Follower) suspect(g *generation) {
	g.st.size, g.st.ctime = -1, 0
	f.wantSweep()
}

// note logs once why a path is not followed; "" takes it back.
func (f *Follower) note(path, why string) {
	was := f.notes[path].why
	if why != "" {
		f.notes[path] = note{why, f.sweeps}
	}
	if was == why {
		return
	}
	if why == "" {
		delete(f.notes, path)
		f.log.Info("file can be read again", "path", path)
		return
	}
	f.log.Warn("file is not read", "path", path, "reason", why)
}

// Close stops following. It does not wait for acknowledgements: those that come later change nothing any more.
func (f *Follower) Close() error {
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return nil
	}
	f.closed = true
	f.mu.Unlock()
	close(f.done)
	f.ended.Wait()
	f.own.Lock()
	defer f.own.Unlock()
	if f.sweeps > 0 {
		f.lookedSaid = time.Time{}
		f.haveLooked(f.lookedAt)
	}
	for dir := range f.watched {
		f.opts.Watcher.drop(f.hints, dir)
	}
	for _, g := range f.gens {
		g.park(f)
	}
	return nil
}
