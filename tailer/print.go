package tailer

import (
	"bytes"
	"errors"
	"io"

	"github.com/kinetail/kinetail/tailer/checkpoint"
)

const (
	// headSize is how much of the beginning of a body its fingerprint covers, in bytes, once it is there.
	headSize = 1024
	// headEnough is from how many bytes on a head identifies a body by itself.
	headEnough = 256
	// headLeast is below how many bytes a head agrees with too much to tell anything by itself.
	headLeast = 32
	// markerSize is how much before a position its marker covers, in bytes.
	markerSize = 64
)

// readFull reads what is there of p at off: fewer bytes only at the end of the content.
func readFull(r io.ReaderAt, p []byte, off int64) (int, error) {
	n, err := r.ReadAt(p, off)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// headAgrees says whether the content of r begins as head says. A head of no bytes agrees with everything.
func headAgrees(r io.ReaderAt, head checkpoint.Print) (bool, error) {
	if head.Len == 0 {
		return true, nil
	}
	if head.Len > headSize {
		return false, nil
	}
	var buf [headSize]byte
	n, err := readFull(r, buf[:head.Len], 0)
	if err != nil {
		return false, err
	}
	return n == head.Len && checkpoint.Sum(buf[:n]) == head, nil
}

// headOf is the fingerprint of what r begins with.
func headOf(r io.ReaderAt) (checkpoint.Print, error) {
	var buf [headSize]byte
	n, err := readFull(r, buf[:], 0)
	return checkpoint.Sum(buf[:n]), err
}

// readHead takes the fingerprint of what r begins with, if it covers no less than the one that is there.
func (g *generation) readHead(r io.ReaderAt) error {
	var buf [headSize]byte
	n, err := readFull(r, buf[:], 0)
	if err == nil && n >= g.head.Len {
		g.setHead(buf[:n])
	}
	return err
}

func (g *generation) setHead(begin []byte) {
	if begin = begin[:min(len(begin), headSize)]; len(begin) > g.head.Len {
		g.head = checkpoint.Sum(begin)
	}
	if g.begun = nil; len(begin) < headSize {
		g.begun = bytes.Clone(begin)
	}
}

// begins says whether the content of r begins as that of g, and how many bytes tell so. A copy may be shorter than the fingerprint: lines came
// before its log was truncated, and were seen. Then the bytes themselves tell, while they are there, or else those before the read position,
// which the caller compares.
func (g *generation) begins(r io.ReaderAt) (n int, ok bool, err error) {
	if g.head.Len > headSize {
		return 0, false, nil
	}
	var buf [headSize]byte
	n, err = readFull(r, buf[:g.head.Len], 0)
	switch {
	case err != nil:
		return n, false, err
	case n == g.head.Len:
		return n, n == 0 || checkpoint.Sum(buf[:n]) == g.head, nil
	case n < headLeast:
		return n, false, nil
	case len(g.begun) == g.head.Len:
		return n, bytes.Equal(buf[:n], g.begun[:n]), nil
	}
	evidence := g.tail.n
	if g.recalled {
		evidence = g.rec().Marker.Len
	}
	return n, evidence >= headLeast && int64(n) >= g.read, nil
}

// tail is the last bytes before a position, at most markerSize: the marker, before it is hashed.
type tail struct {
	n int
	b [markerSize]byte
}

func (t *tail) bytes() []byte { return t.b[:t.n] }

// push moves the position behind p, which follows what is there.
func (t *tail) push(p []byte) {
	if len(p) >= markerSize {
		t.n = copy(t.b[:], p[len(p)-markerSize:])
		return
	}
	keep := min(t.n, markerSize-len(p))
	copy(t.b[:], t.b[t.n-keep:t.n])
	copy(t.b[keep:], p)
	t.n = keep + len(p)
}

func (t *tail) print() checkpoint.Print { return checkpoint.Sum(t.b[:t.n]) }

// agrees says whether the bytes of r before pos are these.
func (t *tail) agrees(r io.ReaderAt, pos int64) (bool, error) {
	if t.n == 0 {
		return true, nil
	}
	var buf [markerSize]byte
	n, err := readFull(r, buf[:t.n], pos-int64(t.n))
	if err != nil {
		return false, err
	}
	return bytes.Equal(buf[:n], t.bytes()), nil
}

// tailAt reads the last bytes before pos; whole is false when the content ends before pos.
func tailAt(r io.ReaderAt, pos int64) (t tail, whole bool, err error) {
	want := int(min(pos, markerSize))
	t.n, err = readFull(r, t.b[:want], pos-int64(want))
	return t, t.n == want, err
}
