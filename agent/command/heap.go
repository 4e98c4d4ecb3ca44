package command

import (
	"runtime/debug"

	"github.com/kinetail/kinetail/agent/status"
)

// besides is what the process may take besides memory_limit, in bytes, as far as Go's runtime sees it: the rest of the promised 32 MiB is for
// the pages of the program itself, about 20 MiB, and for what the runtime hands back late.
const besides = 6 << 20

// boundHeap has garbage collected before the heap outgrows memory_limit: by itself Go lets it grow to twice what is in use. A smaller bound that
// GOMEMLIMIT sets in the environment, such as a container's, is kept.
func boundHeap(memoryLimit int64) {
	debug.SetMemoryLimit(min(debug.SetMemoryLimit(-1), memoryLimit+besides))
}

// sent is how many records all flows have sent.
func sent(s *status.Snapshot) (records int64) {
	for _, f := range s.Flows {
		for _, d := range f.Destinations {
			records += d.Counters["RecordsSent"]
		}
	}
	return records
}
