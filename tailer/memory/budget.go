// Package memory divides memory_limit among flows: each has a guaranteed share, and the rest is lent. It counts bytes and never
// allocates them.
package memory

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// ErrTooLarge is returned for a request that could never be met, however long one waits.
var ErrTooLarge = errors.New("larger than the flow's share of memory_limit")

// Budget is a number of bytes shared by flows. Half of it is divided evenly as guaranteed shares, and half is lent. A flow
// may borrow as long as it has borrowed no more than is still free, so one borrower gets half of the pool at most, two a third
// each: a flow whose destination is dead leaves room for the others without anyone taking anything back. Safe for concurrent use.
type Budget struct {
	mu     sync.Mutex
	limit  int64
	pool   int64 // size of the lent half
	lent   int64
	shares map[*Share]struct{}
	wake   chan struct{} // closed and replaced when bytes come back
}

// Share is one flow's part of a Budget.
type Share struct {
	b          *Budget
	guaranteed int64
	used       int64
}

// New makes a budget of limit bytes.
func New(limit int64) *Budget {
	return &Budget{limit: limit, pool: limit / 2, shares: map[*Share]struct{}{}, wake: make(chan struct{})}
}

// Share adds a flow with a guarantee of bytes, which the caller computes (see Guarantee) and which must fit together
// with those of the others.
func (b *Budget) Share(guaranteed int64) (*Share, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	sum := guaranteed
	for s := range b.shares {
		sum += s.guaranteed
	}
	if sum > b.limit-b.pool {
		return nil, fmt.Errorf("memory_limit of %d bytes is too small: the flows need %d bytes guaranteed and may have half of it", b.limit, sum)
	}
	s := &Share{b: b, guaranteed: guaranteed}
	b.shares[s] = struct{}{}
	return s, nil
}

// Guarantee is the guaranteed share of each of n flows under limit, in bytes.
func Guarantee(limit int64, n int) int64 {
	if n < 1 {
		n = 1
	}
	return (limit - limit/2) / int64(n)
}

// Acquire takes n bytes, waiting until they are free or ctx ends. It returns ErrTooLarge when n is more than the guarantee and
// half the pool together.
func (s *Share) Acquire(ctx context.Context, n int64) error {
	for {
		s.b.mu.Lock()
		if n > s.guaranteed+s.b.pool/2 {
			s.b.mu.Unlock()
			return fmt.Errorf("%d bytes: %w", n, ErrTooLarge)
		}
		if s.take(n) {
			s.b.mu.Unlock()
			return nil
		}
		wake := s.b.wake
		s.b.mu.Unlock()
		select {
		case <-wake:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// TryAcquire takes n bytes if they are free now.
func (s *Share) TryAcquire(n int64) bool {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	return s.take(n)
}

// take needs b.mu.
func (s *Share) take(n int64) bool {
	before := s.borrowed()
	s.used += n
	more := s.borrowed() - before
	if more > 0 && s.borrowed() > s.b.pool-s.b.lent-more {
		s.used -= n
		return false
	}
	s.b.lent += more
	return true
}

// borrowed needs b.mu.
func (s *Share) borrowed() int64 { return max(0, s.used-s.guaranteed) }

// Release gives n bytes back.
func (s *Share) Release(n int64) {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	before := s.borrowed()
	s.used -= n
	if s.used < 0 {
		panic("memory: more released than acquired")
	}
	s.b.lent -= before - s.borrowed()
	close(s.b.wake)
	s.b.wake = make(chan struct{})
}

// Used is what the share holds now, in bytes.
func (s *Share) Used() int64 {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	return s.used
}

// Close gives the share back to the budget, with whatever it still holds.
func (s *Share) Close() {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	if _, ok := s.b.shares[s]; !ok {
		return
	}
	s.b.lent -= s.borrowed()
	s.used = 0
	delete(s.b.shares, s)
	close(s.b.wake)
	s.b.wake = make(chan struct{})
}
