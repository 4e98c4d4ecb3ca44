package wire

import (
	"errors"
	"io"
	"net"
	"sync"

	"github.com/kinetail/kinetail/emit/buffer"
)

// byReference is from how many bytes on data goes into a body as it is, without being copied: one of 51,200 bytes is not worth a second place
// in the cache, and one of 260 not worth a part of its own.
const byReference = 4 << 10

// Body is the body of a request, in parts of which some are the data of records. The transport may still be about to read it when it has returned
// an answer, and so whoever reads or writes it has a lock, and free takes away what it is made of.
type Body struct {
	mu    sync.Mutex
	parts [][]byte
	few   [2][]byte // where parts begins
	size  int
	part  int     // the next to be read
	in    int     // bytes of it that are read
	small *[]byte // lent: all parts that are no reference
	freed bool
}

// newBody writes a body, of which what is no reference has about size bytes.
func newBody(size int, write func(*bodyWriter)) *Body {
	b := &Body{small: buffer.Get(size)}
	w := bodyWriter{small: *b.small, parts: b.few[:0]}
	write(&w)
	w.cut()
	*b.small, b.parts = w.small, w.parts
	for _, p := range b.parts {
		b.size += len(p)
	}
	return b
}

// free gives back what the body is made of. Nothing can be read any more.
func (b *Body) free() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.freed, b.parts, b.few = true, nil, [2][]byte{}
	buffer.Put(b.small)
	b.small = nil
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

// errFreed is what reads a body whose request is over.
var errFreed = errors.New("the request is over")

// Read implements io.Reader.
func (b *Body) Read(p []byte) (n int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.freed {
		return 0, errFreed
	}
	for n < len(p) && b.part < len(b.parts) {
		k := copy(p[n:], b.parts[b.part][b.in:])
		n += k
		b.skip(k)
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// WriteTo writes the parts as they are, to a TCP connection all in one call of the system. After an error it can be called again for the rest.
func (b *Body) WriteTo(w io.Writer) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.freed {
		return 0, errFreed
	}
	if b.part == len(b.parts) {
		return 0, nil
	}
	rest := append(net.Buffers{b.parts[b.part][b.in:]}, b.parts[b.part+1:]...)
	total, err := rest.WriteTo(w)
	for left := int(total); left > 0; {
		k := min(left, len(b.parts[b.part])-b.in)
		b.skip(k)
		left -= k
	}
	return total, err
}

// skip is k bytes further, in the same part at most.
func (b *Body) skip(k int) {
	if b.in += k; b.in == len(b.parts[b.part]) {
		b.part, b.in = b.part+1, 0
	}
}

// Close does nothing: whoever made the body frees it.
func (b *Body) Close() error { return nil }
