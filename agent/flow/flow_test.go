package flow

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"github.com/kinetail/kinetail/emit"
	"github.com/kinetail/kinetail/pipeline"
	"github.com/kinetail/kinetail/tailer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// listSource hands out one batch per line and remembers which were acknowledged.
type listSource struct {
	mu     sync.Mutex
	left   []string
	acked  []string
	closed bool
	fail   error // what Next says instead of io.EOF
}

func (s *listSource) Next(ctx context.Context) (*tailer.Batch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.left) == 0 {
		if s.fail != nil {
			return nil, s.fail
		}
		return nil, io.EOF
	}
	line := s.left[0]
	s.left = s.left[1:]
	if line == "panic" {
		panic("a bug")
	}
	return &tailer.Batch{
		Source:  &tailer.Source{Flow: "f", Path: "/log"},
		Data:    []byte(line),
		Records: []tailer.Record{{Len: uint32(len(line)), End: int64(len(line))}},
		Ack: tailer.NewAck(func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.acked = append(s.acked, line)
		}),
	}, ctx.Err()
}

func (s *listSource) Close() error { s.closed = true; return nil }

type plain struct{}

func (plain) Encode(b *tailer.Batch, out *pipeline.Payloads) {
	for i := range b.Records {
		out.Items = append(out.Items, pipeline.Payload{Data: b.Bytes(i), Record: i})
	}
}

// heldDestination takes records over and acknowledges them on Flush, or never.
type heldDestination struct {
	name   string
	got    []string
	held   []*tailer.Ack
	dead   bool
	refuse error
	closed bool
}

func (d *heldDestination) Put(_ context.Context, p *pipeline.Payloads) error {
	if d.refuse != nil {
		return d.refuse
	}
	for _, item := range p.Items {
		p.Batch.Ack.Hold(1)
		d.got = append(d.got, string(item.Data))
		d.held = append(d.held, p.Batch.Ack)
	}
	return nil
}

func (d *heldDestination) Flush(ctx context.Context) error {
	if d.dead {
		<-ctx.Done()
		return ctx.Err()
	}
	for _, a := range d.held {
		a.Done(1)
	}
	d.held = nil
	return nil
}

func (d *heldDestination) Close() error { d.closed = true; return nil }

func (d *heldDestination) Status() emit.Status {
	return emit.Status{Name: d.name, QueuedRecords: int64(len(d.held))}
}

func newFlow(s *listSource, ds ...*heldDestination) *Flow {
	f := &Flow{Name: "f", Sources: []Source{s}, Log: slog.New(slog.DiscardHandler)}
	for _, d := range ds {
		f.Outputs = append(f.Outputs, &Output{Encoder: plain{}, Destination: d})
	}
	return f
}

func TestABatchIsAcknowledgedWhenAllDestinationsHaveIt(t *testing.T) {
	s := &listSource{left: []string{"a", "b"}}
	one, two := &heldDestination{name: "one"}, &heldDestination{name: "two"}
	f := newFlow(s, one, two)
	if err := f.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if len(s.acked) != 0 {
		t.Errorf("acknowledged before any destination had it: %q", s.acked)
	}
	if err := one.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	if len(s.acked) != 0 {
		t.Errorf("acknowledged when one of two destinations had it: %q", s.acked)
	}
	if err := f.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(s.acked, " "); got != "a b" {
		t.Errorf("acknowledged %q, want both", got)
	}
	if !s.closed || !one.closed || !two.closed {
		t.Error("something was left open")
	}
}

func TestARefusedHandOverIsNeverAcknowledged(t *testing.T) {
	s := &listSource{left: []string{"a"}}
	one, two := &heldDestination{name: "one"}, &heldDestination{name: "two", refuse: errors.New("no room")}
	f := newFlow(s, one, two)
	if err := f.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "two: no room") {
		t.Fatalf("Run said %v", err)
	}
	if err := f.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	if len(s.acked) != 0 {
		t.Errorf("acknowledged though one destination never took it: %q", s.acked)
	}
}

func TestStopSaysWhatADeadDestinationHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &listSource{left: []string{"a", "b"}}
		f := newFlow(s, &heldDestination{name: "alive"}, &heldDestination{name: "dead", dead: true})
		if err := f.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 20e9)
		defer cancel()
		err := f.Stop(ctx)
		if err == nil || err.Error() != "dead: 2 records were not delivered in time, they are read again at the next start" {
			t.Errorf("Stop said %v", err)
		}
		if len(s.acked) != 0 {
			t.Errorf("acknowledged %q", s.acked)
		}
	})
}

func TestAPanicEndsTheFlowAndNotTheProcess(t *testing.T) {
	s := &listSource{left: []string{"a", "panic", "b"}}
	f := newFlow(s, &heldDestination{name: "one"})
	if err := f.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "internal error: a bug") {
		t.Fatalf("Run said %v", err)
	}
	if err := f.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(s.acked, " "); got != "a" {
		t.Errorf("acknowledged %q, want what came before the panic", got)
	}
}
