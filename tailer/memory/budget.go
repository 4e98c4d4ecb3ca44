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

// Budget is a number of bytes shared by flows. Half of it is guaranteed, in even parts, and half is lent. A flow may borrow
// as long as it has borrowed no more than is still free, so one borrower gets half of the pool at most, two a third each: a
// flow whose destination is dead leaves room for the others without anyone taking anything back. Safe for concurrent use.
type Budget struct {
	mu      sync.Mutex
	limit   int64
	pool    int64 // size of the lent half
	lent    int64 // sum of what the shares borrowed
	shares  map[*Share]struct{}
	waiters int
	wake    chan struct{} // closed and replaced when bytes come back and somebody waits
}

// Share is one flow's part of a Budget.
type Share struct {
	b    *Budget
	used int64
}

// New makes a budget of limit bytes.
func New(limit int64) *Budget {
	return &Budget{limit: limit, pool: limit / 2, shares: map[*Share]struct{}{}, wake: make(chan struct{})}
}

// Share adds a flow. The guarantees of the others become smaller; what they hold beyond theirs counts as borrowed from then on.
func (b *Budget) Share() *Share {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := &Share{b: b}
	b.shares[s] = struct{}{}
	b.recount()
	return s
}

// Guarantee is what each of n flows is guaranteed under limit, in bytes.
func Guarantee(limit int64, n int) int64 {
	return (limit - limit/2) / int64(max(n, 1))
}

// recount needs mu.
func (b *Budget) recount() {
	b.lent = 0
	for s := range b.shares {
		b.lent += s.borrowed()
	}
	b.wakeUp()
}

// wakeUp needs mu.
func (b *Budget) wakeUp() {
	if b.waiters > 0 {
		close(b.wake)
		b.wake = make(chan struct{})
	}
}

// Acquire takes n bytes, waiting until they are free or ctx ends. It returns ErrTooLarge when n is more than the guarantee and
// half the pool together.
func (s *Share) Acquire(ctx context.Context, n int64) error {
	b := s.b
	b.mu.Lock()
	defer b.mu.Unlock()
	for !s.take(n) {
		if n > s.guaranteed()+b.pool/2 { // Most
			return fmt.Errorf("%d bytes: %w", n, ErrTooLarge)
		}
		wake := b.wake
		b.waiters++
		b.mu.Unlock()
		var err error
		select {
		case <-wake:
		case <-ctx.Done():
			err = ctx.Err()
		}
		b.mu.Lock()
		b.waiters--
		if err != nil {
			return err
		}
	}
	return nil
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

// Most is the largest number of bytes that Acquire can ever take at once, as long as no share is added.
func (s *Share) Most() int64 {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	return s.guaranteed() + s.b.pool/2
}

// guaranteed needs b.mu.
func (s *Share) guaranteed() int64 { return Guarantee(s.b.limit, len(s.b.shares)) }

// borrowed needs b.mu.
func (s *Share) borrowed() int64 { return max(0, s.used-s.guaranteed()) }

// Release gives n bytes back.
func (s *Share) Release(n int64) {
	b := s.b
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, open := b.shares[s]; !open {
		return
	}
	before := s.borrowed()
	s.used -= n
	if s.used < 0 {
		panic("memory: more released than acquired")
	}
	b.lent -= before - s.borrowed()
	b.wakeUp()
}

// Used is what the share holds now, in bytes.
func (s *Share) Used() int64 {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	return s.used
}

// Close gives the share back to the budget, with whatever it still holds.
func (s *Share) Close() {
	b := s.b
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.shares, s)
	s.used = 0
	b.recount()
}
