package lane

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kinetail/kinetail/emit"
	"github.com/kinetail/kinetail/emit/retry"
	"github.com/kinetail/kinetail/tailer/memory"
)

// flow is one of several that share an engine.
func (b *bench) flow(name string, change func(*PortOptions)) *bench {
	b.t.Helper()
	f := &bench{t: b.t, service: b.service, log: b.log, share: memory.New(16 << 20).Share()}
	o := PortOptions{Flow: name, Memory: f.share, DeadLetters: emit.NewDeadLetters(emit.DeadLetterOptions{StateDir: b.t.TempDir(), Flow: name, Destination: "d"})}
	if change != nil {
		change(&o)
	}
	f.letters, f.share = o.DeadLetters, o.Memory
	f.engine = join(b.t, b.engine.e, o)
	return f
}

func labelled(label string, n, keys int) [][2]string {
	records := numbered(0, n, keys)
	for i := range records {
		records[i][1] = label + records[i][1]
	}
	return records
}

// Flows that compete fill a request in even parts, and who has less leaves the rest to the others.
func TestFlowsShareRequests(t *testing.T) {
	for _, keys := range []int{0, 300} {
		for _, joined := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				s := &service{delay: 10 * time.Millisecond}
				var parts []string
				s.answer = func(_ int, units []Unit, _ []retry.Fault) (bool, error) {
					n := map[string]int{}
					for i := range units {
						for r := units[i].First; r != nil; r = r.next {
							n[string(r.Data()[:1])]++
						}
					}
					parts = append(parts, fmt.Sprint(n["a"], " ", n["b"], " ", n["c"]))
					return true, nil
				}
				a := newBench(t, s, func(o *options) {
					o.Map, o.MaxRequests, o.Limits.Records = lanes(1), 1, 100
					if joined {
						o.Aggregator, o.AggregateSize, o.Limits.Records = joiner{}, 700, 1
					}
				})
				b, c := a.flow("b", nil), a.flow("c", nil)
				s.delay = time.Second
				a.put([2]string{"k0", "a first"})
				a.put(labelled("a", 99, keys)...) // the service is busy with these
				time.Sleep(1100 * time.Millisecond)
				a.put(labelled("a", 400, keys)...)
				b.put(labelled("b", 400, keys)...)
				c.put(labelled("c", 10, keys)...)
				for _, f := range []*bench{a, b, c} {
					f.flush()
				}
				a.settled(3)
				b.settled(1)
				c.settled(1)
				var first [3]int
				for _, p := range parts {
					if n := [3]int{}; strings.HasSuffix(p, " 10") {
						_, _ = fmt.Sscan(p, &n[0], &n[1], &n[2])
						first = n
					}
				}
				if joined { // an aggregate is one flow's as long as that fills it, and the next one another's
					first = [3]int{}
					for _, p := range parts[1:7] {
						n := [3]int{}
						_, _ = fmt.Sscan(p, &n[0], &n[1], &n[2])
						first = [3]int{first[0] + n[0], first[1] + n[1], first[2] + n[2]}
					}
				}
				if first[2] != 10 || first[0] < 20 || first[1] < 20 || max(first[0], first[1]) > 2*min(first[0], first[1]) {
					t.Errorf("keys %d, joined %v: the request with the few of c has %v of a, b and c; all: %q", keys, joined, first, parts)
				}
				if s.count() != 910 {
					t.Errorf("%d records are stored of 910", s.count())
				}
				for _, f := range []*bench{a, b, c} {
					_ = f.engine.Close()
				}
			})
		}
	}
}

// Order is kept in each flow: a key that two flows have is sent of both at once.
func TestOneKeyOfTwoFlows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{delay: 30 * time.Millisecond}
		a := newBench(t, s, func(o *options) { o.Ordered, o.MaxWait = true, time.Millisecond })
		b := a.flow("b", nil)
		defer a.engine.e.Close()
		for _, f := range []*bench{a, b} {
			f.put(numbered(0, 50, 1)...)
		}
		start := time.Now()
		a.flush()
		b.flush()
		if d := time.Since(start); d > 52*30*time.Millisecond {
			t.Errorf("fifty records of one key of each of two flows took %v, those of one take 1.5 s", d)
		}
	})
}

// A flow with a backlog in every lane holds up no other for longer than a request takes.
func TestABacklogHoldsUpNobody(t *testing.T) {
	for _, ordered := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := &service{delay: 100 * time.Millisecond}
			a := newBench(t, s, func(o *options) {
				o.Map, o.Ordered, o.MaxRequests, o.MaxWait = lanes(2), ordered, 2, 10*time.Millisecond
			})
			b := a.flow("b", nil)
			defer a.engine.e.Close()
			a.put(numbered(0, 20000, 5000)...)
			time.Sleep(time.Second)
			for range 5 {
				start := time.Now()
				b.put([2]string{"k1", "b1"}, [2]string{"k2", "b2"})
				b.flush()
				if d := time.Since(start); d > 400*time.Millisecond {
					t.Errorf("ordered %v: two records took %v beside a backlog", ordered, d)
				}
			}
			if a.engine.Status().QueuedRecords == 0 {
				t.Error("there was no backlog any more")
			}
		})
	}
}

// What the service refuses of one flow stops that flow: here records too large for a proxy, and more poison than max_rate allows.
func TestOnesTroubleIsNotTheOthers(t *testing.T) {
	for name, answer := range map[string]func(int, []Unit, []retry.Fault) (bool, error){
		"max_rate": poison("bad"),
		"body limit": func(_ int, units []Unit, _ []retry.Fault) (bool, error) {
			for i := range units {
				if has(&units[i], "bad") {
					return false, apiError(413, "")
				}
			}
			return true, nil
		},
	} {
		for _, joined := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				s := &service{answer: answer, delay: 10 * time.Millisecond}
				a := newBench(t, s, func(o *options) {
					o.MaxRefused, o.Flow, o.Ordered = 5, "a", true
					if joined {
						o.Aggregator, o.AggregateSize = joiner{}, 500
					}
				})
				b := a.flow("b", nil)
				defer a.engine.e.Close()
				a.put(labelled("bad", 300, 30)...)
				start := time.Now()
				for i := range 300 {
					b.put(labelled(fmt.Sprint("b", i, "-"), 10, 30)...)
					time.Sleep(100 * time.Millisecond)
				}
				b.flush()
				if d := time.Since(start); d > 33*time.Second {
					t.Errorf("%s, joined %v: the other flow took %v for thirty seconds of records", name, joined, d)
				}
				b.settled(300)
				sa, sb := a.engine.Status(), b.engine.Status()
				if !sa.Circuit.Open || sb.Circuit.Open || a.ackedBatches() != 0 || sb.Counters.RecordsDeadLettered.Load() != 0 {
					t.Errorf("%s: circuits %+v, %+v, %d batches of the refused flow acknowledged", name, sa.Circuit, sb.Circuit, a.ackedBatches())
				}
				if n := sa.Counters.Requests.Load(); n > 200 {
					t.Errorf("%s, joined %v: 300 refused records took %d requests in half a minute", name, joined, n)
				}
			})
		}
	}
}

// Dead letters that find no room stop their flow, and are not lost when there is room again.
func TestFullDeadLettersStopTheirFlowOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{answer: poison("bad")}
		a := newBench(t, s, func(o *options) {
			o.Flow = "a"
			o.DeadLetters = emit.NewDeadLetters(emit.DeadLetterOptions{StateDir: t.TempDir(), Flow: "a", Destination: "d", MaxSize: 1})
		})
		a.letters = a.engine.o.DeadLetters
		b := a.flow("b", nil)
		defer a.engine.e.Close()
		a.put([2]string{"k1", "bad1"}, [2]string{"k2", "good"})
		a.flush()
		a.put([2]string{"k1", "bad2"})
		for i := range 20 {
			b.put([2]string{"k1", fmt.Sprint("b", i)})
			time.Sleep(time.Second)
		}
		b.flush()
		b.settled(20)
		if st := a.engine.Status(); !st.Circuit.Open || !strings.Contains(st.Circuit.Reason, "max_size") || a.ackedBatches() != 1 {
			t.Errorf("circuit %+v, %d batches", st.Circuit, a.ackedBatches())
		}
		if err := os.Remove(a.letters.Path()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		a.flush()
		a.settled(2)
		text, err := os.ReadFile(a.letters.Path())
		if err != nil || !bytes.Contains(text, []byte("bad2")) || a.engine.Status().Circuit.Open {
			t.Errorf("letters %q, %v, circuit %+v", text, err, a.engine.Status().Circuit)
		}
	})
}

// A flow that leaves waits for nobody, takes nothing of the others along, and gives its memory back.
func TestLeaving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{delay: time.Minute}
		ended := 0
		a := newBench(t, s, func(o *options) {
			o.Aggregator, o.AggregateSize, o.MaxWait, o.Timeout, o.OnClose = joiner{}, 500, time.Millisecond, time.Hour, func() { ended++ }
		})
		b := a.flow("b", nil)
		a.put(labelled("a", 50, 5)...)
		b.put(labelled("b", 50, 5)...)
		time.Sleep(time.Second) // all is in flight, in aggregates of both
		b.put(labelled("later", 50, 5)...)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.engine.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("flush: %v", err)
		}
		start := time.Now()
		_ = b.engine.Close()
		if d := time.Since(start); d > 0 {
			t.Errorf("leaving took %v", d)
		}
		if used := b.share.Used(); used != 0 && b.engine.Status().QueuedRecords != 0 {
			t.Errorf("%d bytes are held", used)
		}
		if err := b.engine.Put(t.Context(), b.payloads([2]string{"k", "x"})); !errors.Is(err, ErrClosed) {
			t.Errorf("Put after Close: %v", err)
		}
		a.flush()
		a.settled(1)
		if b.ackedBatches() != 1 || b.share.Used() != 0 {
			t.Errorf("%d batches of the flow that left are acknowledged, want the one in flight; %d bytes are held", b.ackedBatches(), b.share.Used())
		}
		for _, r := range s.stored() {
			if strings.HasPrefix(r.data, "later") {
				t.Errorf("%s was sent after its flow had left", r.data)
			}
		}
		again := a.flow("b", nil)
		again.put(labelled("again", 5, 5)...)
		again.flush()
		again.settled(1)
		_ = a.engine.Close()
		if ended != 0 {
			t.Error("the engine has ended with a flow in it")
		}
		_ = again.engine.Close()
		if ended != 1 || !a.engine.e.Closed() {
			t.Errorf("the engine has ended %d times", ended)
		}
		if _, err := a.engine.e.Join(PortOptions{}); !errors.Is(err, ErrClosed) {
			t.Errorf("joining what has ended: %v", err)
		}
	})
}

// What fails when a flow has left is not sent again.
func TestLeavingInTheMiddleOfTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{delay: time.Second, answer: func(int, []Unit, []retry.Fault) (bool, error) { return false, errReset }}
		a := newBench(t, s, func(o *options) { o.Aggregator, o.AggregateSize, o.MaxWait = joiner{}, 500, time.Millisecond })
		b := a.flow("b", nil)
		defer a.engine.e.Close()
		a.put(labelled("a", 50, 5)...)
		b.put(labelled("b", 50, 5)...)
		time.Sleep(500 * time.Millisecond)
		_ = b.engine.Close()
		s.change(nil)
		time.Sleep(5 * time.Minute)
		a.settled(1)
		for _, r := range s.stored() {
			if r.data[0] == 'b' {
				t.Fatalf("%s was sent after its flow had left", r.data)
			}
		}
		if b.ackedBatches() != 0 || b.share.Used() != 0 {
			t.Errorf("%d batches of the flow that left are acknowledged, %d bytes held", b.ackedBatches(), b.share.Used())
		}
	})
}
