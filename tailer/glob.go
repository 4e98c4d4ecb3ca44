package tailer

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"golang.org/x/sys/unix"
)

// glob is one pattern, absolute, in its components.
type glob struct {
	pattern string // as configured
	parts   []string
}

// compileGlobs makes absolute globs of patterns; alternatives in braces become globs of their own.
func compileGlobs(patterns []string) ([]glob, error) {
	var all []glob
	for _, p := range patterns {
		if !doublestar.ValidatePattern(p) {
			return nil, fmt.Errorf("path pattern %q: %w", p, doublestar.ErrBadPattern)
		}
		for _, alternative := range expandBraces(p) {
			abs, err := filepath.Abs(alternative)
			if err != nil {
				return nil, fmt.Errorf("path pattern %q: %w", p, err)
			}
			all = append(all, glob{pattern: p, parts: strings.Split(strings.TrimPrefix(abs, "/"), "/")})
		}
	}
	return all, nil
}

// expandBraces turns "a.{b,c}" into "a.b" and "a.c".
func expandBraces(p string) []string {
	open, depth := -1, 0
	var cuts []int
	for i := 0; i < len(p); i++ {
		switch p[i] {
		case '\\':
			i++
		case '{':
			if depth == 0 {
				open, cuts = i, nil
			}
			depth++
		case ',':
			if depth == 1 {
				cuts = append(cuts, i)
			}
		case '}':
			if depth--; depth != 0 {
				continue
			}
			var all []string
			from := open + 1
			for _, to := range append(cuts, i) {
				all = append(all, expandBraces(p[:open]+p[from:to]+p[i+1:])...)
				from = to + 1
			}
			return all
		}
	}
	return []string{p}
}

func hasMeta(part string) bool { return strings.ContainsAny(part, `*?[\`) }

// matchAny says whether a path matches one of the globs.
func matchAny(globs []glob, path string) bool {
	for _, g := range globs {
		if ok, _ := doublestar.Match("/"+strings.Join(g.parts, "/"), path); ok {
			return true
		}
	}
	return false
}

// entry is a path and what is there.
type entry struct {
	path string
	// link is what the path itself is, where it is a symbolic link; st is what it leads to.
	link    *stat
	dir     *stat // the directory it is in
	st      stat
	err     error // could not look
	pattern string
	also    *entry // another name of the same body, found later
	// sibling is set for a path that no pattern under paths matches.
	sibling bool
}

// walk looks at the file system once: each directory is read once, however many patterns lead there.
type walk struct {
	symlinks string
	dirs     map[string]*listing
	kept     map[string]*listing // of an earlier walk
	open     []*listing          // those that have a descriptor, the oldest first
	entries  entries
	// refused are the paths of directories that are not entered because of who could have put them there, with why.
	refused map[string]string
	// awaited are directories in which a file of a fixed name is to be, or is.
	awaited map[string]bool
	// blind are directories that are there and could not be looked at.
	blind map[string]error
}

func newWalk(symlinks string) *walk {
	return &walk{symlinks: symlinks, dirs: map[string]*listing{}, blind: map[string]error{}, refused: map[string]string{}, awaited: map[string]bool{}}
}

// reset makes a walk of one that is over.
func (w *walk) reset() {
	w.kept, w.entries.used = nil, 0
	clear(w.dirs)
	clear(w.refused)
	clear(w.awaited)
	clear(w.blind)
}

func (w *walk) close() {
	for _, l := range w.open {
		unix.Close(l.fd)
		l.fd = -1
	}
	clear(w.open)
	w.open = w.open[:0]
}

// entries are made a block at a time and used again: they stay where they are.
type entries struct {
	blocks [][]entry
	used   int
}

const entryBlock = 64

// next is one that is nobody's, and not taken yet.
func (a *entries) next() *entry {
	if a.used/entryBlock == len(a.blocks) {
		a.blocks = append(a.blocks, make([]entry, entryBlock))
	}
	e := &a.blocks[a.used/entryBlock][a.used%entryBlock]
	*e = entry{}
	return e
}

// maxListed is how many directories are open at once: what is looked at next is mostly in the one that was listed last.
const maxListed = 4

// list reads a directory.
func (w *walk) list(dir string) *listing {
	if l, ok := w.dirs[dir]; ok {
		return l
	}
	l := &listing{fd: -1}
	w.dirs[dir] = l
	err := failed("list", dir)
	if err == nil {
		err = l.read(dir, w.kept[dir])
	}
	if err == nil {
		w.open = append(w.open, l)
		if len(w.open) > maxListed {
			unix.Close(w.open[0].fd)
			w.open[0].fd = -1
			w.open = w.open[:copy(w.open, w.open[1:])]
		}
		return l
	}
	if l.fd >= 0 {
		unix.Close(l.fd)
		l.fd = -1
		err = fmt.Errorf("read directory %q: %w", dir, err)
		w.blind[dir] = err
	} else if !isGone(err) {
		w.blind[dir] = err
	}
	l.err = err
	return l
}

// isGone tells "there is nothing" from "could not look".
func isGone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR)
}

// glob calls found for each path that matches; the same path may come twice. An entry that found does not want, as it says, is used for the next.
func (w *walk) glob(g glob, found func(*entry) bool) { w.step(g, "/", g.parts, found, 0) }

const maxDepth = 64 // of directories below a **: a loop of bind mounts ends somewhere

func (w *walk) step(g glob, dir string, parts []string, found func(*entry) bool, depth int) {
	part, last := parts[0], len(parts) == 1
	if !hasMeta(part) {
		path := filepath.Join(dir, part)
		if last {
			w.awaited[dir] = true
			w.leaf(g, dir, path, part, found)
			return
		}
		if w.enter(path, nil) {
			w.step(g, path, parts[1:], found, depth)
		}
		return
	}
	if part == "**" {
		if !last {
			w.step(g, dir, parts[1:], found, depth)
		}
		if depth > maxDepth {
			return
		}
	}
	l := w.list(dir)
	for i := range l.names {
		n := &l.names[i]
		if part == "**" {
			if n.leads() && w.enter(n.path, n) {
				w.step(g, n.path, parts, found, depth+1)
				continue
			}
			if last {
				w.leaf(g, dir, n.path, n.text(), found)
			}
			continue
		}
		if ok, _ := doublestar.Match(part, n.text()); !ok {
			continue
		}
		if last {
			w.leaf(g, dir, n.path, n.text(), found)
			continue
		}
		if n.leads() && w.enter(n.path, n) {
			w.step(g, n.path, parts[1:], found, depth)
		}
	}
}

// enter says whether the walk may go down into path.
func (w *walk) enter(path string, n *name) bool {
	if n != nil && n.isDir() {
		return true
	}
	link, err := statAt(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW)
	if err != nil {
		if !isGone(err) {
			w.blind[path] = err
		}
		return false
	}
	if !link.is(unix.S_IFLNK) {
		return link.is(unix.S_IFDIR)
	}
	target, err := statAt(unix.AT_FDCWD, path, 0)
	if err != nil {
		if !isGone(err) {
			w.blind[path] = err
		}
		return false
	}
	if !target.is(unix.S_IFDIR) {
		return false
	}
	if why := linkRefused(w.symlinks, &link, &target); why != "" {
		w.refused[path] = why
		return false
	}
	return true
}

// leaf looks at one path that matches.
func (w *walk) leaf(g glob, dir, path, name string, found func(*entry) bool) {
	if e := w.look(dir, path, name); e != nil {
		e.pattern = g.pattern
		if found(e) {
			w.entries.used++
		}
	}
}

// look stats name in dir, which path says in one; nil when there is nothing. The caller takes the entry by counting it as used.
func (w *walk) look(dir, path, name string) *entry {
	e := w.entries.next()
	e.path = path
	at, rel := unix.AT_FDCWD, path
	if l := w.dirs[dir]; l != nil && l.fd >= 0 {
		at, rel = l.fd, name
		e.dir = &l.st
	} else if d, err := statAt(unix.AT_FDCWD, dir, 0); err == nil {
		e.dir = &d
	}
	st, err := statAt(at, rel, unix.AT_SYMLINK_NOFOLLOW)
	if err == nil && st.is(unix.S_IFLNK) {
		link := st
		e.link = &link
		st, err = statAt(at, rel, 0)
	}
	if err != nil {
		if isGone(err) {
			return nil
		}
		e.err = err
	}
	e.st = st
	return e
}

// linkRefused says why a symbolic link is not followed; "" when it is.
func linkRefused(policy string, link, target *stat) string {
	switch {
	case policy == "all" || policy == "owner" && (link.uid == 0 || link.uid == target.uid):
		return ""
	case policy == "none":
		return `is a symbolic link, and symlinks = "none"`
	}
	return fmt.Sprintf(`is a symbolic link of user %d to something of user %d: symlinks = "all" would follow it`, link.uid, target.uid)
}
