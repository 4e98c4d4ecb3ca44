package lane

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestDelivers(t *testing.T) {
	for _, keys := range []int{0, 5} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, &service{delay: 30 * time.Millisecond}, nil)
			b.put(numbered(0, 1200, keys)...)
			b.flush()
			b.settled(1)
			seen := map[string]bool{}
			for _, r := range b.service.stored() {
				seen[r.data] = true
			}
			if len(seen) != 1200 || b.service.count() != 1200 {
				t.Errorf("%d different records of %d arrived, want 1200", len(seen), b.service.count())
			}
			for _, n := range b.service.sizes {
				if n > 500 {
					t.Errorf("a request of %d records", n)
				}
			}
			c := b.engine.Status().Counters
			if c.RecordsSent.Load() != 1200 || c.BytesSent.Load() != 7200 || c.RecordSendAttempts.Load() != 1200 {
				t.Errorf("counted %d sent, %d bytes, %d attempts", c.RecordsSent.Load(), c.BytesSent.Load(), c.RecordSendAttempts.Load())
			}
			_ = b.engine.Close()
		})
	}
}

func TestArenasAreShared(t *testing.T) {
	r := &request{size: 1 << 20}
	for range 100 { // small aggregates share
		b := r.room(1 << 10)
		*b = append(*b, make([]byte, 1<<10)...)
	}
	if n := len(r.arenas); n != 2 {
		t.Errorf("100 KiB of small aggregates are in %d buffers", n)
	}
	b := r.room(50 << 10)
	if *b = append(*b, make([]byte, 50<<10)...); len(*b) != 50<<10 || cap(*b) > 64<<10 {
		t.Errorf("an aggregate of 50 KiB is in a buffer of %d with %d bytes in it", cap(*b), len(*b))
	}
	r.giveBack()
	if len(r.arenas) != 0 {
		t.Errorf("%d buffers are kept", len(r.arenas))
	}
}
