package lane

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kinetail/kinetail/tailer/memory"
)

// What is in flight at a service that does not answer stays within the destination's share, however many requests it may have, and another
// destination goes on.
func TestRequestsInFlightHaveTheirRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bodies := memory.New(2 << 20)
		queues := memory.New(64 << 20)
		start := func(s *service) *bench {
			return newBench(t, s, func(o *options) {
				o.Memory, o.Bodies = queues.Share(), bodies.Share()
				o.MaxRequests, o.Limits.RequestBytes, o.Map = 64, 100_000, lanes(64)
			})
		}
		dead, alive := &service{delay: 20 * time.Second}, &service{}
		a, b := start(dead), start(alive)
		for range 200 { // each record is a request
			a.put([2]string{"", strings.Repeat("x", 99_000)})
		}
		synctest.Wait()
		dead.mu.Lock()
		flying := dead.flying
		dead.mu.Unlock()
		// Half of 2 MiB is guaranteed, to two; of the other half one may borrow half.
		if used := int64(flying * 132_000); flying < 5 || used > 1<<20 {
			t.Errorf("%d requests are in flight", flying)
		}
		for range 50 {
			b.put([2]string{"", strings.Repeat("y", 99_000)})
		}
		b.flush()
		b.settled(50)
		a.flush()
		a.settled(200)
		synctest.Wait() // it is given back after the acknowledgements
		if used := a.engine.e.o.Bodies.Used(); used != 0 {
			t.Errorf("%d bytes are still taken for bodies", used)
		}
		if dead.count() != 200 || alive.count() != 50 {
			t.Errorf("%d and %d records are stored", dead.count(), alive.count())
		}
	})
}

// A record larger than all the room goes nevertheless.
func TestARequestLargerThanTheRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{}
		b := newBench(t, s, func(o *options) { o.Bodies = memory.New(1000).Share() })
		b.put([2]string{"", strings.Repeat("x", 99_000)}, [2]string{"", "y"})
		b.flush()
		b.settled(1)
		if s.count() != 2 {
			t.Errorf("%d records are stored", s.count())
		}
	})
}

// An engine that ends while requests wait for room acknowledges none of them.
func TestCloseWhileRequestsWaitForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bodies := memory.New(1 << 20)
		other := bodies.Share()
		for other.TryAcquire(1) {
		}
		s := &service{}
		share := bodies.Share()
		for share.TryAcquire(1) {
		}
		b := newBench(t, s, func(o *options) { o.Bodies = share })
		b.put([2]string{"k", "x"})
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if s.count() != 0 {
			t.Error("it was sent without room")
		}
		if err := b.engine.Close(); err != nil {
			t.Fatal(err)
		}
		if b.ackedBatches() != 0 || s.count() != 0 {
			t.Errorf("%d batches are acknowledged, %d records stored", b.ackedBatches(), s.count())
		}
		if unknown := b.engine.counters.UnknownOutcomes.Load(); unknown != 0 {
			t.Errorf("%d outcomes are unknown, though nothing was sent", unknown)
		}
	})
}
