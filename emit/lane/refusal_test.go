package lane

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kinetail/kinetail/emit/retry"
	"github.com/kinetail/kinetail/pipeline"
)

// poison refuses each request with a record that contains word, as the service refuses one bad record: all of it.
func poison(word string) func(int, []Unit, []retry.Fault) (bool, error) {
	return func(_ int, units []Unit, _ []retry.Fault) (bool, error) {
		for i := range units {
			if has(&units[i], word) {
				return false, apiError(400, "ValidationException")
			}
		}
		return true, nil
	}
}

func TestPoisonRecord(t *testing.T) {
	for _, ordered := range []bool{false, true} {
		for _, how := range []struct {
			aggregate bool
			keys      int
		}{{false, 7}, {true, 7}, {false, 0}, {true, 0}} { // without keys they are in runs
			synctest.Test(t, func(t *testing.T) {
				s := &service{answer: poison("poison")}
				b := newBench(t, s, func(o *options) {
					o.Ordered = ordered
					if how.aggregate {
						o.Aggregator, o.AggregateSize = joiner{}, 100
					}
				})
				records := numbered(0, 300, how.keys)
				records[123][1] = "poison\xff"
				b.put(records...)
				b.flush()
				b.settled(1)
				if s.count() != 299 {
					t.Errorf("ordered %v, %+v: %d good records arrived of 299", ordered, how, s.count())
				}
				c := b.engine.Status().Counters
				if c.RecordsDeadLettered.Load() != 1 || c.RecordsSent.Load() != 299 {
					t.Errorf("counted %d dead letters, %d sent", c.RecordsDeadLettered.Load(), c.RecordsSent.Load())
				}
				line, err := os.ReadFile(b.letters.Path())
				if err != nil || bytes.Count(line, []byte("\n")) != 1 {
					t.Fatalf("dead letters %q: %v", line, err)
				}
				for _, want := range []string{`"record_base64":"cG9pc29u/w=="`, `"file":"/log"`, `"generation":"g"`, `"start":1230`, `"end":1240`, `"reason":"refused"`, "ValidationException"} {
					if !bytes.Contains(line, []byte(want)) {
						t.Errorf("the letter %s has no %s", line, want)
					}
				}
				_ = b.engine.Close()
			})
		}
	}
}

// TestNothingIsGivenUpWithoutProof: when the service takes nothing at all, a refusal says nothing about a record.
func TestNothingIsGivenUpWithoutProof(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{answer: func(int, []Unit, []retry.Fault) (bool, error) { return false, apiError(400, "ValidationException") }}
		b := newBench(t, s, nil)
		b.put(numbered(0, 100, 3)...)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		st := b.engine.Status()
		if !st.Circuit.Open || st.Counters.RecordsDeadLettered.Load() != 0 || b.ackedBatches() != 0 {
			t.Errorf("circuit %+v, %d dead letters, %d batches", st.Circuit, st.Counters.RecordsDeadLettered.Load(), b.ackedBatches())
		}
		s.change(poison("000050")) // mended, but for one
		time.Sleep(5 * time.Minute)
		b.flush()
		b.settled(1)
		st = b.engine.Status()
		if st.Circuit.Open || s.count() != 99 || st.Counters.RecordsDeadLettered.Load() != 1 {
			t.Errorf("after mending: circuit %+v, %d stored, %d dead letters", st.Circuit, s.count(), st.Counters.RecordsDeadLettered.Load())
		}
		_ = b.engine.Close()
	})
}

// What comes after a record that was refused when it was alone is the proof, and goes on.
func TestRecordsBehindARefusedOneAreTheProof(t *testing.T) {
	for _, aggregate := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := &service{answer: poison("poison")}
			b := newBench(t, s, func(o *options) {
				if aggregate {
					o.Aggregator, o.AggregateSize = joiner{}, 100
				}
			})
			b.put([2]string{"", "poison"})
			time.Sleep(time.Minute)
			b.put(numbered(0, 300, 0)...)
			time.Sleep(5 * time.Minute)
			synctest.Wait()
			b.settled(2)
			if n := b.engine.Status().Counters.RecordsDeadLettered.Load(); n != 1 || s.count() != 300 {
				t.Errorf("%d dead letters, %d of 300 records arrived", n, s.count())
			}
			_ = b.engine.Close()
		})
	}
}

// probing is a service that can be asked without a record.
type probing struct {
	*service
	probes int
}

func TestProbeIsProof(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &probing{service: &service{answer: poison("bad")}}
		b := newBench(t, p.service, func(o *options) { o.Sender = p })
		b.put([2]string{"a", "bad"})
		time.Sleep(time.Minute)
		b.flush()
		b.settled(1)
		if n := b.engine.Status().Counters.RecordsDeadLettered.Load(); n != 1 || p.probes != 1 {
			t.Errorf("%d dead letters, %d probes, want one of each", n, p.probes)
		}
		_ = b.engine.Close()
	})
}

// TestBodyLimit: a proxy that takes no more than some kilobytes makes requests smaller, and costs no record.
func TestBodyLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{answer: func(_ int, units []Unit, _ []retry.Fault) (bool, error) {
			n := 0
			for i := range units {
				n += len(units[i].Data)
			}
			if n > 2000 {
				return false, apiError(413, "")
			}
			return true, nil
		}}
		b := newBench(t, s, nil)
		b.put(numbered(0, 1000, 5)...)
		b.flush()
		b.settled(1)
		b.put([2]string{"k", strings.Repeat("x", 3000)}, [2]string{"l", "small"})
		time.Sleep(10 * time.Minute)
		st := b.engine.Status()
		if st.Counters.RecordsDeadLettered.Load() != 0 || !st.Circuit.Open || !strings.Contains(st.Circuit.Reason, "body limit") {
			t.Errorf("%d dead letters, circuit %+v", st.Counters.RecordsDeadLettered.Load(), st.Circuit)
		}
		if n := strings.Count(b.log.String(), "level=ERROR"); n > 2 {
			t.Errorf("%d errors logged in ten minutes:\n%s", n, b.log)
		}
		s.change(nil)
		b.flush()
		b.settled(2)
		_ = b.engine.Close()
	})
}

// A proxy's limit is learned: most requests are made small enough for it, and they grow again when it is gone.
func TestBodyLimitIsLearned(t *testing.T) {
	for _, joined := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex // two requests may be in flight
			refused, calls, largest := 0, 0, 0
			limited := true
			s := &service{delay: 10 * time.Millisecond}
			s.answer = func(_ int, units []Unit, _ []retry.Fault) (bool, error) {
				mu.Lock()
				defer mu.Unlock()
				n := 0
				for i := range units {
					n += len(units[i].Data)
				}
				calls++
				if limited && n > 700_000 {
					refused++
					return false, apiError(413, "")
				}
				largest = max(largest, n)
				return true, nil
			}
			b := newBench(t, s, func(o *options) {
				o.MaxRequests, o.Map, o.Ordered = 2, lanes(2), true
				if joined {
					o.Aggregator, o.AggregateSize = joiner{}, 50_000
				}
			})
			var records [][2]string
			for i := range 1000 {
				records = append(records, [2]string{fmt.Sprint("k", i), strings.Repeat("x", 5000)})
			}
			for range 25 {
				b.put(records...)
			}
			b.flush()
			if refused == 0 || refused*20 > calls {
				t.Errorf("joined %v: %d of %d requests were refused for their size", joined, refused, calls)
			}
			limited, largest = false, 0
			for range 30 {
				b.put(records...)
			}
			b.flush()
			b.settled(55)
			if largest < 800_000 {
				t.Errorf("joined %v: without the limit requests have %d bytes at most", joined, largest)
			}
			_ = b.engine.Close()
		})
	}
}

func TestTooManyRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{answer: poison("bad")}
		b := newBench(t, s, func(o *options) { o.MaxRefused, o.Flow = 3, "web" })
		var records [][2]string
		for i := range 10 {
			records = append(records, [2]string{"a", fmt.Sprintf("bad%d", i)}, [2]string{"b", fmt.Sprintf("good%d", i)})
		}
		b.put(records...)
		time.Sleep(20 * time.Second)
		st := b.engine.Status()
		if n := st.Counters.RecordsDeadLettered.Load(); n != 3 || !st.Circuit.Open || !strings.Contains(st.Circuit.Reason, "max_rate") {
			t.Errorf("%d dead letters, circuit %+v", n, st.Circuit)
		}
		time.Sleep(time.Hour)
		if st = b.engine.Status(); !st.Circuit.Open || st.Counters.RecordsDeadLettered.Load() != 3 || !strings.Contains(st.Circuit.Reason, "kinetail resume web") {
			t.Errorf("an hour later: %d dead letters, circuit %+v", st.Counters.RecordsDeadLettered.Load(), st.Circuit)
		}
		for range 3 { // of seven that are left
			if !b.engine.Resume() {
				t.Error("Resume says that nothing was to be resumed")
			}
			time.Sleep(time.Minute)
		}
		b.flush()
		b.settled(1)
		if n := b.engine.Status().Counters.RecordsDeadLettered.Load(); n != 10 || b.engine.Resume() {
			t.Errorf("%d dead letters after all was resumed", n)
		}
		_ = b.engine.Close()
	})
}

// What max_rate has stopped goes on by itself when the service takes the very record that it refused.
func TestTooManyRefusalsMended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{answer: poison("bad")}
		b := newBench(t, s, func(o *options) { o.MaxRefused = 3 })
		var records [][2]string
		for i := range 10 {
			records = append(records, [2]string{"a", fmt.Sprintf("bad%d", i)}, [2]string{"b", fmt.Sprintf("good%d", i)})
		}
		b.put(records...)
		time.Sleep(10 * time.Minute)
		s.change(nil)
		time.Sleep(time.Minute)
		b.flush()
		b.settled(1)
		if st := b.engine.Status(); st.Circuit.Open || s.count() != 17 {
			t.Errorf("circuit %+v, %d stored", st.Circuit, s.count())
		}
		_ = b.engine.Close()
	})
}

func TestUnsendableBecomesALetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{}
		b := newBench(t, s, func(o *options) { o.Limits.RecordBytes = 1000 })
		p := b.payloads([2]string{"a", "1"}, [2]string{"a", strings.Repeat("x", 1000)}, [2]string{strings.Repeat("k", 257), "2"},
			[2]string{strings.Repeat("é", 256), "3"}, [2]string{"a", "4"}, [2]string{"bad\xff", "5"})
		p.Items[4].Refusal = &pipeline.Refusal{Reason: "parse_error", Detail: "no JSON"}
		if err := b.engine.Put(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		p.Batch.Ack.Done(1)
		b.flush()
		b.settled(1)
		if s.count() != 3 {
			t.Errorf("%d records arrived, want 3", s.count())
		}
		for _, r := range s.stored() {
			if r.data == "5" && r.key != "bad\uFFFD" {
				t.Errorf("a key that is no UTF-8 was sent as %q", r.key)
			}
		}
		lines, _ := os.ReadFile(b.letters.Path())
		for _, want := range []string{`"reason":"too_large"`, `"reason":"key_too_long"`, `"reason":"parse_error","detail":"no JSON"`} {
			if !bytes.Contains(lines, []byte(want)) {
				t.Errorf("no %s in %s", want, lines)
			}
		}
		if n := b.engine.Status().Counters.RecordsDeadLettered.Load(); n != 3 {
			t.Errorf("%d dead letters counted", n)
		}
		_ = b.engine.Close()
	})
}
