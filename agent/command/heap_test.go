package command

import (
	"runtime/debug"
	"testing"
)

func TestTheHeapIsBound(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)

	debug.SetMemoryLimit(32 << 20)
	boundHeap(64 << 20)
	if got := debug.SetMemoryLimit(-1); got != 32<<20 {
		t.Errorf("the limit is %d, though a smaller one was set", got)
	}
	debug.SetMemoryLimit(1 << 30)
	boundHeap(64 << 20)
	if got := debug.SetMemoryLimit(-1); got <= 64<<20 || got >= 96<<20 {
		t.Errorf("the limit is %d bytes, which is not between memory_limit and 32 MiB more", got)
	}
}
