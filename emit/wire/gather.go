package wire

import (
	"errors"
	"io"
)

// byReference is from how many bytes on data goes into a body as it is, without being copied: one of 51,200 bytes is not worth a second place
// in the cache, and one of 260 not worth a part of its own.
const byReference = 4 << 10

// gather is a body in parts, some of them the data of records. It is what bytes.Reader is to one part.
type gather struct {
	parts [][]byte
	size  int
	at    int // bytes read
	part  int // that at is in
	in    int // bytes of it that are read
}

// bodyWriter puts a body together. Small things are appended to small, which becomes parts between those that stand by reference.
type bodyWriter struct {
	small []byte
	from  int // where in small the next part begins
	parts [][]byte
}

// data appends bytes, which must not change while the body is in use.
func (w *bodyWriter) data(b []byte) {
	if len(b) < byReference {
		w.small = append(w.small, b...)
		return
	}
	w.cut()
	w.parts = append(w.parts, b)
}

func (w *bodyWriter) cut() {
	if end := len(w.small); end > w.from {
		w.parts = append(w.parts, w.small[w.from:end:end])
		w.from = end
	}
}

func (w *bodyWriter) body() *gather {
	w.cut()
	g := &gather{parts: w.parts}
	for _, p := range g.parts {
		g.size += len(p)
	}
	return g
}

// Len is how much is left, which the SDK asks for the length of the request.
func (g *gather) Len() int { return g.size - g.at }

func (g *gather) Read(p []byte) (n int, err error) {
	for n < len(p) && g.part < len(g.parts) {
		k := copy(p[n:], g.parts[g.part][g.in:])
		n += k
		g.skip(k)
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// skip is k bytes further, in the same part at most.
func (g *gather) skip(k int) {
	g.at += k
	if g.in += k; g.in == len(g.parts[g.part]) {
		g.part, g.in = g.part+1, 0
	}
}

// WriteTo hands the parts on as they are, to the hash.
func (g *gather) WriteTo(w io.Writer) (total int64, err error) {
	for g.part < len(g.parts) {
		n, err := w.Write(g.parts[g.part][g.in:])
		total += int64(n)
		if n > 0 {
			g.skip(n)
		}
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

var errSeek = errors.New("seek before the beginning or behind the end of a body")

// Seek implements io.Seeker.
func (g *gather) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += int64(g.at)
	case io.SeekEnd:
		offset += int64(g.size)
	}
	if offset < 0 || offset > int64(g.size) {
		return 0, errSeek
	}
	g.at, g.part, g.in = 0, 0, 0
	for left := int(offset); left > 0; {
		k := min(left, len(g.parts[g.part]))
		g.skip(k)
		left -= k
	}
	return offset, nil
}
