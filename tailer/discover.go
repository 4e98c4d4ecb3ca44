package tailer

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/kinetail/kinetail/tailer/checkpoint"
)

// discover makes generations of the bodies that nobody has, and makes them durable before anything of them is handed out.
func (f *Follower) discover(ctx context.Context, sv *survey, now clock) {
	var found []*entry
	for _, e := range sv.order {
		if f.bodies[e.st.bodyKey] == nil {
			found = append(found, f.mainName(sv, e))
		}
	}
	slices.SortStableFunc(found, sv.compareAge)
	fresh := false
	newest := map[string]*generation{}
	if len(found) > 0 {
		for path, c := range f.chains {
			newest[path] = c.newest()
		}
	}
	racing := map[string]bool{}
	for _, e := range found {
		root, _ := sv.family(e.path)
		if racing[root] {
			continue // what is newer waits for what is older
		}
		g, err := f.welcome(e, root, sv, newest, now)
		if err != nil {
			racing[root] = true
			f.wantSweep()
		}
		fresh = fresh || g != nil
	}
	f.forgotten = false
	if len(sv.w.blind)+len(sv.failed) == 0 {
		for root := range f.floors {
			c := f.chains[root]
			if c == nil || !slices.ContainsFunc(c.gens, (*generation).unseen) {
				f.setFloor(root, 0)
			}
		}
	}
	maps.DeleteFunc(f.reborn, func(key bodyKey, _ bool) bool { return sv.bodies[key] == nil && len(sv.w.blind)+len(sv.failed) == 0 })
	maps.DeleteFunc(f.ignored, func(_ bodyKey, b ignoredBody) bool { return b.seen < f.sweeps-3 })
	first := false
	if f.opts.Store != nil && len(sv.w.blind) == 0 {
		for _, g := range append(slices.Clone(f.paths), f.rotated...) {
			if f.opts.Store.FirstScan(f.opts.Flow, g.pattern) {
				f.opts.Store.MarkFirstScan(f.opts.Flow, g.pattern)
				first = true
			}
		}
	}
	if (fresh || first) && f.opts.Store != nil {
		if err := f.opts.Store.Sync(ctx); err != nil {
			f.count(func(c *Counters) { c.SyncErrors++ })
			if !f.unsynced {
				f.log.Error("positions of new files are not durable: after a crash they may be sent again", "error", err)
			}
			f.unsynced = true
		} else {
			f.unsynced = false
		}
	}
}

// mainName is the entry of a body whose path it is taken for: of several names one that has rotated bodies, which are to come before it; else one
// that is followed already.
func (f *Follower) mainName(sv *survey, first *entry) *entry {
	best, most := first, -1
	if first.also == nil {
		return best
	}
	rotated := map[string]bool{}
	for path := range sv.paths {
		if root, _ := sv.family(path); root != path {
			rotated[root] = true
		}
	}
	for e := first; e != nil; e = e.also {
		points := 0
		if rotated[e.path] {
			points += 2
		}
		if f.chains[e.path] != nil {
			points++
		}
		if points > most {
			best, most = e, points
		}
	}
	return best
}

// firstScan says that the first scan of the pattern that found e is not done yet. A rotated name that no pattern found goes with its file.
func (f *Follower) firstScan(e *entry, root string) bool {
	if f.opts.Store == nil {
		return f.sweeps == 1
	}
	if e.pattern != "" {
		return f.opts.Store.FirstScan(f.opts.Flow, e.pattern)
	}
	for _, g := range f.paths {
		if matchAny([]glob{g}, root) {
			return f.opts.Store.FirstScan(f.opts.Flow, g.pattern)
		}
	}
	return false
}

// compareAge orders entries of one path older first, by name and else by when they were last written; the live name is the newest.
func (sv *survey) compareAge(a, b *entry) int {
	ra, na := sv.family(a.path)
	rb, nb := sv.family(b.path)
	if c := cmp.Compare(ra, rb); c != 0 {
		return c
	}
	switch {
	case a.path == ra && b.path != rb:
		return 1
	case a.path != ra && b.path == rb:
		return -1
	}
	return cmp.Or(na.older(nb), cmp.Compare(a.st.mtime, b.st.mtime), cmp.Compare(a.path, b.path))
}

// welcome decides what becomes of a body that nobody has: a new generation of root's chain, or nothing. errRacing says that it could not be
// decided.
func (f *Follower) welcome(e *entry, root string, sv *survey, newest map[string]*generation, now clock) (g *generation, err error) {
	key := e.st.bodyKey
	if f.isIgnored(e) {
		return nil, nil
	}
	rotated := root != e.path
	first := f.firstScan(e, root)
	since := f.since(newest[root])
	blind := len(sv.w.blind)+len(sv.failed) > 0
	if floor, ok := f.floor(root); ok {
		since = min(since, floor)
	} else {
		defer func() {
			if g != nil && (blind || g.unseen()) {
				f.setFloor(root, since)
			}
		}()
	}
	old := f.opts.IgnoreOlder > 0 && time.Since(time.Unix(0, e.st.mtime)) > f.opts.IgnoreOlder
	ignore := func() (*generation, error) {
		f.ignored[key] = ignoredBody{e.st.size, e.st.mtime, f.sweeps}
		return nil, nil
	}
	if old && (first || e.sibling) {
		return ignore()
	}
	if rotated && f.copiedJustNow(e, sv.paths[root]) {
		f.wantSweep() // when the log has a generation, this is compared with it
		return nil, nil
	}
	kind := ""
	var unseen error
	if rotated || e.sibling || hasCompressedName(e.path) {
		known, k, err := f.known(e, root, nil)
		switch {
		case errors.Is(err, errUnfinished):
			return nil, nil // still being written: looked at again
		case errors.Is(err, errRacing):
			return nil, err
		case cannotLook(err):
			unseen = err
			if hasCompressedName(e.path) {
				k = gzipped // or another: it is compressed
			}
		case err != nil && !rotated && !e.sibling:
			f.note(e.path, err.Error())
			return ignore()
		case err != nil && e.sibling:
			return ignore()
		case known:
			return ignore()
		}
		kind = k
	}
	beginning := f.opts.StartAt == "beginning"
	switch {
	case e.sibling && beginning && rotated && first:
	case sv.reborn[key] && rotated: // it was followed, so what it holds now is news, however late that is found out
	case e.sibling && (!rotated || !sv.newer(e, newest[root], since)):
		return ignore()
	case kind != "" && first && !beginning:
		return ignore() // an archive is never a backfill by accident
	case kind != "" && !first && rotated && !sv.newer(e, newest[root], since):
		return ignore()
	}
	if unseen != nil {
		kind = ""
		if exhausted(unseen) {
			f.note(e.path, unseen.Error())
			return nil, unseen // it will be seen soon, and comes before what is newer
		}
	}
	path := e.path
	if e.sibling {
		path = root
	}
	g = f.create(f.chain(root), path, e, kind, sv, now)
	var names []string
	for o := sv.bodies[key]; o != nil; o = o.also {
		if sameBody(&o.st, g.key, g.birth) {
			names = append(names, o.path)
		}
	}
	f.rename(g, names)
	f.followLink(g, e)
	g.holes = sv.reborn[key]
	delete(f.reborn, key)
	g.unproven = e.st.size == 0 && (rotated || e.sibling)
	if unseen != nil && !(first && !beginning) {
		g.unproven, g.drained = true, true // that may last: what is newer does not wait
		f.mu.Lock()
		g.edit().Drained = true
		f.mu.Unlock()
	}
	atEnd := first && !beginning
	if f.forgotten && !rotated && !e.sibling && kind == "" {
		atEnd = f.opts.OnAmbiguous == "skip"
		what := "it is read again from the beginning"
		if atEnd {
			what = "it is followed from its end, and what was not delivered of it is skipped"
		}
		f.log.Warn("the position in a file was lost with the state: "+what, "path", e.path, "size", e.st.size, "on_ambiguous", f.opts.OnAmbiguous)
	}
	f.admit(g, e, atEnd, now)
	return g, nil
}

// isIgnored says that the body at e was looked into, and has not changed since.
func (f *Follower) isIgnored(e *entry) bool {
	b, ok := f.ignored[e.st.bodyKey]
	if !ok || b.size != e.st.size || b.mtime != e.st.mtime {
		return false
	}
	b.seen = f.sweeps
	f.ignored[e.st.bodyKey] = b
	return true
}

func hasCompressedName(path string) bool {
	_, ok := withoutCompression(path)
	return ok
}

// A generation id begins with the time, by the file system's clock, of the last change that discovery saw. The rest makes it unique among all
// hosts, also those started from one image, whose files have the same times: consumers remove repeats by it.
func newID(ctime int64) string {
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	return fmt.Sprintf("%016x%s", uint64(ctime), hex.EncodeToString(random[:]))
}

func discovered(id string) int64 {
	if len(id) < 16 {
		return 0
	}
	t, err := strconv.ParseUint(id[:16], 16, 64)
	if err != nil {
		return 0
	}
	return int64(t)
}

func newSource(rec *checkpoint.Generation) *Source {
	return &Source{Flow: rec.Flow, Generation: rec.ID, Path: rec.Path, Name: filepath.Base(rec.Path), Dir: filepath.Dir(rec.Path)}
}

// precedes says that the rotated body at e is older than the newest generation that was known: that has the live name still, or nothing
// of it was known and its name is the newer one.
func (sv *survey) precedes(e *entry, live *generation) bool {
	if slices.Contains(live.names, live.chain.path) {
		// Where it could not be looked for, its names are those that it had: another may have taken the path.
		if at := sv.paths[live.chain.path]; at != nil && at.err == nil && sameBody(&at.st, live.key, live.birth) {
			return true
		}
	}
	if live.read > 0 {
		return false
	}
	for _, name := range live.names {
		// Other names of a hard link tell nothing.
		if root, _ := sv.family(name); root == live.chain.path && sv.paths[name] != nil {
			return sv.compareAge(e, sv.paths[name]) < 0
		}
	}
	return e.st.mtime < live.st.mtime
}

// create makes a generation: the newest of its chain, but for a rotated body that comes to light late.
func (f *Follower) create(c *chain, path string, e *entry, kind string, sv *survey, now clock) *generation {
	c.seq++
	wall := f.wall()
	rec := checkpoint.Generation{
		ID: newID(e.st.ctime), Flow: f.opts.Flow, Path: c.path, Names: []string{e.path}, Dev: e.st.dev, Ino: e.st.ino, Birth: e.st.birth,
		ModTime: time.Unix(0, e.st.mtime), Compression: kind, Seen: wall, CaughtUp: wall, Seq: c.seq,
	}
	g := &generation{
		chain: c, key: e.st.bodyKey, birth: e.st.birth, kind: kind,
		st: version{size: -1}, grown: now, looked: now,
	}
	g.shared.rec.Store(&rec)
	g.shared.held = true
	if path != rec.Path {
		g.source = newSource(&rec)
		g.source.Path, g.source.Name, g.source.Dir = path, filepath.Base(path), filepath.Dir(path)
	}
	for _, o := range c.gens {
		if !o.final {
			f.activate(o) // it is to be drained now
		}
	}
	at := len(c.gens)
	if live := c.newest(); live != nil && e.path != c.path && sv.precedes(e, live) {
		at--
		rec.Seq = live.rec().Seq
		f.remember(live, func(r *checkpoint.Generation) { r.Seq = c.seq })
	}
	c.gens = slices.Insert(c.gens, at, g)
	f.gens = append(f.gens, g)
	f.bodies[g.key] = g
	f.count(func(c *Counters) { c.Generations++ })
	return g
}

// admit fixes where a new generation starts, and remembers it.
func (f *Follower) admit(g *generation, e *entry, atEnd bool, now clock) {
	if g.kind != "" {
		g.size = 1
	}
	if atEnd && e.st.size > 0 {
		g.recalled = true // the last line end before its size is looked for when it can be read
		g.read = e.st.size
		f.mu.Lock()
		r := g.edit()
		r.Offset, r.Size, g.shared.read = e.st.size, e.st.size, e.st.size
		f.mu.Unlock()
	}
	f.inspect(g, &e.st, nil, now)
	f.mu.Lock()
	g.shared.held = false
	f.mu.Unlock()
	f.remember(g, func(*checkpoint.Generation) {})
}

// lastLineEnd is the offset behind the last line feed before end; 0 when there is none. feed is what a line feed is, at multiples of its length; where
// it is nil, it is one byte, with the zero that follows it in UTF-16.
func lastLineEnd(r io.ReaderAt, end int64, feed []byte) (int64, error) {
	unit := int64(max(1, len(feed)))
	end -= end % unit
	buf := make([]byte, 64<<10)
	for end > 0 {
		n := min(end, int64(len(buf)))
		got, err := readFull(r, buf[:n], end-n)
		if err != nil {
			return 0, fmt.Errorf("look for the last line end: %w", err)
		}
		for i := (int64(got)/unit - 1) * unit; i >= 0; i -= unit {
			if feed != nil && !bytes.Equal(buf[i:i+unit], feed) || feed == nil && buf[i] != '\n' {
				continue
			}
			pos := end - n + i + unit
			if feed == nil && i+1 < int64(got) && buf[i+1] == 0 && pos%2 == 1 {
				pos++ // UTF-16, little endian
			}
			return pos, nil
		}
		end -= n
	}
	return 0, nil
}
