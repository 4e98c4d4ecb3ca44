package lane

import "encoding/base64"

// unitOverhead is what stands around a unit in a body, in bytes, at most.
const unitOverhead = 128

// need is how much a request takes while it is sent, in bytes, beside what its records hold anyway: aggregates, and the body, for which the
// services want base64.
func (e *Engine) need(r *request) int64 {
	n := int64(base64.StdEncoding.EncodedLen(r.size)) + int64(len(r.units)+1)*unitOverhead
	if e.o.Aggregator != nil {
		n += int64(r.size)
	}
	return n
}

// enter waits until there is room for a request and returns how much it has taken, or false when the engine ends. What is larger than there
// ever is room for goes when there is as much as possible.
func (e *Engine) enter(r *request) (int64, bool) {
	if e.o.Bodies == nil {
		return 0, true
	}
	n := min(e.need(r), e.o.Bodies.Most())
	return n, e.o.Bodies.Acquire(e.ctx, n) == nil
}

// exit gives back what enter has taken.
func (e *Engine) exit(n int64) {
	if n > 0 {
		e.o.Bodies.Release(n)
	}
}
