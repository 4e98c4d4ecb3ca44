package command

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestTheHeapIsBound(t *testing.T) {
	t.Setenv("GOGC", "100") // collections are not paced
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

// Memory is given back when there is some.
func TestMemoryIsGivenBack(t *testing.T) {
	forced := func() uint32 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.NumForcedGC
	}
	keep := make([][]byte, 8)
	for i := range keep {
		keep[i] = make([]byte, worthwhile)
	}
	runtime.KeepAlive(keep)
	was := forced()
	giveBack(false)
	if forced() == was {
		t.Error("nothing was given back of a heap with garbage")
	}
	for _, c := range []struct {
		objects, live, free uint64
		want                bool
	}{
		{20 << 20, 20 << 20, 0, false},
		{20 << 20, 19 << 20, 0, false},
		{20 << 20, 18 << 20, 0, true},
		{20 << 20, 20 << 20, 2 << 20, true},
		{18 << 20, 20 << 20, 0, false}, // sweeping has found more garbage since
	} {
		if got := muchToGive(c.objects, c.live, c.free); got != c.want {
			t.Errorf("of %d bytes, %d in use and %d free: %v", c.objects, c.live, c.free, got)
		}
	}
	was = forced()
	giveBack(true)
	if forced() == was {
		t.Error("nothing was given back after a burst")
	}
}

func TestCollectionsArePaced(t *testing.T) {
	p := &pace{percent: busyPercent}
	for _, step := range []struct {
		since time.Duration
		want  int
	}{
		{500 * time.Millisecond, busyPercent},
		{2 * time.Second, quietPercent},
		{500 * time.Millisecond, quietPercent},
		{100 * time.Millisecond, busyPercent},
	} {
		if p.percent = p.next(step.since); p.percent != step.want {
			t.Errorf("%d %% after %v, not %d %%", p.percent, step.since, step.want)
		}
	}
	// It is called after each collection, and sets what it says.
	before := debug.SetGCPercent(busyPercent)
	defer debug.SetGCPercent(before)
	p.last, p.percent = time.Now().Add(-time.Hour), busyPercent
	p.collected()
	if got := debug.SetGCPercent(busyPercent); got != quietPercent {
		t.Errorf("%d %% is set", got)
	}
	runtime.SetFinalizer(p, nil)
}

// What a burst took is collected soon after it, twice, and not again.
func TestABurstIsCollected(t *testing.T) {
	forced := func() uint32 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.NumForcedGC
	}
	p := &pace{last: time.Now(), percent: busyPercent, owed: 2}
	was := forced()
	for range 3 {
		p.after(p.last)
	}
	if n := forced() - was; n < 2 || p.owed != 0 { // more if another test's agent asks for one meanwhile
		t.Errorf("%d collections, and %d are owed", n, p.owed)
	}
	p.owed = 2
	p.after(p.last.Add(-time.Second)) // there was one since
	if p.owed != 2 {
		t.Error("a collection that came in between does not count")
	}
}
