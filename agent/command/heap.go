package command

import (
	"runtime/debug"
	"runtime/metrics"

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

// worthwhile is from how many bytes on memory is given back to the system: with 10,000 files the collection that it takes costs 20 ms.
const worthwhile = 2 << 20

// giveBack gives memory back that the heap does not need: surely, or only if it is worthwhile, by what was allocated since the last collection and what
// is free. That collection may have been in the middle of what is over now.
func giveBack(surely bool) {
	of := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/free:bytes"}}
	metrics.Read(of)
	if objects, live, free := of[0].Value.Uint64(), of[1].Value.Uint64(), of[2].Value.Uint64(); objects+free >= live+worthwhile || surely {
		debug.FreeOSMemory()
	}
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
