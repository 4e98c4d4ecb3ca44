package tailer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
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
	// sibling is set for a path that no pattern under paths matches.
	sibling bool
}

// walk looks at the file system once: each directory is read once, however many patterns lead there.
type walk struct {
	symlinks string
	dirs     map[string]*listing
	// refused are the paths of directories that are not entered because of who could have put them there, with why.
	refused map[string]string
	// awaited are directories in which a file of a fixed name is to be, or is.
	awaited map[string]bool
	// blind are directories that are there and could not be looked at.
	blind map[string]error
}

// listing is what a directory held.
type listing struct {
	fd      int // for stat without walking the path again; closed by walk.close
	st      stat
	entries []fs.DirEntry
	err     error
}

func newWalk(symlinks string) *walk {
	return &walk{symlinks: symlinks, dirs: map[string]*listing{}, blind: map[string]error{}, refused: map[string]string{}, awaited: map[string]bool{}}
}

func (w *walk) close() {
	for _, l := range w.dirs {
		if l.fd >= 0 {
			unix.Close(l.fd)
			l.fd = -1
		}
	}
}

// list reads a directory.
func (w *walk) list(dir string) *listing {
	if l, ok := w.dirs[dir]; ok {
		return l
	}
	l := &listing{fd: -1}
	w.dirs[dir] = l
	err := failed("list", dir)
	var f *os.File
	if err == nil {
		f, err = os.OpenFile(dir, unix.O_DIRECTORY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		l.err = err
		if !isGone(err) {
			w.blind[dir] = err
		}
		return l
	}
	defer f.Close()
	if l.st, err = statFile(f); err == nil {
		l.entries, err = f.ReadDir(-1)
	}
	if err == nil {
		l.fd, err = unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	}
	if err != nil {
		l.fd = -1
		l.err = fmt.Errorf("read directory %q: %w", dir, err)
		w.blind[dir] = l.err
	}
	return l
}

// isGone tells "there is nothing" from "could not look".
func isGone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR)
}

// glob calls found for each path that matches; the same path may come twice.
func (w *walk) glob(g glob, found func(entry)) { w.step(g, "/", g.parts, found, 0) }

const maxDepth = 64 // of directories below a **: a loop of bind mounts ends somewhere

func (w *walk) step(g glob, dir string, parts []string, found func(entry), depth int) {
	part, last := parts[0], len(parts) == 1
	if !hasMeta(part) {
		path := filepath.Join(dir, part)
		if last {
			w.awaited[dir] = true
			w.leaf(g, dir, part, found)
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
	for _, e := range l.entries {
		name := e.Name()
		if part == "**" {
			if e.IsDir() || e.Type()&fs.ModeSymlink != 0 {
				if path := filepath.Join(dir, name); w.enter(path, e) {
					w.step(g, path, parts, found, depth+1)
					continue
				}
			}
			if last {
				w.leaf(g, dir, name, found)
			}
			continue
		}
		if ok, _ := doublestar.Match(part, name); !ok {
			continue
		}
		if last {
			w.leaf(g, dir, name, found)
			continue
		}
		if path := filepath.Join(dir, name); (e.IsDir() || e.Type()&fs.ModeSymlink != 0 || e.Type()&fs.ModeIrregular != 0) && w.enter(path, e) {
			w.step(g, path, parts[1:], found, depth)
		}
	}
}

// enter says whether the walk may go down into path.
func (w *walk) enter(path string, e fs.DirEntry) bool {
	if e != nil && e.IsDir() {
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
func (w *walk) leaf(g glob, dir, name string, found func(entry)) {
	if e, ok := w.look(dir, name); ok {
		e.pattern = g.pattern
		found(e)
	}
}

// look stats name in dir; ok is false when there is nothing.
func (w *walk) look(dir, name string) (entry, bool) {
	e := entry{path: filepath.Join(dir, name)}
	at, rel := unix.AT_FDCWD, e.path
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
			return e, false
		}
		e.err = err
	}
	e.st = st
	return e, true
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
