package tailer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/kinetail/kinetail/tailer/checkpoint"
)

// AtEnd is the position after the last line end of a body.
const AtEnd int64 = -1

// countedBytes is how much is read to count lines; of a longer range the rest is estimated.
const countedBytes = 64 << 20

// Repositioned says what moving a position means. Offsets are in bytes of the content.
type Repositioned struct {
	// Path is where the body was found.
	Path string
	// From is the committed offset, To the new one, and Size how long the content is.
	From, To, Size int64
	// Lines are between From and To; Exact says that they were counted and not estimated.
	Lines int64
	Exact bool
}

// ErrNoBody says that no file has the content that a position is of.
var ErrNoBody = errors.New("no file has the content any more that this position is of")

// Reposition returns rec as it has to be remembered for reading to go on at the offset to, or AtEnd. An offset inside a line is moved
// back to the line's beginning. The body is looked for under the names that are remembered; symlinks is as in Options. No follower may
// use the state directory.
func Reposition(rec checkpoint.Generation, to int64, symlinks string) (checkpoint.Generation, Repositioned, error) {
	var last error
	names := append([]string{rec.Path}, rec.Names...)
	slices.Reverse(names)
	for i, path := range names { // newest first
		if slices.Contains(names[:i], path) {
			continue
		}
		moved, m, err := repositionAt(rec, path, to, symlinks)
		if !errors.Is(err, ErrNoBody) {
			return moved, m, err
		}
		last = err
	}
	return rec, Repositioned{}, last
}

func repositionAt(rec checkpoint.Generation, path string, to int64, symlinks string) (checkpoint.Generation, Repositioned, error) {
	m := Repositioned{Path: path, From: rec.Offset, To: to}
	fail := func(err error) (checkpoint.Generation, Repositioned, error) {
		return rec, Repositioned{}, fmt.Errorf("set the position in %q: %w", path, err)
	}
	file, st, err := openSafely(path, symlinks)
	if isGone(err) {
		return fail(ErrNoBody)
	}
	if err != nil {
		return fail(err)
	}
	defer func() { _ = file.Close() }()
	kind, err := compressionOf(path, file)
	if err != nil {
		return fail(err)
	}
	var r io.ReaderAt = file
	m.Size = st.size
	if kind != "" {
		z := newUnzip(file, kind)
		defer z.close()
		r = z
		if m.Size, err = contentSize(z); err != nil {
			return fail(err)
		}
	}
	same, err := headAgrees(r, rec.Head)
	if err != nil {
		return fail(err)
	}
	if !same || rec.Head.Len < headEnough && (st.ino != rec.Ino || st.birth != rec.Birth) {
		return fail(ErrNoBody)
	}
	if to > m.Size {
		return fail(fmt.Errorf("it has %d bytes, so there is no byte %d", m.Size, to))
	}
	if to == AtEnd {
		to = m.Size
	}
	if m.To, err = lastLineEnd(r, to, nil); err != nil {
		return fail(err)
	}
	if m.Lines, m.Exact, err = countLines(r, min(m.From, m.To), min(max(m.From, m.To), m.Size)); err != nil {
		return fail(err)
	}
	t, _, err := tailAt(r, m.To)
	if err != nil {
		return fail(err)
	}
	if m.To == m.Size || m.From == m.Size {
		rec.CaughtUp = time.Now()
	}
	rec.Offset, rec.Marker, rec.Size, rec.Compression = m.To, t.print(), m.Size, kind
	if m.To < m.Size {
		rec.Drained, rec.Final = false, false
	}
	return rec, m, nil
}

// contentSize is how long a compressed body is, decompressed.
func contentSize(z *unzip) (int64, error) {
	buf := make([]byte, 64<<10)
	for size := int64(0); ; {
		n, err := z.ReadAt(buf, size)
		size += int64(n)
		if errors.Is(err, io.EOF) {
			return size, nil
		}
		if err != nil {
			return 0, err
		}
	}
}

// countLines counts line ends between two offsets.
func countLines(r io.ReaderAt, from, to int64) (lines int64, exact bool, err error) {
	buf := make([]byte, 256<<10)
	at := from
	for end := min(to, from+countedBytes); at < end; {
		n, err := readFull(r, buf[:min(int64(len(buf)), end-at)], at)
		if err != nil {
			return 0, false, err
		}
		if n == 0 {
			break
		}
		lines += int64(bytes.Count(buf[:n], []byte{'\n'}))
		at += int64(n)
	}
	if at >= to || at == from {
		return lines, true, nil
	}
	return int64(float64(lines) / float64(at-from) * float64(to-from)), false, nil
}
