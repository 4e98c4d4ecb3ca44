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

// MaxWait is meant from the writing of a line, and a flow's files are looked at now and then.
func TestWaitsCountFromTheWriting(t *testing.T) {
	for _, c := range []struct{ age, want time.Duration }{
		{0, 100 * time.Millisecond},
		{20 * time.Millisecond, 80 * time.Millisecond},
		{time.Hour, 50 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, &service{}, func(o *options) { o.MaxWait, o.Age = 100*time.Millisecond, c.age })
			b.put([2]string{"k", "one"})
			time.Sleep(c.want - time.Millisecond)
			synctest.Wait()
			if n := b.service.count(); n != 0 {
				t.Errorf("of age %v: sent before %v", c.age, c.want)
			}
			time.Sleep(2 * time.Millisecond)
			synctest.Wait()
			b.settled(1)
			if sum, _ := b.engine.counters.DeliveryLatency.Read(); sum != c.want.Milliseconds() {
				t.Errorf("of age %v: the latency is %d ms", c.age, sum)
			}
			_ = b.engine.Close()
		})
	}
}
