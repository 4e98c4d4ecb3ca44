package wire

import (
	"context"

	"github.com/aws/smithy-go/middleware"

	"github.com/kinetail/kinetail/emit/buffer"
)

// loan holds the body of one call until the call has returned. The SDK never closes a body that it is given, and only then is it sure
// that nobody reads it any more: net/http reads it behind a lock, and the SDK takes it away as soon as the transport has returned.
type loan struct{ body *[]byte }

type loanKey struct{}

// lend adds to each call a loan, which ends with the call.
func lend(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("KinetailBody",
		func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			l := &loan{}
			defer func() { buffer.Put(l.body) }()
			return next.HandleInitialize(middleware.WithStackValue(ctx, loanKey{}, l), in)
		}), middleware.Before)
}

// lease is an empty buffer for about size bytes, which is good until the call of ctx has returned; back takes what has become of it.
func lease(ctx context.Context, size int) (empty []byte, back func([]byte)) {
	l, _ := middleware.GetStackValue(ctx, loanKey{}).(*loan)
	if l == nil || l.body != nil {
		return make([]byte, 0, size), func([]byte) {}
	}
	l.body = buffer.Get(size)
	return *l.body, func(b []byte) { *l.body = b }
}
