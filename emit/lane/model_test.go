package lane

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/kinetail/kinetail/emit/retry"
	"github.com/kinetail/kinetail/tailer"
)

// TestModel lets a service that fails in every way it can at random take random batches, and checks what a destination promises.
func TestModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// Only the TB: asking for the deadline is not allowed in a bubble.
		rapid.Check(struct{ rapid.TB }{t}, func(rt *rapid.T) { model(t, rt) })
	})
}

func model(t *testing.T, rt *rapid.T) {
	var (
		ordered   = rapid.Bool().Draw(rt, "ordered")
		aggregate = rapid.SampledFrom([]string{"none", "mixed", "one key"}).Draw(rt, "aggregate")
		lanesN    = rapid.IntRange(1, 12).Draw(rt, "lanes")
		keys      = rapid.IntRange(1, 20).Draw(rt, "keys")
		batches   = rapid.IntRange(1, 12).Draw(rt, "batches")
		requests  = rapid.IntRange(1, 5).Draw(rt, "requests")
		limit     = rapid.SampledFrom([]int{3, 20, 500}).Draw(rt, "records per request")
		trouble   = rapid.IntRange(0, 60).Draw(rt, "calls with faults")
		flows     = rapid.IntRange(1, 3).Draw(rt, "flows")
		remaps    = rapid.Bool().Draw(rt, "remaps")
		loose     = rapid.SampledFrom([]int{1, 2, 10}).Draw(rt, "one in so many has no key")
		plain     = rapid.Bool().Draw(rt, "aggregation ends")
		rng       = rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		mu        sync.Mutex
	)
	random := func(n int) int { mu.Lock(); defer mu.Unlock(); return rng.IntN(n) }
	s := &service{delay: 10 * time.Millisecond}
	s.answer = func(n int, units []Unit, verdicts []retry.Fault) (bool, error) {
		time.Sleep(time.Duration(random(30)) * time.Millisecond)
		if n >= trouble {
			return true, nil
		}
		some := func() {
			for i := range units {
				switch random(6) {
				case 0:
					verdicts[i] = retry.Record("ProvisionedThroughputExceededException", "slow down")
				case 1:
					verdicts[i] = retry.Record("InternalFailure", "sorry")
				}
			}
		}
		switch random(9) {
		case 0:
			return false, apiError(500, "InternalFailure")
		case 1: // stored, in parts perhaps, and the answer is lost
			some()
			return true, errReset
		case 2:
			return false, apiError(400, "ThrottlingException")
		case 3:
			return true, fmt.Errorf("%w: 3 for 4", retry.ErrAnswer)
		case 4:
			return false, apiError(400, "ExpiredTokenException")
		case 5:
			some()
		case 6: // refused as data, but never a record alone: that would be a dead letter
			if len(units) > 1 || units[0].N > 1 {
				return false, apiError(400, "ValidationException")
			}
		}
		return true, nil
	}
	b := newBench(t, s, func(o *options) {
		o.Map, o.Ordered, o.MaxRequests, o.Limits.Records = lanes(lanesN), ordered, requests, limit
		if aggregate != "none" {
			o.Aggregator, o.AggregateSize, o.OneKey = joiner{}, 60, aggregate == "one key"
		}
	})
	ports := []*Port{b.engine}
	for len(ports) < flows {
		ports = append(ports, join(t, b.engine.e, PortOptions{Memory: b.share, DeadLetters: b.letters}))
	}
	defer b.engine.e.Close()

	number, early := 0, ""
	for range batches {
		var records [][2]string
		flow := random(flows)
		for range 1 + random(80) {
			key := fmt.Sprintf("k%d", random(keys))
			if random(loose) == 0 {
				key = ""
			}
			records = append(records, [2]string{key, fmt.Sprintf("%s/%d:%06d", key, flow, number)})
			number++
		}
		p := b.payloads(records...)
		p.Batch.Ack = tailer.NewAck(func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.acked++
			have := map[string]bool{}
			for _, r := range s.stored() {
				have[r.data] = true
			}
			for _, r := range records {
				if !have[r[1]] {
					early = r[1]
				}
			}
		})
		if err := ports[flow].Put(t.Context(), p); err != nil {
			rt.Fatal(err)
		}
		p.Batch.Ack.Done(1)
		time.Sleep(time.Duration(random(400)) * time.Millisecond)
		if remaps && random(3) == 0 {
			b.engine.e.Remap(lanes(1 + random(12)))
		}
		if plain && random(5) == 0 {
			b.engine.e.Plain()
		}
	}
	for _, p := range ports {
		if err := p.Flush(t.Context()); err != nil {
			rt.Fatal(err)
		}
	}
	synctest.Wait()

	if early != "" {
		rt.Fatalf("%s was acknowledged before the service had it", early)
	}
	if b.ackedBatches() != batches {
		rt.Fatalf("%d of %d batches are acknowledged", b.ackedBatches(), batches)
	}
	if used := b.share.Used(); used != 0 {
		rt.Fatalf("%d bytes are still held", used)
	}
	count := map[string]int{}
	last := map[string]string{}
	for _, r := range s.stored() {
		key, _, _ := strings.Cut(r.data, ":")
		if count[r.data]++; count[r.data] == 1 && key[0] != '/' && ordered {
			if r.data < last[key] {
				rt.Fatalf("%s came after %s", r.data, last[key])
			}
			last[key] = r.data
		}
	}
	if len(count) != number {
		rt.Fatalf("%d records arrived of %d", len(count), number)
	}
	var unknown, sent, reordered int64
	for _, p := range ports {
		st := p.Status()
		unknown, sent, reordered = unknown+st.Counters.UnknownOutcomes.Load(), sent+st.Counters.RecordsSent.Load(), reordered+st.Counters.RecordsReordered.Load()
		if st.QueuedRecords != 0 || st.QueuedBytes != 0 {
			rt.Fatalf("%d records are still queued, %d bytes", st.QueuedRecords, st.QueuedBytes)
		}
	}
	if repeats := int64(s.count() - number); repeats > unknown {
		rt.Fatalf("%d repeats, but only %d unknown outcomes", repeats, unknown)
	}
	if sent != int64(number) {
		rt.Fatalf("%d records counted as sent, want %d", sent, number)
	}
	if ordered && reordered != 0 {
		rt.Fatalf("%d records counted as reordered", reordered)
	}
}
