package tailer

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/kinetail/kinetail/tailer/checkpoint"
)

// Delivered says how far the content of a file is delivered which is the body of no generation, but may be a copy of one, as it was or compressed: by
// flow, the committed offset of the generation whose content it is, in bytes of the content, and how long that is. None is: it is no known one's, or
// only the beginning of it.
func Delivered(file *os.File, path string, known []checkpoint.Generation) (offsets map[string]int64, size int64, err error) {
	kind, err := compressionOf(path, body{file})
	if err != nil {
		return nil, 0, err
	}
	var r io.ReaderAt = body{file}
	if kind != "" {
		z := newUnzip(file, kind)
		defer z.close()
		r = z
	}
	like, err := beginningAs(r, path, known)
	if err != nil || len(like) == 0 {
		return nil, 0, err
	}
	offsets = map[string]int64{}
	for _, g := range like { // forward only: a compressed body is read once
		t, whole, err := tailAt(r, g.Offset)
		if err != nil {
			return nil, 0, fmt.Errorf("read %q: %w", path, err)
		}
		if m := g.Marker; whole && m.Len <= t.n && (m.Len == 0 || checkpoint.Sum(t.b[t.n-m.Len:t.n]) == m) {
			offsets[g.Flow], size = g.Offset, g.Offset // the largest is the last
		}
	}
	if len(offsets) == 0 {
		return nil, 0, nil
	}
	buf := make([]byte, 64<<10)
	for {
		n, err := r.ReadAt(buf, size)
		size += int64(n)
		if errors.Is(err, io.EOF) {
			return offsets, size, nil
		}
		if err != nil {
			return nil, 0, fmt.Errorf("read %q: %w", path, err)
		}
	}
}

// beginningAs are the generations that the content may be that of, by its beginning, those with the smaller offsets first. Beginnings too short to
// tell count where the path is one of a rotated body of their log.
func beginningAs(r io.ReaderAt, path string, known []checkpoint.Generation) ([]*checkpoint.Generation, error) {
	var like []*checkpoint.Generation
	for i := range known {
		g := &known[i]
		if g.Head.Len == 0 || g.Head.Len < headEnough && !isFamily(path, g.Path) && !slices.Contains(g.Names, path) {
			continue
		}
		same, err := headAgrees(r, g.Head)
		if err != nil {
			return nil, fmt.Errorf("read %q: %w", path, err)
		}
		if same {
			like = append(like, g)
		}
	}
	slices.SortFunc(like, func(a, b *checkpoint.Generation) int { return cmp.Compare(a.Offset, b.Offset) })
	return like, nil
}
