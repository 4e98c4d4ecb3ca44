package tailer

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/kinetail/kinetail/tailer/checkpoint"
)

// sweepShare is the part of the time that sweeping may take: one in so many.
const sweepShare = 10

// restShare is the same for sweeps that nothing asked for: with some 8,000 idle files they begin to come less often than each SweepInterval.
const restShare = 300

// clockGrain is how far the times of files may be behind the clock: the kernel takes them from its last tick.
const clockGrain = 20 * time.Millisecond

// sweep looks at everything once: what it finds is the truth that events only hint at. It needs f.own.
func (f *Follower) sweep(ctx context.Context, now clock) {
	began := time.Now()
	if f.firstWall == 0 {
		f.firstWall = began.Add(-clockGrain).UnixNano()
	}
	f.sweeps++
	f.early = false
	sv, settled := f.settledSurvey()
	sv.settled = settled
	defer f.finish(sv)
	took := f.took(began) // and not what follows: after the start, or 10,000 new files, nobody would look again for minutes
	for _, g := range f.gens {
		f.locate(g, sv, now)
	}
	for _, g := range f.gens { // prove may put another slice there, and does not change this
		if g.unproven && g.size > 0 && g.lost == 0 && !g.final {
			f.prove(g)
		}
	}
	var bodiless []*generation
	for _, g := range f.gens {
		if g.lost > 0 && !g.final || g.final && g.key == (bodyKey{}) {
			bodiless = append(bodiless, g)
		}
	}
	slices.SortStableFunc(bodiless, func(a, b *generation) int { return b.head.Len - a.head.Len }) // those that can be told best
	for _, g := range bodiless {
		f.recover(g, sv, now)
	}
	if settled {
		f.discover(ctx, sv, now)
	} else {
		f.wantSweep()
	}
	f.watch(sv)
	if f.open > f.bodyLimit() { // there are more followers now
		f.makeRoom()
	}
	maps.DeleteFunc(f.notes, func(_ string, n note) bool { return n.seen < f.sweeps-2 }) // the path is gone
	f.capDeleted(now)
	f.forget(sv, now)
	f.mu.Lock()
	clear(f.status[copy(f.status, f.gens):])
	f.status = append(f.status[:0], f.gens...)
	f.counters.Sweeps++
	f.mu.Unlock()
	f.lookedAt = f.wall()
	f.haveLooked(f.lookedAt)
	f.nextSweep = now + max(f.opts.SweepInterval, min(took, f.lastTook)*restShare) // one that was held up, or the first, says little
	f.lastTook = took
	f.pace = now + took*sweepShare
	if f.early {
		f.pace = max(f.pace, now+f.opts.PollInterval) // for a body that a rotator may be moving or compressing
	}
	f.schedule(now)
}

// unsettledSurveys is how many surveys in a row may differ before one is taken as it is.
const unsettledSurveys = 10

// settledSurvey surveys until two surveys agree, if there is anything new or missing: a rotator that renames while names are looked at one by one
// can hide a body from a single one. The bodies after it would start too early, and it would be given up.
func (f *Follower) settledSurvey() (sv *survey, settled bool) {
	look := func() *survey {
		sv := f.newSurvey()
		f.survey(sv)
		return sv
	}
	sv = look()
	for f.anythingNew(sv) || f.anythingMissing(sv) {
		next := look()
		same := maps.EqualFunc(sv.paths, next.paths, func(a, b *entry) bool { return a.st.bodyKey == b.st.bodyKey })
		f.finish(sv)
		sv = next
		if same {
			break
		}
		if f.unsettled++; f.unsettled%unsettledSurveys == 0 {
			return sv, f.unsettled >= 5*unsettledSurveys
		}
	}
	f.unsettled = 0
	return sv, true
}

// anythingNew says that the survey saw a body that nobody has.
func (f *Follower) anythingNew(sv *survey) bool {
	for _, e := range sv.order {
		if g := f.bodies[e.st.bodyKey]; (g == nil || !sameBody(&e.st, e.st.bodyKey, g.birth)) && !f.isIgnored(e) {
			return true
		}
	}
	return false
}

// anythingMissing says that the survey did not see a body that was to be seen before.
func (f *Follower) anythingMissing(sv *survey) bool {
	for _, g := range f.gens {
		if g.key != (bodyKey{}) && g.nameless == 0 && sv.bodies[g.key] == nil {
			return true
		}
	}
	return false
}

// locate finds where the body of g is to be seen now.
func (f *Follower) locate(g *generation, sv *survey, now clock) {
	names := f.scratch[:0]
	var at *entry
	for e := sv.bodies[g.key]; e != nil; e = e.also {
		if g.key != (bodyKey{}) && sameBody(&e.st, g.key, g.birth) && sv.plausible(g, e) {
			names = append(names, e.path)
			at = e
		}
	}
	f.scratch = names
	switch {
	case at != nil:
		g.lost, g.nameless, g.looked = 0, 0, now
		f.rename(g, names)
		f.followLink(g, at)
		f.stillSeen(g)
		f.takeUp(g)
		f.bodies[g.key] = g
		f.inspect(g, &at.st, sv, now)
	case f.unsure(g, sv):
	case !sv.settled && g.key != (bodyKey{}): // a rotator is at work
	case g.nameless != 0 && g.zip != nil && g.zip.broken(): // nobody can mend it any more
		g.seen = max(g.seen, g.zip.base+int64(len(g.zip.buf))) // there was as much at least
		f.lose(g, "its compressed file is broken, and was removed", now)
	case g.file != nil && !g.final:
		if g.nameless == 0 {
			g.nameless = now
			f.rename(g, nil)
			f.activate(g)
		}
		st, err := statFile(g.file)
		if err != nil {
			f.cannotRead(g, err)
			return
		}
		f.inspect(g, &st, sv, now)
	case !g.final:
		f.lose(g, "no file has its content any more", now)
	default:
		g.park(f)
		f.unbody(g)
	}
	if g.final {
		g.park(f) // it was opened to be compared, and would hold the disk of a body that is deleted
	}
}

// stillSeen remembers now and then that a file of a final generation is there.
func (f *Follower) stillSeen(g *generation) {
	if !g.final {
		return
	}
	if d := f.wall().Sub(g.rec().Seen); d < 0 || d > f.opts.ForgetAfter/32 {
		f.remember(g, func(r *checkpoint.Generation) { r.Seen = f.wall() })
	}
}

// plausible says whether g can be at e: a body of which nothing is known but its number (which another may have been given in the same
// tick of the file system's clock) is not looked for under other files' names.
func (sv *survey) plausible(g *generation, e *entry) bool {
	if g.head.Len > 0 || slices.Contains(g.rec().Names, e.path) {
		return true
	}
	root, _ := sv.family(e.path)
	return root == g.chain.path || e.link != nil || root == e.path && sv.paths[g.chain.path] == nil
}

// unbody forgets which body g has: its number may be used again.
func (f *Follower) unbody(g *generation) {
	if f.bodies[g.key] == g {
		delete(f.bodies, g.key)
	}
	if g.key != (bodyKey{}) {
		g.former = former{g.key, g.birth}
	}
	g.key = bodyKey{}
}

// unsure says that the body may be where nobody could look.
func (f *Follower) unsure(g *generation, sv *survey) bool {
	if len(sv.w.blind) == 0 && len(sv.failed) == 0 {
		return false
	}
	return sv.blindOlddir || sv.blindTo(g.chain.path) || slices.ContainsFunc(g.rec().Names, sv.blindTo) ||
		slices.ContainsFunc(sv.failed, func(e *entry) bool { root, _ := sv.family(e.path); return root == g.chain.path })
}

// lose takes from g the body that it had.
func (f *Follower) lose(g *generation, why string, now clock) {
	g.park(f)
	f.unbody(g)
	if g.kind == "" {
		g.seen = max(g.seen, g.size)
	}
	if g.lost == 0 {
		g.lost, g.lostWhy = 1, why
	} else {
		g.lost++
		if g.lostWhy == "" {
			g.lostWhy = why
		}
	}
	if g.nameless == 0 {
		g.nameless = now
	}
	f.rename(g, nil)
	f.publish(g)
}

// at is the generation that is to be seen at path, or nil.
func (f *Follower) at(path string) *generation {
	if g := f.named[path]; g != nil {
		return g
	}
	if c := f.chains[path]; c != nil {
		for _, g := range slices.Backward(c.gens) {
			if slices.Contains(g.names, path) {
				return g
			}
		}
	}
	return nil
}

// rename takes over where g is to be seen.
func (f *Follower) rename(g *generation, names []string) {
	if slices.Equal(g.names, names) {
		return
	}
	for _, n := range append(g.names, g.targets...) {
		if f.named[n] == g {
			delete(f.named, n)
		}
	}
	g.targets = nil
	if known := g.rec().Names; slices.Equal(known, names) {
		names = slices.Clip(known) // as it is for most
	} else {
		names = slices.Clone(names)
	}
	g.names = names
	for _, n := range names {
		if n != g.chain.path { // at finds it there
			f.named[n] = g
		}
	}
	if len(names) == 0 {
		return
	}
	f.remember(g, func(r *checkpoint.Generation) { r.Names = mergeNames(r.Names, names) })
	f.markLinked(g, names)
}

// markLinked notes that g has a name which is not one of its path's.
func (f *Follower) markLinked(g *generation, names []string) {
	if len(names) > 1 && slices.ContainsFunc(names, func(n string) bool { return n != g.chain.path && !isFamily(n, g.chain.path) }) {
		f.linked[g] = true
	}
}

// followLink takes over what a symbolic link leads to, whose directory is the one that has events.
func (f *Follower) followLink(g *generation, e *entry) {
	if e.link == nil || len(g.targets) > 0 {
		return
	}
	if target, err := filepath.EvalSymlinks(e.path); err == nil {
		g.targets = append(g.targets, target)
		f.named[target] = g
	}
}

// maxNames is how many names of a generation are remembered.
const maxNames = 8

// mergeNames puts the names that a body has now behind those that it had.
func mergeNames(had, has []string) []string {
	if slices.Equal(had, has) {
		return had
	}
	all := slices.DeleteFunc(slices.Clone(had), func(n string) bool { return slices.Contains(has, n) })
	all = append(all, has...)
	return all[max(0, len(all)-maxNames):]
}

// inspect compares what is seen of a body with what was seen before, and finds out whether it is still the same content.
func (f *Follower) inspect(g *generation, st *stat, sv *survey, now clock) {
	if g.err != nil {
		if sv == nil {
			return // tried again by the next sweep
		}
		g.err = nil
		g.st.size = -1
	}
	if st.version == g.st {
		if sv != nil && g.size == g.read {
			g.begun = nil // what is a copy of it has been seen, or will have all of it
		}
		return
	}
	if g.kind != "" {
		if st.size != g.st.size || st.mtime != g.st.mtime { // else it was renamed or removed
			g.guessMore()
			g.endZip(f) // a compressor may have written what was read as unfinished
		}
	} else {
		if sv == nil && g.read == 0 && g.size == 0 && g.st.size == 0 {
			f.wantSweep() // what was there between two looks may be in a copy, and comes first
			return
		}
		same, err := f.check(g, st)
		if err != nil {
			f.cannotRead(g, err)
			return
		}
		if !same {
			if sv == nil {
				f.wantSweep()
				return
			}
			f.log.Info("file was truncated or written anew", "path", g.label(), "size", st.size, "read", g.read)
			sv.reborn[g.key] = true
			if g.read == 0 {
				clear(f.ignored) // a copy that is shorter than what was seen last, which nobody can have now, is news
			}
			f.lose(g, "its content was truncated away", now)
			g.birth, g.former = 0, former{}
			f.remember(g, func(r *checkpoint.Generation) { r.Dev, r.Ino, r.Birth = 0, 0, 0 })
			return
		}
	}
	if st.size != g.size || g.kind != "" {
		g.grown = now
		if g.drained && g.kind == "" {
			g.final = false
			f.takeUp(g)
		}
	}
	if g.kind == "" {
		if st.size < g.size && !g.final {
			f.gap(g, max(st.size, g.read), g.size, "it was truncated there")
		}
		g.size = st.size
	}
	g.st = st.version
	if g.kind == "" {
		f.note(g.label(), "") // of a compressed one nothing has been read yet
	}
	f.remember(g, func(r *checkpoint.Generation) {
		r.Dev, r.Ino, r.Birth = g.key.dev, g.key.ino, g.birth
		r.ModTime, r.Seen, r.Final = time.Unix(0, st.mtime), f.wall(), g.final
		r.Size = max(st.size, g.seen)
		if g.kind != "" {
			r.Size = max(g.sure(), r.Offset)
		}
		r.Head = g.head
	})
	f.publish(g)
	f.activate(g)
}

// check says whether the body still has the content that was read from it.
func (f *Follower) check(g *generation, st *stat) (bool, error) {
	if st.size < g.read && g.tail.n > 0 || st.size < int64(g.head.Len) {
		return false, nil
	}
	if g.read == 0 && g.head.Len == 0 && st.size == 0 {
		return true, nil
	}
	if err := f.unpark(g); err != nil {
		return false, err
	}
	if g.recalled {
		ok, err := f.begin(g, st)
		if err != nil || !ok {
			return ok, err
		}
	} else if ok, err := g.verify(g.content(), g.head); err != nil || !ok {
		return ok, err
	}
	if g.head.Len < headSize {
		first := g.head.Len == 0
		if err := g.readHead(g.content()); err != nil {
			return false, err
		}
		if first {
			now, err := statFile(g.file)
			if err != nil {
				return false, err
			}
			if now.size < st.size { // truncated since st: that was the size of something else
				st.version = now.version
			}
		}
	}
	return true, nil
}

// begin compares a body with what the store remembers of it, and takes up reading at the committed offset.
func (f *Follower) begin(g *generation, st *stat) (bool, error) {
	f.mu.Lock()
	rec := *g.rec()
	f.mu.Unlock()
	r := g.content()
	if ok, err := headAgrees(r, rec.Head); err != nil || !ok {
		return ok, err
	}
	if rec.Marker.Len == 0 && rec.Offset > 0 {
		// It could not be read when it was found: the offset is its size then.
		feed := []byte{'\n'}
		if wide, ok := f.opts.Framer.(Wide); ok {
			var begin [headSize]byte
			n, err := readFull(r, begin[:], 0)
			if err != nil {
				return false, err
			}
			feed = wide.LineFeed(begin[:n])
		}
		pos, err := lastLineEnd(r, min(rec.Offset, st.size), feed)
		if err != nil {
			return false, err
		}
		rec.Offset = pos
	}
	t, whole, err := tailAt(r, rec.Offset)
	if err != nil || !whole {
		return false, err
	}
	if rec.Marker.Len > 0 && (rec.Marker.Len > t.n || checkpoint.Sum(t.b[t.n-rec.Marker.Len:t.n]) != rec.Marker) {
		return false, nil
	}
	g.recalled = false
	g.tail, g.read, g.scanned = t, rec.Offset, 0
	f.mu.Lock()
	known := g.edit()
	known.Offset, known.Marker, g.shared.read = rec.Offset, t.print(), rec.Offset
	f.mu.Unlock()
	return true, nil
}
