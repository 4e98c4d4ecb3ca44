package tailer

import (
	"errors"
	"io"
	"os"
	"slices"

	"github.com/kinetail/kinetail/tailer/checkpoint"
)

// lostSweeps is how many sweeps must fail to find a body before what was not read of it is a gap: a rotator may be at work.
const lostSweeps = 3

// patientSweeps is how many sweeps in quick succession are made for what is not complete or cannot be looked at; then the usual ones do.
const patientSweeps = 100

// recover looks for another body with the content of g, which has lost its own: a copy, a moved or a compressed one.
func (f *Follower) recover(g *generation, sv *survey, now clock) {
	found, waiting := f.claim(g, sv, now)
	if found || g.final {
		return
	}
	if waiting || f.unsure(g, sv) {
		if g.waited++; g.waited < patientSweeps {
			f.early = true
		}
		return
	}
	if g.lost <= lostSweeps {
		g.lost++
		f.early = true
		return
	}
	f.giveUp(g, g.lostWhy)
}

// claim gives g the body that has its content: of several the longest. waiting says that one is not complete yet.
func (f *Follower) claim(g *generation, sv *survey, now clock) (found, waiting bool) {
	var best *candidate
	var at []string
	for _, e := range f.candidates(g, sv) {
		c, err := f.compare(g, e, sv)
		switch root, _ := sv.family(e.path); {
		case errors.Is(err, errUnfinished) || errors.Is(err, errRacing) || exhausted(err):
			waiting = true
		case err != nil:
			f.note(e.path, err.Error())
			waiting = waiting || cannotLook(err) && root == g.chain.path
		}
		if c == nil {
			continue
		}
		at = append(at, e.path)
		if best == nil || c.tells > best.tells || c.tells == best.tells && best.kind == "" && c.kind == "" && c.st.size > best.st.size {
			best, c = c, best
		}
		if c != nil {
			c.close()
		}
	}
	if best == nil {
		return false, waiting
	}
	if len(at) > 1 {
		f.log.Warn("the content is in several files: the rest of it is read from one of them", "path", g.chain.path, "from", best.e.path, "of", at)
	}
	f.adopt(g, best, now)
	f.log.Info("found the content again", "path", g.chain.path, "at", best.e.path, "offset", g.read)
	return true, false
}

// giveUp ends a generation whose body is not to be had. What was not read of it is a gap.
func (f *Follower) giveUp(g *generation, why string) {
	g.park(f)
	f.unbody(g)
	if g.kind != "" && g.drained {
		g.size = g.read
	}
	f.gap(g, g.read, max(g.sure(), g.seen), why)
	g.size, g.seen, g.guessed = g.read, 0, false
	f.drain(g)
	g.lost = max(g.lost, 1)
	g.final = true
	g.active = false
	f.remember(g, func(r *checkpoint.Generation) {
		r.Final, r.Size, r.Seen = true, g.read, f.wall()
		r.Dev, r.Ino, r.Birth = 0, 0, 0 // another may be given the number
	})
	f.publish(g)
}

// gap reports the bytes of g between two offsets as lost, if there are any.
func (f *Follower) gap(g *generation, from, to int64, why string) {
	if from >= to {
		return
	}
	f.count(func(c *Counters) { c.FileGaps++; c.GapBytes += to - from })
	f.log.Error("bytes are lost: they were destroyed before they could be read", "path", g.chain.path, "generation", g.id(),
		"from", from, "to", to, "bytes", to-from, "reason", why)
}

// candidates are the bodies that nobody has and that may hold the content of g: rotated names of its path first, older first.
func (f *Follower) candidates(g *generation, sv *survey) []*entry {
	var family, others []*entry
	for _, e := range sv.order {
		key := e.st.bodyKey
		if f.bodies[key] != nil || sv.reborn[key] || g.final && f.isIgnored(e) {
			continue
		}
		root, _ := sv.family(e.path)
		switch {
		case root == g.chain.path && (e.path != g.chain.path || g.isFormer(e)), f.linked[g] && f.isRotated(g, e.path):
			family = append(family, e)
		case g.recalled || e.sibling:
			others = append(others, e)
		}
	}
	slices.SortStableFunc(family, func(a, b *entry) int { return sv.compareAge(a, b) })
	return append(family, others...)
}

// openEntry opens what the survey saw at e; errRacing says that it is not there any more.
func (f *Follower) openEntry(e *entry) (*os.File, stat, error) {
	file, st, err := openSafely(e.path, f.opts.Symlinks)
	if err != nil {
		if isGone(err) {
			err = errRacing
		}
		return nil, st, err
	}
	if !sameBody(&st, e.st.bodyKey, e.st.birth) {
		_ = file.Close()
		return nil, st, errRacing
	}
	return file, st, nil
}

// candidate is an open body that has the content of a generation.
type candidate struct {
	e    *entry
	file *os.File
	st   stat
	kind string
	zip  *unzip
	// tells is how many of its first bytes tell that it is this content; begin are they, where they are fewer than were seen.
	tells int
	begin []byte
}

func (c *candidate) close() {
	if c.zip != nil {
		c.zip.close()
	}
	_ = c.file.Close() // opened for reading only
}

// compare opens the body at e if it has the content of g; nil if it has not.
func (f *Follower) compare(g *generation, e *entry, sv *survey) (_ *candidate, err error) {
	file, st, err := f.openEntry(e)
	if err != nil {
		return nil, err
	}
	c := &candidate{e: e, file: file, st: st}
	same := false
	defer func() {
		if !same {
			c.close()
		}
	}()
	kind, err := compressionOf(e.path, body{file})
	if err != nil {
		return nil, err
	}
	c.kind = kind
	var r io.ReaderAt = body{file}
	if kind != "" {
		c.zip = newUnzip(file, kind)
		r = c.zip
	}
	moved := kind == "" && sv.plausible(g, e) && st.birth != 0 && st.birth == g.birth && st.ino == g.rec().Ino
	root, _ := sv.family(e.path)
	related := f.isRotated(g, e.path) || e.sibling && root == e.path // the latter is read by nobody, if g does not have it
	if c.tells, same, err = f.holds(g, e, r, moved, related, kind == "" && st.size < g.read); err != nil || !same {
		same = false
		return nil, err
	}
	if c.tells < g.head.Len {
		c.begin = make([]byte, c.tells)
		if _, err = readFull(r, c.begin, 0); err != nil {
			same = false
			return nil, err
		}
	}
	return c, nil
}

// adopt gives g the body of c.
func (f *Follower) adopt(g *generation, c *candidate, now clock) {
	st, kind := c.st, c.kind
	g.park(f)
	g.file, g.zip, g.kind = c.file, c.zip, kind
	f.open++
	g.key, g.birth, g.st = st.bodyKey, st.birth, st.version
	g.lost, g.lostWhy, g.waited, g.nameless, g.looked, g.grown, g.ends = 0, "", 0, 0, now, now, 0
	g.recalled = false
	g.scanned, g.need = 0, 0
	if c.begin != nil {
		g.head = checkpoint.Print{}
		g.setHead(c.begin)
	}
	f.bodies[g.key] = g
	if kind == "" {
		g.size = st.size
	} else {
		g.guessMore()
	}
	g.final = false
	f.rename(g, []string{c.e.path})
	f.remember(g, func(r *checkpoint.Generation) {
		r.Dev, r.Ino, r.Birth, r.Compression, r.Final = st.dev, st.ino, st.birth, kind, false
		r.Size, r.Head = max(st.size, g.read, g.seen), g.head
		if kind != "" {
			r.Size = g.sure()
		}
	})
	f.publish(g)
	f.takeUp(g)
	f.activate(g)
}

// holds says whether r holds the content of g, its head and the bytes before its position, and how many of the first bytes tell so. related says
// that what is at e is one of the bodies of g's path, or of none; short says that r is known to end before.
func (f *Follower) holds(g *generation, e *entry, r io.ReaderAt, moved, related, short bool) (tells int, ok bool, err error) {
	if short || g.head.Len == 0 && !moved {
		return 0, false, nil
	}
	if tells, ok, err = g.begins(r); err != nil || !ok {
		return 0, false, err
	}
	if tells < headEnough && !moved && !related && (f.opts.OnAmbiguous == "repeat" || tells < headLeast) {
		return 0, false, nil // under a name that has nothing to do with it, a few bytes tell little
	}
	if tells < headLeast && !moved {
		// So few bytes agree with much: not if another generation has had this content.
		if known, _, err := f.known(e, g.chain.path, g); err != nil || known {
			return 0, false, err
		}
	}
	if g.recalled {
		f.mu.Lock()
		rec := *g.rec()
		f.mu.Unlock()
		t, whole, err := tailAt(r, rec.Offset)
		if err != nil || !whole || rec.Marker.Len > t.n {
			return 0, false, err
		}
		if checkpoint.Sum(t.b[t.n-rec.Marker.Len:t.n]) != rec.Marker {
			return 0, false, nil
		}
		g.tail, g.read = t, rec.Offset
		return tells, true, nil
	}
	ok, err = g.tail.agrees(r, g.read)
	return tells, ok, err
}

// isRotated says that path can be a rotated name of what g follows, under any of its names.
func (f *Follower) isRotated(g *generation, path string) bool {
	return isFamily(path, g.chain.path) || f.linked[g] && slices.ContainsFunc(g.rec().Names, func(n string) bool { return isFamily(path, n) })
}

// isFamily says that name can be a rotated name of path.
func isFamily(name, path string) bool {
	base := path[lastSlash(path)+1:]
	return parseRotated(name[lastSlash(name)+1:], func(r rotatedName) bool { return r.base == base || isFamily(r.base, base) && r.base != name })
}

func lastSlash(s string) int {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == '/' {
			return i
		}
	}
	return -1
}

// errRacing says that a body was changed while it was compared: the next sweep knows more.
var errRacing = errors.New("changed while it was looked at")
