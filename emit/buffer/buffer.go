package buffer

import (
	"math/bits"
	"sync"
)

// Sizes go from 16 KiB to 2 MiB in quarters of a power of two, so that no buffer is a quarter larger than what was asked for: what is in
// flight is charged to memory_limit by what was asked for. A request of 1 MiB has 1.4 MiB in base64. What is larger is not used again.
const (
	minShift = 14
	maxShift = 21
	quarters = 4
)

// A sync.Pool, for the garbage collector empties it when nothing is in flight any more.
var pools [(maxShift-minShift)*quarters + 1]sync.Pool

// size is how large the buffers of a pool are at least.
func size(pool int) int {
	octave := 1 << (minShift + pool/quarters)
	return octave + octave/quarters*(pool%quarters)
}

// poolFor is the first pool whose buffers hold n bytes, which may be beyond the last.
func poolFor(n int) int {
	if n <= 1<<minShift {
		return 0
	}
	shift := bits.Len(uint(n)) - 1
	step := 1 << shift / quarters
	return (shift-minShift)*quarters + (n-1<<shift+step-1)/step
}

// Get lends an empty buffer with room for n bytes. Put gives it back, when nobody uses what is in it any more.
func Get(n int) *[]byte {
	i := poolFor(n)
	if i >= len(pools) {
		b := make([]byte, 0, n)
		return &b
	}
	if b, ok := pools[i].Get().(*[]byte); ok {
		*b = (*b)[:0]
		return b
	}
	b := make([]byte, 0, size(i))
	return &b
}

// Put takes a buffer back, which may have grown. Nil is none.
func Put(b *[]byte) {
	if b == nil {
		return
	}
	i := poolFor(cap(*b))
	if i < len(pools) && cap(*b) < size(i) || i == len(pools) {
		i-- // it is between two sizes
	}
	if i >= 0 && i < len(pools) && cap(*b) >= size(i) {
		pools[i].Put(b)
	}
}
