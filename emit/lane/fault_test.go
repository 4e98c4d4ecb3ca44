package lane

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kinetail/kinetail/emit/retry"
	"github.com/kinetail/kinetail/tailer/memory"
)

var throttled = retry.Record("ProvisionedThroughputExceededException", "slow down")

// has says whether a unit holds the data.
func has(u *Unit, data string) bool { return bytes.Contains(u.Data, []byte(data)) }

func TestOnlyFailedRecordsAreSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{answer: func(n int, units []Unit, v []retry.Fault) (bool, error) {
			for i := range units {
				if n == 0 && i%10 == 0 {
					v[i] = throttled
				}
			}
			return true, nil
		}}
		b := newBench(t, s, nil)
		b.put(numbered(0, 100, 0)...)
		b.flush()
		b.settled(1)
		c := b.engine.Status().Counters
		if s.count() != 100 || c.RecordSendAttempts.Load() != 110 || c.RecordsRetried.Load() != 10 || c.RecordsThrottled.Load() != 10 ||
			c.RecordSendErrors.Load() != 10 || c.UnknownOutcomes.Load() != 0 {
			t.Errorf("%d stored, %d attempts, %d retried, %d throttled, %d errors, %d unknown", s.count(), c.RecordSendAttempts.Load(),
				c.RecordsRetried.Load(), c.RecordsThrottled.Load(), c.RecordSendErrors.Load(), c.UnknownOutcomes.Load())
		}
		_ = b.engine.Close()
	})
}

func TestReorderedIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{answer: func(n int, units []Unit, v []retry.Fault) (bool, error) {
			if n == 0 {
				v[1] = throttled // key a: overtaken by the fourth; key b has no later record
				v[2] = throttled
			}
			return true, nil
		}}
		b := newBench(t, s, func(o *options) { o.Map = lanes(1) })
		b.put([2]string{"a", "1"}, [2]string{"a", "2"}, [2]string{"b", "1"}, [2]string{"a", "3"})
		b.flush()
		if n := b.engine.Status().Counters.RecordsReordered.Load(); n != 1 {
			t.Errorf("%d records counted as reordered, want 1", n)
		}
		_ = b.engine.Close()
	})
}

func TestOneRecordOfAKeyInARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{delay: 30 * time.Millisecond}
		s.answer = func(_ int, units []Unit, _ []retry.Fault) (bool, error) {
			seen := map[string]bool{}
			for i := range units {
				if k := string(units[i].Key); seen[k] {
					t.Errorf("key %s twice in a request", k)
				} else {
					seen[k] = true
				}
			}
			return true, nil
		}
		b := newBench(t, s, func(o *options) { o.Ordered = true })
		b.put(numbered(0, 200, 10)...)
		b.flush()
		b.settled(1)
		last := map[string]string{}
		for _, r := range s.stored() {
			if r.data < last[r.key] {
				t.Errorf("%v came after %s", r, last[r.key])
			}
			last[r.key] = r.data
		}
		_ = b.engine.Close()
	})
}

func TestBatching(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{}
		b := newBench(t, s, nil)
		b.put(numbered(0, 3, 0)...)
		time.Sleep(600 * time.Millisecond)
		b.put(numbered(3, 3, 0)...)
		time.Sleep(399 * time.Millisecond)
		synctest.Wait()
		if s.count() != 0 {
			t.Errorf("%d records were sent before max_wait", s.count())
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		if s.count() != 6 || len(s.sizes) != 1 {
			t.Errorf("%d records in %d requests when the oldest had waited max_wait, want 6 in one", s.count(), len(s.sizes))
		}
		b.put(numbered(6, 500, 0)...)
		synctest.Wait()
		if s.count() != 506 {
			t.Errorf("a full request waits: %d records", s.count())
		}
		big := strings.Repeat("x", 400<<10)
		b.put([2]string{"", big}, [2]string{"", big}, [2]string{"", big})
		synctest.Wait()
		if got := s.sizes[len(s.sizes)-1]; got != 2 {
			t.Errorf("a request of %d records of 400 KiB under a limit of 1 MiB, want 2", got)
		}
		b.flush()
		b.settled(4)
		_ = b.engine.Close()
	})
}

func TestUnknownOutcomes(t *testing.T) {
	for _, lost := range []error{errReset, apiError(500, "InternalFailure"), fmt.Errorf("%w: 3 for 4", retry.ErrAnswer)} {
		synctest.Test(t, func(t *testing.T) {
			s := &service{answer: func(n int, _ []Unit, _ []retry.Fault) (bool, error) {
				if n == 0 {
					return true, lost
				}
				return true, nil
			}}
			b := newBench(t, s, nil)
			b.put(numbered(0, 40, 4)...)
			b.flush()
			b.settled(1)
			if u := b.engine.Status().Counters.UnknownOutcomes.Load(); s.count() != 80 || u != 40 {
				t.Errorf("%v: %d stored of 40, %d unknown outcomes", lost, s.count(), u)
			}
			_ = b.engine.Close()
		})
	}
}

func TestNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{delay: time.Hour}
		b := newBench(t, s, func(o *options) { o.Timeout = 30 * time.Second })
		b.put(numbered(0, 5, 0)...)
		time.Sleep(32 * time.Second)
		synctest.Wait()
		if st := b.engine.Status(); st.Counters.UnknownOutcomes.Load() != 5 || !strings.Contains(st.LastError, "timeout") {
			t.Errorf("after the time-out: %d unknown, last error %q", st.Counters.UnknownOutcomes.Load(), st.LastError)
		}
		_ = b.engine.Close()
		if b.ackedBatches() != 0 || b.share.Used() != 0 {
			t.Errorf("after Close: %d batches acknowledged, %d bytes held", b.ackedBatches(), b.share.Used())
		}
	})
}

// TestNoHammer counts the calls of a minute to a service that never answers well.
func TestNoHammer(t *testing.T) {
	for name, answer := range map[string]func(int, []Unit, []retry.Fault) (bool, error){
		"500":      func(int, []Unit, []retry.Fault) (bool, error) { return false, apiError(500, "InternalFailure") },
		"no route": func(int, []Unit, []retry.Fault) (bool, error) { return false, errReset },
		"throttle": func(int, []Unit, []retry.Fault) (bool, error) { return false, apiError(400, "LimitExceededException") },
		"expired":  func(int, []Unit, []retry.Fault) (bool, error) { return false, apiError(400, "ExpiredTokenException") },
		"denied":   func(int, []Unit, []retry.Fault) (bool, error) { return false, apiError(400, "AccessDeniedException") },
		"each lane": func(_ int, units []Unit, v []retry.Fault) (bool, error) {
			for i := range units {
				v[i] = throttled
			}
			return true, nil
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &service{answer: answer}
			var invalidated atomic.Int32
			b := newBench(t, s, func(o *options) { o.Invalidate = func() { invalidated.Add(1) } })
			b.put(numbered(0, 2000, 40)...)
			time.Sleep(time.Minute)
			synctest.Wait()
			most, calls := 40, len(s.requests())
			if name == "each lane" {
				most = 8 * 40 // lanes back off each for itself
			}
			if calls > most || calls < 2 {
				t.Errorf("%s: %d calls in a minute", name, calls)
			}
			if name == "expired" && int(invalidated.Load()) != calls {
				t.Errorf("credentials were invalidated %d times in %d calls", invalidated.Load(), calls)
			}
			s.change(nil)
			time.Sleep(time.Minute)
			b.flush()
			b.settled(1)
			_ = b.engine.Close()
		})
	}
}

func (p *probing) Probe(context.Context) error { p.probes++; return nil }

// Units that grow under a backlog become multiples of what is billed.
func TestUnitsAreMultiplesOfWhatIsBilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{delay: 100 * time.Millisecond}
		bytes, blocks := 0, 0
		s.answer = func(_ int, units []Unit, _ []retry.Fault) (bool, error) {
			for i := range units {
				bytes += len(units[i].Data)
				blocks += (len(units[i].Data) + 999) / 1000
			}
			return true, nil
		}
		b := newBench(t, s, func(o *options) {
			o.Map, o.Ordered, o.Aggregator, o.AggregateSize, o.Billed, o.Limits.RecordBytes = lanes(1), true, joiner{}, 2000, 1000, 50_000
		})
		for i := range 200 { // 2,700 bytes in the time of a request
			b.put(labelled(strings.Repeat("x", 50), 24, 10)...)
			time.Sleep(time.Duration(40+i%30) * time.Millisecond)
		}
		b.flush()
		b.settled(200)
		if ideal := (bytes + 999) / 1000; blocks > ideal*107/100 {
			t.Errorf("%d blocks are billed for %d bytes", blocks, bytes)
		} else {
			t.Logf("%d blocks are billed for %d bytes", blocks, bytes)
		}
		_ = b.engine.Close()
	})
}

// Lanes with a backlog share a request, and one alone has all of it.
func TestLanesShareRequests(t *testing.T) {
	for _, n := range []int{1, 3, 8} {
		synctest.Test(t, func(t *testing.T) {
			largest := 0
			s := &service{delay: time.Second}
			s.answer = func(call int, units []Unit, _ []retry.Fault) (bool, error) {
				for i := range units {
					if call == 0 {
						largest = max(largest, len(units[i].Data))
					}
				}
				return true, nil
			}
			b := newBench(t, s, func(o *options) {
				o.Map, o.Ordered, o.Aggregator, o.AggregateSize, o.Limits.RequestBytes = lanes(n), true, joiner{}, 1000, 60_000
			})
			b.put(labelled(strings.Repeat("x", 200), 8000, 400)...)
			b.flush()
			b.settled(1)
			if most := min(n, 4); s.requests()[0] != most || largest > 60_000/most || largest < 50_000/most {
				t.Errorf("%d lanes: the first request has %d units, the largest unit %d bytes", n, s.requests()[0], largest)
			}
			_ = b.engine.Close()
		})
	}
}

// TestWidth: while requests fail as a whole there are fewer of them, down to one, and more again, one by one, when they do not.
func TestWidth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		short := true
		s := &service{delay: 20 * time.Millisecond}
		s.answer = func(int, []Unit, []retry.Fault) (bool, error) {
			if short {
				return false, apiError(400, "ServiceUnavailableException")
			}
			return true, nil
		}
		b := newBench(t, s, func(o *options) { o.MaxRequests, o.Limits.Records, o.Map = 16, 10, lanes(32) })
		width := func() float64 {
			b.engine.e.mu.Lock()
			defer b.engine.e.mu.Unlock()
			return b.engine.e.width
		}
		b.put(numbered(0, 20000, 0)...)
		time.Sleep(10 * time.Second)
		if w := width(); w != 1 {
			t.Errorf("%v requests may be in flight at a service that takes none", w)
		}
		short = false
		s.mu.Lock()
		s.most = 0
		s.mu.Unlock()
		time.Sleep(32 * time.Second) // until it is tried again
		b.flush()
		b.settled(1)
		if w := width(); w < 15 || s.most < 10 {
			t.Errorf("%v requests may be in flight after 2,000 that were taken, %d were", w, s.most)
		}
		_ = b.engine.Close()
	})
}

func TestCircuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var calls []time.Duration
		s := &service{}
		s.answer = func(_ int, units []Unit, _ []retry.Fault) (bool, error) {
			calls = append(calls, time.Since(start))
			if len(calls) > 1 && len(units) != 1 {
				t.Errorf("a probe of %d records", len(units))
			}
			return false, apiError(400, "ResourceNotFoundException")
		}
		b := newBench(t, s, nil)
		b.put(numbered(0, 500, 3)...)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		for i := 1; i < len(calls); i++ {
			if d := calls[i] - calls[i-1]; d < 24*time.Second || d > 36*time.Second {
				t.Errorf("probe %d came after %v", i, d)
			}
		}
		if len(calls) < 8 {
			t.Errorf("%d probes in five minutes", len(calls))
		}
		if st := b.engine.Status(); !st.Circuit.Open || !strings.Contains(st.Circuit.Reason, "ResourceNotFound") || st.Circuit.Since.Sub(start) > time.Second {
			t.Errorf("circuit %+v", st.Circuit)
		}
		if n := strings.Count(b.log.String(), "\n"); n != 1 {
			t.Errorf("%d lines logged, want one:\n%s", n, b.log)
		}
		s.change(nil)
		b.flush()
		b.settled(1)
		if st := b.engine.Status(); st.Circuit.Open {
			t.Error("the circuit stays open")
		}
		_ = b.engine.Close()
	})
}

func TestMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		budget := memory.New(1 << 20)
		share := budget.Share()
		s := &service{answer: func(int, []Unit, []retry.Fault) (bool, error) { return false, errReset }}
		b := newBench(t, s, func(o *options) { o.Memory = share })
		var records [][2]string
		for i := range 40000 { // 4 MB
			records = append(records, [2]string{fmt.Sprint("k", i%50), strings.Repeat("x", 100)})
		}
		p := b.payloads(records...)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := b.engine.Put(ctx, p); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Put of more than the memory to a dead destination: %v", err)
		}
		if share.Used() > 1<<20 {
			t.Errorf("%d bytes are held", share.Used())
		}
		s.change(nil)
		b.flush()
		if share.Used() != 0 || b.ackedBatches() != 0 {
			t.Errorf("%d bytes held, %d batches acknowledged: Put has failed, the flow keeps its hold", share.Used(), b.ackedBatches())
		}
		n := s.count()
		b.put(records...) // in pieces
		b.flush()
		b.settled(1)
		if s.count() != n+40000 {
			t.Errorf("%d records arrived of 40000", s.count()-n)
		}
		_ = b.engine.Close()
	})
}

// Memory that was waited for while there was a backlog is given back when it turns out that less does.
func TestMemoryThatIsNotUsedIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		share := memory.New(1 << 20).Share()
		s := &service{answer: func(int, []Unit, []retry.Fault) (bool, error) { return false, errReset }}
		b := newBench(t, s, func(o *options) { o.Memory, o.Aggregator, o.AggregateSize = share, joiner{}, 50_000 })
		record := [2]string{"", strings.Repeat("x", 16_000)}
		b.put(record, record, record) // a chunk that has no room for a fourth
		others := int64(0)
		for share.TryAcquire(1000) {
			others += 1000
		}
		done := make(chan struct{})
		go func() { b.put(record); close(done) }()
		synctest.Wait()
		if n := b.engine.Status().QueuedRecords; n != 3 {
			t.Fatalf("there was memory: %d records are queued", n)
		}
		s.change(nil)
		<-done
		b.flush()
		if n := b.ackedBatches(); n != 2 {
			t.Errorf("%d batches are acknowledged", n)
		}
		if n := share.Used() - others; n != 0 {
			t.Errorf("%d bytes are held for nothing", n)
		}
		_ = b.engine.Close()
	})
}

func TestCloseWakesPutAndFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{delay: time.Hour}
		share := memory.New(256 << 10).Share()
		b := newBench(t, s, func(o *options) { o.Memory = share })
		var records [][2]string
		for i := range 5000 {
			records = append(records, [2]string{fmt.Sprint("k", i), strings.Repeat("x", 100)})
		}
		errs := make(chan error, 2)
		go func() { errs <- b.engine.Put(context.Background(), b.payloads(records...)) }()
		synctest.Wait()
		go func() { errs <- b.engine.Flush(context.Background()) }()
		synctest.Wait()
		begin := time.Now()
		_ = b.engine.Close()
		for range 2 {
			if err := <-errs; !errors.Is(err, ErrClosed) {
				t.Errorf("after Close: %v", err)
			}
		}
		if d := time.Since(begin); d > time.Second {
			t.Errorf("Close took %v", d)
		}
		if share.Used() != 0 || b.ackedBatches() != 0 {
			t.Errorf("%d bytes held, %d batches acknowledged", share.Used(), b.ackedBatches())
		}
		if err := b.engine.Put(t.Context(), b.payloads(records[0])); !errors.Is(err, ErrClosed) {
			t.Errorf("Put after Close: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.engine.Flush(ctx); err != nil && !errors.Is(err, ErrClosed) {
			t.Errorf("Flush after Close: %v", err)
		}
		_ = b.engine.Close()
	})
}

// TestThrottledLaneHoldsNobody: one shard refuses everything; records without a key and those of other lanes go on.
func TestThrottledLaneHoldsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{delay: 10 * time.Millisecond}
		s.answer = func(_ int, units []Unit, v []retry.Fault) (bool, error) {
			for i := range units {
				if units[i].Lane == 3 {
					v[i] = throttled
				}
			}
			return true, nil
		}
		b := newBench(t, s, nil)
		for n := range 10 {
			b.put(numbered(1000*n, 1000, 0)...)
			time.Sleep(200 * time.Millisecond)
		}
		b.flush()
		b.settled(10)
		if n := b.engine.Status().Counters.RecordsThrottled.Load(); n > 1500 {
			t.Errorf("%d of 10000 records were throttled: the lane is not avoided", n)
		}
		_ = b.engine.Close()
	})
}
