package tailer

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kinetail/kinetail/tailer/checkpoint"
)

// Body is a file as it is now, for those who bring positions that another program has kept.
type Body struct {
	// Path is where it is; Root the followed path whose rotated body it seems to be by its name, Path itself if there is none.
	Path, Root string
	Dev, Ino   uint64
	Size       int64
	ModTime    time.Time
	// Birth is when the body was made; zero where the file system does not tell.
	Birth time.Time
	// Compressed bodies cannot be told by their inode: a compressor has written them anew.
	Compressed bool
	st         stat
}

// Bodies are the files that a follower with these options would look at: those that match, and rotated ones beside them; of each path the older
// first. Nothing is followed, and Store is not used.
func Bodies(opts Options) ([]Body, error) {
	opts.Store, opts.Watcher = nil, nil
	f, err := open(opts)
	if err != nil {
		return nil, err
	}
	sv := f.newSurvey()
	w := sv.w
	defer w.close()
	f.survey(sv)
	if len(w.blind) > 0 {
		for dir, err := range w.blind {
			return nil, fmt.Errorf("look into %q: %w", dir, err)
		}
	}
	entries := slices.Clone(sv.order)
	slices.SortStableFunc(entries, sv.compareAge)
	var out []Body
	for _, e := range entries {
		root, _ := sv.family(e.path)
		b := Body{Path: e.path, Root: root, Dev: e.st.dev, Ino: e.st.ino, Size: e.st.size, ModTime: time.Unix(0, e.st.mtime), st: e.st}
		if e.st.birth != 0 {
			b.Birth = time.Unix(0, e.st.birth)
		}
		if rotated := root != e.path; rotated || e.sibling || hasCompressedName(e.path) {
			file, _, err := f.openEntry(e)
			if err != nil {
				return nil, fmt.Errorf("look at %q: %w", e.path, err)
			}
			kind, err := compressionOf(e.path, file)
			_ = file.Close()
			b.Compressed = kind != "" || err != nil
		}
		out = append(out, b)
	}
	return out, nil
}

// TakeOver is what has to be remembered of a body that another program has read up to offset, for a follower to go on there; of the bodies of a path
// the newer has the higher seq. An offset inside a line is moved back to the line's beginning: the result's Offset says where. done says that nothing of
// it is to be read, whatever the offset. ErrNoBody says that it was replaced since.
func TakeOver(flow string, b Body, offset int64, seq uint64, done bool, symlinks string) (checkpoint.Generation, error) {
	rec := checkpoint.Generation{
		ID: newID(b.st.ctime), Flow: flow, Path: b.Root, Names: []string{b.Path}, Dev: b.Dev, Ino: b.Ino, Birth: b.st.birth,
		ModTime: b.ModTime, Seen: time.Now(), CaughtUp: time.Now(), Seq: seq, Size: b.Size, Offset: b.Size, Drained: done, Final: done,
	}
	fail := func(err error) (checkpoint.Generation, error) {
		return rec, fmt.Errorf("take over %q: %w", b.Path, err)
	}
	file, st, err := openSafely(b.Path, symlinks)
	if err != nil {
		return fail(err)
	}
	defer func() { _ = file.Close() }()
	if !sameBody(&st, b.st.bodyKey, b.st.birth) {
		return fail(ErrNoBody)
	}
	if b.Compressed {
		return fail(errors.New("it is compressed: it has no position that could be taken over"))
	}
	if !done {
		if offset > st.size {
			return fail(fmt.Errorf("%w: it has %d bytes, fewer than were read of it", ErrNoBody, st.size))
		}
		if rec.Offset, err = lastLineEnd(file, offset, nil); err != nil {
			return fail(err)
		}
		rec.Size = st.size
	}
	if rec.Head, err = headOf(file); err != nil {
		return fail(err)
	}
	t, _, err := tailAt(file, rec.Offset)
	if err != nil {
		return fail(err)
	}
	rec.Marker = t.print()
	return rec, nil
}
