package command

import "runtime/debug"

// besides is what the process may take besides memory_limit, in bytes, as far as Go's runtime sees it: the rest of the promised 32 MiB is for
// the pages of the program itself, about 20 MiB, and for what the runtime hands back late.
const besides = 6 << 20

// boundHeap has garbage collected before the heap outgrows memory_limit: by itself Go lets it grow to twice what is in use. A smaller bound that
// GOMEMLIMIT sets in the environment, such as a container's, is kept.
func boundHeap(memoryLimit int64) {
	debug.SetMemoryLimit(min(debug.SetMemoryLimit(-1), memoryLimit+besides))
}
