package command

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"

	"github.com/kinetail/kinetail/agent/status"
)

// besides is what the process may take besides memory_limit, in bytes, as far as Go's runtime sees it: the rest of the promised 32 MiB is for
// the pages of the program itself, about 20 MiB, and for what the runtime hands back late.
const besides = 6 << 20

// boundHeap has garbage collected before the heap outgrows memory_limit: by itself Go lets it grow to twice what is in use. A smaller bound that
// GOMEMLIMIT sets in the environment, such as a container's, is kept.
func boundHeap(memoryLimit int64) {
	debug.SetMemoryLimit(min(debug.SetMemoryLimit(-1), memoryLimit+besides))
	if os.Getenv("GOGC") == "" {
		runtime.SetFinalizer(&pace{last: time.Now(), percent: busyPercent}, (*pace).collected)
	}
}

// How much the heap grows between two collections, in percent of what is in use: Go's own measure where collections follow each other soon, and
// half of it where they would be a second or more apart. One takes 2 to 4 ms of the processor's time.
const (
	busyPercent  = 100
	quietPercent = 50
	busyBelow    = 250 * time.Millisecond
	quietAbove   = time.Second
)

// pace is collected with the garbage each time, and revived.
type pace struct {
	mu      sync.Mutex
	last    time.Time
	percent int
	owed    int // collections after a burst: pools let go of what they hold with the second
}

func (p *pace) collected() {
	p.mu.Lock()
	now := time.Now()
	since := now.Sub(p.last)
	p.last = now
	if since < busyBelow {
		p.owed = 2
	}
	if next := p.next(since); next != p.percent {
		p.percent = next
		debug.SetGCPercent(next)
	}
	if p.owed > 0 {
		time.AfterFunc(quietAbove, func() { p.after(now) })
	}
	p.mu.Unlock()
	runtime.SetFinalizer(p, (*pace).collected)
}

// after gives back what a burst took, if none was collected since. By itself that would stay until as much as that is allocated again, which
// takes ten seconds where little is.
func (p *pace) after(last time.Time) {
	p.mu.Lock()
	due := p.last.Equal(last) && p.owed > 0
	if due {
		p.owed--
	}
	left := p.owed
	p.mu.Unlock()
	switch {
	case due && left == 0:
		debug.FreeOSMemory()
	case due:
		runtime.GC()
	}
}

// next is the percentage after a collection that came so long after the one before.
func (p *pace) next(since time.Duration) int {
	switch {
	case since < busyBelow:
		return busyPercent
	case since > quietAbove:
		return quietPercent
	}
	return p.percent
}

// worthwhile is from how many bytes on memory is given back to the system: with 10,000 files the collection that it takes costs 20 ms.
const worthwhile = 2 << 20

// giveBack gives memory back that the heap does not need: surely, or only if it is worthwhile, by what was allocated since the last collection and what
// is free. That collection may have been in the middle of what is over now.
func giveBack(surely bool) {
	of := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/free:bytes"}}
	metrics.Read(of)
	if surely {
		runtime.GC() // what is pooled survives one collection
	}
	if surely || muchToGive(of[0].Value.Uint64(), of[1].Value.Uint64(), of[2].Value.Uint64()) {
		debug.FreeOSMemory()
	}
	if surely {
		forgetPages()
	}
}

// muchToGive says whether giving back is worthwhile: objects are what the heap holds, live what of it the last collection found in use, free what the
// system could have.
func muchToGive(objects, live, free uint64) bool { return objects+free >= live+worthwhile }

// sent is how many records all flows have sent.
func sent(s *status.Snapshot) (records int64) {
	for _, f := range s.Flows {
		for _, d := range f.Destinations {
			records += d.Counters["RecordsSent"]
		}
	}
	return records
}

// settled is how long after its start the process gives back what only that needed.
const settled = 2 * time.Second
