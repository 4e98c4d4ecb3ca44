package wire

import (
	"bytes"
	"slices"
	"sync"
)

// keptBody is the largest buffer that is used again, in bytes: a request of 1 MiB in base64, and its keys.
const keptBody = 2 << 20

var buffers = sync.Pool{New: func() any { return new([]byte) }}

// body is a request's body in a pooled buffer. It is closed once, when nobody reads it any more: the SDK reads it behind a lock and
// closes it when the call returns.
type body struct {
	*bytes.Reader
	buf *[]byte
}

// newBody writes a body of about size bytes.
func newBody(size int, write func([]byte) []byte) *body {
	buf := buffers.Get().(*[]byte)
	*buf = write(slices.Grow((*buf)[:0], size))
	return &body{bytes.NewReader(*buf), buf}
}

// Close gives the buffer back.
func (b *body) Close() error {
	if b.buf == nil {
		return nil
	}
	b.Reset(nil)
	if cap(*b.buf) <= keptBody {
		buffers.Put(b.buf)
	}
	b.buf = nil
	return nil
}
