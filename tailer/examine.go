package tailer

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
)

// Found is a path that matches. Err says why it would not be read; nil if it would be.
type Found struct {
	Path, Pattern string
	Size          int64 // bytes
	Err           error
}

// Examination is what a follower would find.
type Examination struct {
	Found []Found
	// Blind are directories that are there and could not be looked into.
	Blind map[string]error
	// Unmatched are the patterns of Options.Paths that nothing matches.
	Unmatched []string
}

// Examine looks once at what Options.Paths match, as a follower with these options would, and tries to open each. It reads nothing,
// remembers nothing and logs nothing.
func Examine(opts Options) (*Examination, error) {
	opts.Store, opts.Watcher, opts.Log = nil, nil, slog.New(slog.DiscardHandler)
	f, err := open(opts)
	if err != nil {
		return nil, err
	}
	sv := f.newSurvey()
	w := sv.w
	defer w.close()
	f.survey(sv)
	x := &Examination{Blind: w.blind}
	for _, path := range slices.Sorted(maps.Keys(sv.paths)) {
		e := sv.paths[path]
		if e.sibling {
			continue
		}
		found := Found{Path: path, Pattern: e.pattern, Size: e.st.size, Err: e.err}
		if why := sv.skipped[path]; why != "" && found.Err == nil {
			found.Err = fmt.Errorf("%w: %s", errRefused, why)
		}
		if found.Err == nil {
			if file, _, err := openSafely(path, opts.Symlinks); err != nil {
				found.Err = err
			} else {
				_ = file.Close()
			}
		}
		x.Found = append(x.Found, found)
	}
	for _, path := range slices.Sorted(maps.Keys(w.refused)) {
		x.Found = append(x.Found, Found{Path: path, Err: fmt.Errorf("%w: %s", errRefused, w.refused[path])})
	}
	for _, p := range opts.Paths {
		globs, err := compileGlobs([]string{p})
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(x.Found, func(found Found) bool { return matchAny(globs, found.Path) }) {
			x.Unmatched = append(x.Unmatched, p)
		}
	}
	return x, nil
}

// FixedPrefix is the part of a pattern before its first component with a wildcard: the directory in which matching begins, or the whole of a
// pattern that has none.
func FixedPrefix(pattern string) string {
	parts := strings.Split(pattern, "/")
	if i := slices.IndexFunc(parts, func(part string) bool { return hasMeta(part) || strings.ContainsAny(part, "{}") }); i >= 0 {
		return "/" + strings.Trim(strings.Join(parts[:i], "/"), "/")
	}
	return pattern
}
