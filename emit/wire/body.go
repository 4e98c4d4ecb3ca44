package wire

import (
	"bytes"
	"context"
	"sync"

	"github.com/aws/smithy-go/middleware"
)

// keptBody is the largest buffer that is used again, in bytes: a request of 1 MiB in base64, and its keys.
const keptBody = 2 << 20

// Answers have buffers of their own: they are a tenth of a body, and a body in one of theirs would have to grow it.
var (
	bodies  = sync.Pool{New: func() any { return new([]byte) }}
	answers = sync.Pool{New: func() any { return new([]byte) }}
)

func recycle(pool *sync.Pool, buf *[]byte) {
	if cap(*buf) <= keptBody {
		pool.Put(buf)
	}
}

// loan holds the body of one call until the call has returned. The SDK never closes a body that it is given, and only then is it sure
// that nobody reads it any more: net/http reads it behind a lock, and the SDK takes it away as soon as the transport has returned.
type loan struct{ body *[]byte }

type loanKey struct{}

// lend adds to each call a loan, which ends with the call.
func lend(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("KinetailBody",
		func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			l := &loan{}
			defer l.end()
			return next.HandleInitialize(middleware.WithStackValue(ctx, loanKey{}, l), in)
		}), middleware.Before)
}

// newBody writes a body of about size bytes, which is good until the call of ctx has returned.
func newBody(ctx context.Context, size int, write func([]byte) []byte) *bytes.Reader {
	l, ok := middleware.GetStackValue(ctx, loanKey{}).(*loan)
	if !ok || l.body != nil {
		return bytes.NewReader(write(make([]byte, 0, size)))
	}
	l.body = bodies.Get().(*[]byte)
	if cap(*l.body) < size {
		*l.body = make([]byte, 0, size)
	}
	*l.body = write((*l.body)[:0])
	return bytes.NewReader(*l.body)
}

func (l *loan) end() {
	if l.body != nil {
		recycle(&bodies, l.body)
		l.body = nil
	}
}
