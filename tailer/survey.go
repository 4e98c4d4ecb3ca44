package tailer

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// survey is what one sweep found, by body. It is made once and used again: with 10,000 files it is three megabytes.
type survey struct {
	w      *walk
	bodies map[bodyKey]*entry // the first name, under paths first; the others are in also
	order  []*entry           // the same, as found
	paths  map[string]*entry
	// names are the names of live files, by directory: what a rotated name can be derived from.
	names map[string]map[string]bool
	// reborn are bodies whose content was replaced in place, until they have a generation of their own.
	reborn map[bodyKey]bool
	// skipped are the paths that match and are not followed, each with why.
	skipped map[string]string
	// failed are paths where something is that could not be looked at.
	failed []*entry
	// settled says that the survey before it saw the same, or that nothing is new or missing.
	settled bool
	// blindOlddir says that a directory which rotated bodies may have gone to could not be looked at.
	blindOlddir bool
}

func newSurvey(w *walk) *survey {
	return &survey{w: w, bodies: map[bodyKey]*entry{}, paths: map[string]*entry{}, names: map[string]map[string]bool{}, skipped: map[string]string{}}
}

// newSurvey takes the one that is there to be used again, if there is.
func (f *Follower) newSurvey() *survey {
	sv := f.spare
	if f.spare = nil; sv == nil {
		sv = newSurvey(newWalk(f.opts.Symlinks))
	}
	sv.w.kept = f.listings
	return sv
}

// finish keeps what the next sweep can use of sv: the names of directories, as long as there are not many more than are wanted, and the memory.
func (f *Follower) finish(sv *survey) {
	sv.w.close()
	f.listings = map[string]*listing{}
	sum := 0
	for dir, l := range sv.w.dirs {
		if sum += len(l.names); l.err == nil {
			f.listings[dir] = l
		}
	}
	if sum > 2*len(sv.paths)+4096 {
		f.listings = nil
	}
	if len(sv.w.entries.blocks)*entryBlock > 4*len(sv.paths)+4096 { // there were more files
		return
	}
	sv.w.reset()
	clear(sv.bodies)
	clear(sv.paths)
	clear(sv.skipped)
	for dir, names := range sv.names {
		if len(names) == 0 {
			delete(sv.names, dir)
		}
		clear(names)
	}
	clear(sv.order)
	clear(sv.failed)
	sv.order, sv.failed, sv.reborn, sv.blindOlddir = sv.order[:0], sv.failed[:0], nil, false
	f.spare = sv
}

// survey walks all patterns, and finds rotated names beside what they match.
func (f *Follower) survey(sv *survey) {
	w := sv.w
	sv.reborn = f.reborn
	for _, g := range f.paths {
		w.glob(g, func(e *entry) bool {
			if sv.paths[e.path] != nil || len(f.exclude) > 0 && matchAny(f.exclude, e.path) {
				return false
			}
			sv.paths[e.path] = e
			if e.err != nil {
				sv.failed = append(sv.failed, e)
			}
			why, _ := f.acceptable(e)
			if len(f.notes) > 0 || why != "" {
				if g := f.at(e.path); why != "" || g == nil || g.err == nil { // else reading it says when it can be read again
					f.note(e.path, why)
				}
			}
			if why != "" {
				sv.skipped[e.path] = why
				return true
			}
			sv.add(e)
			sv.live(e.path)
			return true
		})
	}
	for path, c := range f.chains {
		if len(c.gens) > 0 {
			sv.live(path)
		}
	}
	for g := range f.linked { // rotated bodies are also known by a name that only the hard link had
		for _, name := range g.rec().Names {
			if !slices.ContainsFunc(g.rec().Names, func(n string) bool { return isFamily(name, n) }) {
				sv.live(name)
			}
		}
	}
	sibling := func(e *entry) bool {
		if sv.paths[e.path] != nil {
			return false
		}
		e.sibling = true
		sv.paths[e.path] = e
		if e.err != nil {
			sv.failed = append(sv.failed, e)
		}
		switch why, refused := f.acceptable(e); {
		case why == "":
			sv.add(e)
		case refused:
			f.note(e.path, why)
			sv.skipped[e.path] = why
		}
		return true
	}
	blind := len(w.blind)
	for _, g := range f.rotated {
		w.glob(g, sibling)
	}
	sv.blindOlddir = len(w.blind) > blind
	for dir, names := range sv.names {
		if len(names) == 0 {
			continue
		}
		rotated := func(r rotatedName) bool { return names[r.base] }
		l := w.list(dir)
		for i := range l.names {
			n := &l.names[i]
			if n.isDir() || sv.paths[n.path] != nil || !parseRotated(n.text(), rotated) {
				continue
			}
			if e := w.look(dir, n.path, n.text()); e != nil && sibling(e) {
				w.entries.used++
			}
		}
	}
	for path, why := range w.refused {
		f.refuse(path, why)
		f.note(path, why)
		sv.skipped[path] = why
	}
	f.mu.Lock()
	f.skipped = f.skipped[:0:0]
	for _, path := range slices.Sorted(maps.Keys(sv.skipped)) {
		e := sv.paths[path]
		f.skipped = append(f.skipped, Skipped{Path: path, Reason: sv.skipped[path], Failed: e != nil && e.err != nil})
	}
	f.mu.Unlock()
}

func (sv *survey) add(e *entry) {
	last := sv.bodies[e.st.bodyKey]
	if last == nil {
		sv.order = append(sv.order, e)
		sv.bodies[e.st.bodyKey] = e
		return
	}
	for last.also != nil {
		last = last.also
	}
	last.also = e
}

func (sv *survey) live(path string) {
	dir, name := filepath.Split(path)
	dir = filepath.Clean(dir)
	if sv.names[dir] == nil {
		sv.names[dir] = map[string]bool{}
	}
	sv.names[dir][name] = true
}

// family is the live file that path is a rotated name of; path itself when there is none.
func (sv *survey) family(path string) (string, rotatedName) {
	var how rotatedName
	root := path
	for range 4 { // "a.log-20260101.1.gz"
		dir, name := filepath.Split(root)
		dir = filepath.Clean(dir)
		if !parseRotated(name, func(r rotatedName) bool {
			if !sv.names[dir][r.base] {
				return false
			}
			if r.number != "" || r.stamp != "" {
				how = r
			}
			root = filepath.Join(dir, r.base)
			return true
		}) {
			break
		}
	}
	if root != path {
		return root, how
	}
	// In another directory (olddir, rotated) the name of the live file must be the only one of its kind.
	e := sv.paths[path]
	if e == nil || !e.sibling {
		return path, how
	}
	_, name := filepath.Split(path)
	for dir, names := range sv.names {
		match := func(r rotatedName) bool {
			if !names[r.base] {
				return false
			}
			if other := filepath.Join(dir, r.base); root == path || other == root {
				root, how = other, r
				return false
			}
			root = ""
			return true
		}
		if !match(rotatedName{base: name}) {
			parseRotated(name, match)
		}
		if root == "" {
			return path, rotatedName{}
		}
	}
	return root, how
}

// acceptable says why what is at a path is not followed, "" when it is, and whether that is because of who could have put it there.
func (f *Follower) acceptable(e *entry) (why string, refused bool) {
	if e.err != nil {
		return e.err.Error(), false
	}
	if e.link != nil {
		why = linkRefused(f.opts.Symlinks, e.link, &e.st)
	}
	if why == "" {
		if why = e.st.oddity(); why != "" {
			return why, false
		}
	}
	if why == "" && e.link == nil {
		why = hardLinkRefused(f.opts.HardLinks, &e.st, e.dir, f.protected)
	}
	if why != "" {
		f.refuse(e.path, why)
	}
	return why, why != ""
}

// refuse counts a path that is not read because of who could have put it there.
func (f *Follower) refuse(path, why string) {
	if f.notes[path].why != why {
		f.count(func(c *Counters) { c.FilesRefused++ })
	}
}

// blindTo says that path could not be looked for: nothing follows from not having seen it.
func (sv *survey) blindTo(path string) bool {
	if e := sv.paths[path]; e != nil && e.err != nil {
		return true
	}
	for dir := range sv.w.blind {
		if strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/") {
			return true
		}
	}
	return false
}

// dirs are the directories to be watched: those that were read, and those that hold what is followed.
func (sv *survey) dirs() map[string]bool {
	all := map[string]bool{}
	for dir, l := range sv.w.dirs {
		if l.err == nil && l.st.is(unix.S_IFDIR) {
			all[dir] = true
		}
	}
	for dir, names := range sv.names {
		if len(names) > 0 {
			all[dir] = true
		}
	}
	for dir := range sv.w.awaited {
		all[dir] = true
	}
	return all
}
