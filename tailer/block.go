package tailer

import (
	"math/bits"
	"sync"
)

// Blocks come in powers of two from 4 KiB to 1 GiB, so that a small file takes a small block.
const (
	minBlockShift = 12
	maxBlockShift = 30
)

// blocks pools read blocks for the whole process: an idle follower holds none.
var blocks [maxBlockShift - minBlockShift + 1]sync.Pool

// blockSize is the size of the block that holds n bytes.
func blockSize(n int) int {
	shift := min(max(bits.Len(uint(max(n, 1)-1)), minBlockShift), maxBlockShift)
	return 1 << shift
}

func getBlock(size int) *[]byte {
	i := bits.Len(uint(size-1)) - minBlockShift
	if b, ok := blocks[i].Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, size)
	return &b
}

func putBlock(b *[]byte) {
	blocks[bits.Len(uint(len(*b)-1))-minBlockShift].Put(b)
}
