package agent

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/agent/flow"
	"github.com/kinetail/kinetail/agent/status"
	"github.com/kinetail/kinetail/emit"
	"github.com/kinetail/kinetail/pipeline"
	"github.com/kinetail/kinetail/tailer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script is a source that hands out a batch for each acknowledgement it is asked for, then does as told.
type script struct {
	batches int
	end     error // nil: wait for the context
	acked   *[]int
	mu      *sync.Mutex
}

func (s *script) Next(ctx context.Context) (*tailer.Batch, error) {
	if s.batches > 0 {
		s.batches--
		n := s.batches
		return &tailer.Batch{
			Source: &tailer.Source{}, Data: []byte("x"), Records: []tailer.Record{{Len: 1, End: 1}},
			Ack: tailer.NewAck(func() {
				s.mu.Lock()
				defer s.mu.Unlock()
				*s.acked = append(*s.acked, n)
			}),
		}, nil
	}
	if s.end != nil {
		return nil, s.end
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

func (s *script) Close() error { return nil }

type oneByOne struct{}

func (oneByOne) Encode(b *tailer.Batch, out *pipeline.Payloads) {
	for i := range b.Records {
		out.Items = append(out.Items, pipeline.Payload{Data: b.Bytes(i), Record: i})
	}
}

// slow acknowledges in Flush after a while, or when the context ends not at all.
type slow struct {
	after    time.Duration
	held     []*tailer.Ack
	counters emit.Counters
}

func (d *slow) Put(_ context.Context, p *pipeline.Payloads) error {
	p.Batch.Ack.Hold(len(p.Items))
	d.held = append(d.held, p.Batch.Ack)
	d.counters.RecordsSent.Add(int64(len(p.Items)))
	return nil
}

func (d *slow) Flush(ctx context.Context) error {
	select {
	case <-time.After(d.after):
	case <-ctx.Done():
		return ctx.Err()
	}
	for _, a := range d.held {
		a.Done(1)
	}
	return nil
}

func (d *slow) Close() error        { return nil }
func (d *slow) Status() emit.Status { return emit.Status{Name: "slow", Counters: &d.counters} }

// bench builds supervised flows of scripts.
type bench struct {
	mu    sync.Mutex
	acked []int
	built int
}

func (b *bench) supervised(after time.Duration, ends ...error) *supervised {
	return &supervised{
		cfg: &config.Flow{Name: "f"}, shutdown: 20 * time.Second, log: slog.New(slog.DiscardHandler),
		build: func(context.Context) (*flow.Flow, error) {
			end := ends[min(b.built, len(ends)-1)]
			b.built++
			return &flow.Flow{
				Name: "f", Log: slog.New(slog.DiscardHandler),
				Sources: []flow.Source{&script{batches: 2, end: end, acked: &b.acked, mu: &b.mu}},
				Outputs: []*flow.Output{{Encoder: oneByOne{}, Destination: &slow{after: after}}},
			}, nil
		},
	}
}

func TestStoppingDeliversWhatWasRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{}
		s := b.supervised(19*time.Second, nil)
		s.start(t.Context())
		synctest.Wait()
		s.stop()
		if err := s.wait(); err != nil {
			t.Fatal(err)
		}
		if len(b.acked) != 2 {
			t.Errorf("%d batches acknowledged, want 2", len(b.acked))
		}
		if got := s.total(true); got.State != status.StateStopped || got.Destinations[0].Counters["RecordsSent"] != 2 {
			t.Errorf("afterwards: %+v", got)
		}
	})
}

func TestStoppingGivesUpAfterTheTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{}
		s := b.supervised(time.Hour, nil)
		s.start(t.Context())
		synctest.Wait()
		began := time.Now()
		s.stop()
		if err := s.wait(); err == nil {
			t.Errorf("got %v, want that something is left", err)
		}
		if took := time.Since(began); took != 20*time.Second {
			t.Errorf("took %v, want the shutdown timeout", took)
		}
		if len(b.acked) != 0 {
			t.Errorf("%d batches acknowledged that nobody has", len(b.acked))
		}
	})
}

func TestReadToTheEndHasAllTheTimeToDeliver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{}
		s := b.supervised(time.Hour, io.EOF)
		s.start(t.Context())
		if err := s.wait(); err != nil || len(b.acked) != 2 {
			t.Errorf("%v, %d acknowledged", err, len(b.acked))
		}
	})
}

func TestAFailedFlowIsStartedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{}
		broken := errors.New("broken")
		s := b.supervised(0, broken, broken, nil)
		s.start(t.Context())
		synctest.Wait()
		if got := s.total(true); got.State != status.StateFailed || got.Error != "broken" {
			t.Errorf("after the first failure: %+v", got)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := s.total(true); got.State != status.StateRunning || got.Error != "" || b.built != 3 {
			t.Errorf("after two restarts: built %d, %+v", b.built, got)
		}
		if got := s.total(true).Destinations[0].Counters["RecordsSent"]; got != 6 {
			t.Errorf("RecordsSent is %d after three starts with two records each, want 6", got)
		}
		s.stop()
		if err := s.wait(); err != nil {
			t.Error(err)
		}
	})
}

// refusing takes records over and delivers none, until it is told that its last try has come.
type refusing struct {
	slow
	last chan struct{}
}

func (d *refusing) LastTry() { close(d.last) }

func (d *refusing) Flush(ctx context.Context) error {
	select {
	case <-d.last:
		return errors.New("tried once more")
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *refusing) Status() emit.Status {
	return emit.Status{Name: "kinesis", QueuedRecords: 2, LastError: "AccessDeniedException: no"}
}

func TestStoppingDoesNotWaitForWhatTakesNothing(t *testing.T) {
	for name, end := range map[string]error{"while it follows": nil, "when everything is read": io.EOF} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &refusing{last: make(chan struct{})}
				b := &bench{}
				s := b.supervised(0, end)
				build := s.build
				s.build = func(ctx context.Context) (*flow.Flow, error) {
					f, err := build(ctx)
					f.Outputs[0].Destination = d
					return f, err
				}
				s.start(t.Context())
				time.Sleep(time.Hour) // --once goes on trying all the same
				began := time.Now()
				s.stop()
				err := s.wait()
				if err == nil || err.Error() != "kinesis: 2 records were not delivered, they are read again at the next start. The last error: AccessDeniedException: no" {
					t.Errorf("said %v", err)
				}
				if took := time.Since(began); took > time.Second {
					t.Errorf("took %v although nothing can be delivered", took)
				}
			})
		})
	}
}

// What reads to the end (--once) ends also if it cannot; what follows files goes on trying.
func TestAFlowOfOnceIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{}
		s := b.supervised(0, errors.New("broken"))
		s.starts = onceStarts
		s.start(t.Context())
		if err := s.wait(); err == nil || err.Error() != "broken" || b.built != onceStarts {
			t.Errorf("after %d starts: %v", b.built, err)
		}
		if got := s.total(true); got.State != status.StateFailed {
			t.Errorf("afterwards it is %s", got.State)
		}
	})
}

// That positions cannot be written is said by the store, and is no failure of the flow.
func TestAFailedCommitIsNoFailureOfTheFlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{}
		s := b.supervised(0, io.EOF)
		build := s.build
		s.build = func(ctx context.Context) (*flow.Flow, error) {
			f, err := build(ctx)
			f.Commit = func(context.Context) error { return errors.New("no space left on device") }
			return f, err
		}
		s.start(t.Context())
		if err := s.wait(); err != nil || b.built != 1 || len(b.acked) != 2 {
			t.Errorf("%v, built %d times, %d acknowledged", err, b.built, len(b.acked))
		}
	})
}
