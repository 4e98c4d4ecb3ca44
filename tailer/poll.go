package tailer

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kinetail/kinetail/tailer/checkpoint"
)

// quietAfter is how long a file is polled after it last grew without an event; then it is parked until an event or a sweep.
const quietAfter = time.Second

// keepOpen is how many quiet bodies stay open: opening one again costs a few system calls.
const keepOpen = 128

// calmLooks is how many looks a second at most are for quiet files in directories where too much is written for events to be taken. Each takes about 10 µs of the processor.
const calmLooks = 1000

// activate polls g until it is quiet, and queues it when there is something to read.
func (f *Follower) activate(g *generation) {
	if g.ready() {
		f.enqueue(g)
	}
	g.active, g.calm = true, false
	if f.nextPoll == 0 {
		f.nextPoll = f.now() + f.opts.PollInterval
	}
}

// schedule fixes when the next poll is. One that is to come stays where it is: sweeps that come more often than polls would put it off for ever.
func (f *Follower) schedule(now clock) {
	for _, g := range f.gens {
		if g.active {
			if f.nextPoll <= now {
				f.nextPoll = now + f.opts.PollInterval
			}
			return
		}
	}
	f.nextPoll = 0
}

// poll looks at what is active.
func (f *Follower) poll(now clock) {
	calm := 0
	for _, g := range f.gens {
		if !g.active {
			continue
		}
		if g.calm {
			if calm++; now-g.asked < f.calmly {
				continue
			}
		}
		g.asked = now
		f.visit(g, now)
	}
	f.calmly = clock(calm) * time.Second / calmLooks
	f.schedule(now)
}

// visit looks at one body: has it grown, is it still what its name leads to, may it be drained or final.
func (f *Follower) visit(g *generation, now clock) {
	if g.final || g.lost > 0 {
		g.active = false
		return
	}
	var st stat
	var err error
	named := len(g.names) > 0
	switch {
	case named:
		st, err = statAt(unix.AT_FDCWD, g.names[0], 0)
		if err != nil && isGone(err) || err == nil && !sameBody(&st, g.key, g.birth) {
			f.wantSweep()
			if g.file == nil {
				return
			}
			st, err = statFile(g.file)
		}
	case g.file != nil:
		st, err = statFile(g.file)
	default:
		f.wantSweep()
		return
	}
	if err != nil {
		f.cannotRead(g, err)
		g.active = false
		return
	}
	f.inspect(g, &st, nil, now)
	if g.ready() {
		f.enqueue(g)
	}
	f.age(g, now)
}

// age moves a generation that something newer follows towards its end.
func (f *Follower) age(g *generation, now clock) {
	if g.err != nil {
		return
	}
	leftover := g.size > g.read
	if join, ok := f.opts.Framer.(Joiner); ok && leftover && !g.ready() {
		if d := join.JoinTimeout(); d > 0 && now-g.grown >= d && g.joined != g.size {
			g.joined, g.closing = g.size, CloseJoin
			f.enqueue(g)
		}
	}
	g.calm = false
	if !g.superseded() {
		wait := quietAfter
		if g.heard >= g.grown {
			wait = 0 // events come: a line each second would be asked for twenty times
		}
		if join, ok := f.opts.Framer.(Joiner); ok && leftover {
			wait += join.JoinTimeout()
		}
		if g.active = g.ready() || now-g.grown < wait; !g.active {
			f.rely(g)
			// One that ends with half a line stays open, which nobody else has if it is deleted; and so does one that just was, whose writer may go on.
			if !g.active && !leftover && f.open > min(keepOpen, f.bodyLimit()/2) && g.stillNamed() {
				g.park(f)
			}
		}
		return
	}
	if g.size != g.polled || g.ready() || g.blocked() {
		g.polled, g.ends, g.ended = g.size, 0, now
		return
	}
	if now-g.ended >= f.opts.PollInterval {
		g.ends++
		g.ended = now
	}
	if g.ends >= 2 {
		f.drain(g)
	}
	if !g.drained || now-g.grown < f.opts.FinalAfter || f.opts.Once {
		return
	}
	if leftover && g.kind == "" {
		g.closing = CloseAll
		f.enqueue(g)
		return
	}
	offset, all := f.committed(g)
	if !all || offset < g.read && !g.holes {
		return
	}
	f.gap(g, g.size, g.seen, "it came between copying and truncating")
	g.final, g.active, g.seen, g.begun = true, false, 0, nil
	g.park(f)
	f.remember(g, func(r *checkpoint.Generation) {
		if r.Final, r.Seen = true, f.wall(); g.kind == "" {
			r.Size = g.size
		}
	})
	f.publish(g)
}

// rely leaves g, which is quiet, to the events of its directories; where too many are to be taken it is looked at now and then.
func (f *Follower) rely(g *generation) {
	if f.opts.Watcher == nil {
		return
	}
	for _, names := range [...][]string{g.targets, g.names} {
		for _, name := range names {
			dir := filepath.Dir(name)
			if !f.watched[dir] {
				continue
			}
			switch f.opts.Watcher.want(f.hints, dir) {
			case watchedNow:
				f.askAll(map[string]bool{dir: true})
				return
			case tooBusy:
				g.active, g.calm = true, true
			}
		}
	}
}

// askAll looks at everything in some directories at the next poll: their events begin to come, or come no more.
func (f *Follower) askAll(dirs map[string]bool) {
	in := func(path string) bool { return dirs[filepath.Dir(path)] }
	for _, g := range f.gens {
		if !g.final && g.lost == 0 && (slices.ContainsFunc(g.names, in) || slices.ContainsFunc(g.targets, in)) {
			g.heard = 0 // it is to be seen to be quiet
			f.activate(g)
		}
	}
}

// drain marks g as drained: the newer generation of the path may start.
func (f *Follower) drain(g *generation) {
	if g.drained {
		return
	}
	g.drained = true
	f.remember(g, func(r *checkpoint.Generation) { r.Drained = true })
	for _, o := range g.chain.gens {
		if o.ready() {
			f.enqueue(o)
		}
	}
}

// takeUp makes of a generation that was drained, because its body was gone, the one that is followed again: what comes now is not late.
func (f *Follower) takeUp(g *generation) {
	if g.drained && !g.final && !g.superseded() {
		g.drained, g.ends = false, 0
		f.remember(g, func(r *checkpoint.Generation) { r.Drained = false })
	}
}

// drainOld drains g at once, without the time between two looks, when at least two generations are newer: whoever still wrote to it
// is late anyway, and a backlog of many rotations would wait for each.
func (f *Follower) drainOld(g *generation) {
	gens := g.chain.gens
	if g.drained || g.file == nil || g.kind != "" || g.err != nil || len(gens) < 3 || g == gens[len(gens)-1] || g == gens[len(gens)-2] {
		return
	}
	if st, err := statFile(g.file); err == nil && st.size == g.size {
		f.drain(g)
	}
}

// heed takes the hints that came in.
func (f *Follower) heed(now clock) {
	var all bool
	f.hintPaths, all = f.hints.take(f.hintPaths[:0])
	if all {
		f.wantSweep()
	}
	if len(f.hintPaths) == 0 {
		return
	}
	for _, path := range f.hintPaths {
		if f.watched[path] { // a directory whose events are not taken any more
			f.askAll(map[string]bool{path: true})
		} else if g := f.at(path); g != nil && !g.final && g.lost == 0 {
			g.heard = now
			f.visit(g, now)
		}
	}
}

// watch asks for events of the directories that the sweep found.
func (f *Follower) watch(sv *survey) {
	if f.opts.Watcher == nil {
		return
	}
	dirs := sv.dirs()
	for _, g := range f.gens {
		for _, target := range g.targets {
			dirs[filepath.Dir(target)] = true
		}
	}
	began := map[string]bool{}
	for dir := range dirs {
		if f.opts.Watcher.want(f.hints, dir) == watchedNow {
			began[dir] = true
		}
		f.watched[dir] = true
	}
	if len(began) > 0 {
		f.askAll(began)
	}
	for dir := range f.watched {
		if !dirs[dir] {
			f.opts.Watcher.drop(f.hints, dir)
			delete(f.watched, dir)
		}
	}
}

// capDeleted gives up bodies without a name that are more, or older, than HoldDeleted allows: oldest first.
func (f *Follower) capDeleted(now clock) {
	limit := f.opts.HoldDeleted
	for {
		var sum int64
		var oldest *generation
		for _, g := range f.gens {
			if g.nameless == 0 || g.file == nil || g.final {
				continue
			}
			sum += g.st.size
			if oldest == nil || g.nameless < oldest.nameless || g.nameless == oldest.nameless && g.rec().Seq < oldest.rec().Seq {
				oldest = g
			}
		}
		if oldest == nil {
			return
		}
		most := limit.MaxBytes
		if most <= 0 {
			most = tenthOfFileSystem(oldest)
		}
		switch {
		case limit.MaxAge > 0 && now-oldest.nameless > limit.MaxAge:
			f.giveUp(oldest, fmt.Sprintf("deleted for longer than hold_deleted's max_age of %v", limit.MaxAge))
		case sum > most:
			f.giveUp(oldest, fmt.Sprintf("deleted files hold %d bytes, more than hold_deleted's max_bytes of %d", sum, most))
		default:
			return
		}
	}
}

func tenthOfFileSystem(g *generation) int64 {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(g.file.Fd()), &fs); err != nil {
		return 1 << 62
	}
	return int64(fs.Blocks) / 10 * max(fs.Frsize, 1) // Bsize is what is best transferred, on some a thousand times that
}

// forget drops final generations of which no file was seen for long.
func (f *Follower) forget(sv *survey, now clock) {
	keep := f.gens[:0]
	for _, g := range f.gens {
		if !g.final || now-g.looked < f.opts.ForgetAfter || f.unsure(g, sv) {
			keep = append(keep, g)
			continue
		}
		f.drop(g)
	}
	clear(f.gens[len(keep):])
	f.gens = keep
}

// drop forgets a generation; the caller takes it out of f.gens.
func (f *Follower) drop(g *generation) {
	c := g.chain
	c.gens = slices.DeleteFunc(slices.Clone(c.gens), func(o *generation) bool { return o == g })
	if len(c.gens) == 0 {
		delete(f.chains, c.path)
	}
	f.unbody(g)
	g.final, g.active = true, false // it may be queued
	delete(f.linked, g)
	if f.opts.Store != nil {
		f.opts.Store.Delete(f.opts.Flow, g.id())
	}
}
