package wire

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/aws/smithy-go/middleware"

	"github.com/kinetail/kinetail/emit/buffer"
)

// loan holds the body of one call until the call has returned. The SDK never closes a body that it is given, and only then is it sure
// that nobody reads it any more: net/http reads it behind a lock, and the SDK takes it away as soon as the transport has returned.
type loan struct {
	body *[]byte
	cbor bool // it is in CBOR

	records int // in it
}

type loanKey struct{}

// lend adds to each call a loan, which ends with the call. A call that was refused for its dialect is made again in the other, with
// another loan.
func lend(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("KinetailBody",
		func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			out, meta, err := withLoan(ctx, in, next)
			if errors.Is(err, errRefused) {
				return withLoan(ctx, in, next)
			}
			return out, meta, err
		}), middleware.Before)
}

func withLoan(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
	l := &loan{}
	defer func() { buffer.Put(l.body) }()
	return next.HandleInitialize(middleware.WithStackValue(ctx, loanKey{}, l), in)
}

// loanOf is the loan of a call; nil where there is none.
func loanOf(ctx context.Context) *loan {
	l, _ := middleware.GetStackValue(ctx, loanKey{}).(*loan)
	return l
}

// lease is an empty buffer for about size bytes, which is good until the call of ctx has returned; back takes what has become of it.
func lease(ctx context.Context, size int) (empty []byte, back func([]byte)) {
	l := loanOf(ctx)
	if l == nil || l.body != nil {
		return make([]byte, 0, size), func([]byte) {}
	}
	l.body = buffer.Get(size)
	return *l.body, func(b []byte) { *l.body = b }
}

// newBody writes a body of about size bytes.
func newBody(ctx context.Context, size int, write func([]byte) []byte) io.Reader {
	b, back := lease(ctx, size)
	b = write(b)
	back(b)
	return bytes.NewReader(b)
}

// newGather writes a body in parts, of which those that are no reference have about size bytes.
func newGather(ctx context.Context, size int, write func(*bodyWriter)) io.Reader {
	b, back := lease(ctx, size)
	w := &bodyWriter{small: b}
	write(w)
	g := w.body()
	back(w.small)
	return g
}
