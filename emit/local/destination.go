package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/kinetail/kinetail/emit"
	"github.com/kinetail/kinetail/emit/retry"
	"github.com/kinetail/kinetail/pipeline"
)

// Options are what both kinds need.
type Options struct {
	// Name is the emit block's name, or empty for its kind.
	Name string
	// Delimiter ends each record that does not end with it already. Empty means a newline.
	Delimiter string
	// DeadLetters keep refused records.
	DeadLetters *emit.DeadLetters
	// DryRun counts refused records and keeps none, and needs no DeadLetters.
	DryRun bool
	// Logger is told once when writing begins to fail and once when it goes on. Nil means slog.Default.
	Logger *slog.Logger
}

// sink is where the records end up.
type sink interface {
	// write puts out the records of g from the first on and returns how many of them are there for good. It remembers
	// how far it got inside the next one: the following call begins with that one. An error is worth another try unless it is
	// errBroken.
	write(ctx context.Context, g *group, first int) (n int, err error)
	// close gives up what is open and leaves no half record behind where that can be helped.
	close() error
}

// errBroken is in an error after which the sink will never take anything again.
var errBroken = errors.New("nothing more can be written")

// closeTimeout is how long Close waits for a write or fsync in progress, which nothing can cancel.
const closeTimeout = 2 * time.Second

// destination writes to a sink from one goroutine. It implements emit.Destination.
type destination struct {
	kind, name string
	delimiter  []byte
	letters    *emit.DeadLetters
	dryRun     bool
	log        *slog.Logger
	sink       sink
	queue      *queue
	counters   emit.Counters
	stop       context.CancelFunc
	last       chan struct{} // closed when no failed write is followed by another
	lastOnce   sync.Once
	done       chan struct{}
	closed     error // the sink's, set before done is closed

	mu      sync.Mutex // guards the rest
	circuit emit.Circuit
	lastErr string
	lastAt  time.Time
}

var _ emit.Destination = (*destination)(nil)

func start(kind string, s sink, o Options) *destination {
	d := &destination{
		kind: kind, name: o.Name, delimiter: []byte(o.Delimiter), letters: o.DeadLetters, dryRun: o.DryRun, log: o.Logger,
		sink: s, queue: newQueue(), last: make(chan struct{}), done: make(chan struct{}),
	}
	if d.name == "" {
		d.name = kind
	}
	if len(d.delimiter) == 0 {
		d.delimiter = []byte{'\n'}
	}
	if d.log == nil {
		d.log = slog.Default()
	}
	d.log = d.log.With("destination", d.name)
	var ctx context.Context
	ctx, d.stop = context.WithCancel(context.Background())
	go d.run(ctx)
	return d
}

// Put implements emit.Destination. It returns an error other than ctx's when standard output has lost its reader, or a refused
// record cannot be kept.
func (d *destination) Put(ctx context.Context, p *pipeline.Payloads) error {
	var letters []emit.DeadLetter
	for items := p.Items; len(items) > 0; {
		next, err := d.queue.add(ctx, items, d.delimiter, p.Batch.Ack)
		if err != nil {
			return err
		}
		if items = items[next:]; len(items) > 0 {
			letters = append(letters, emit.Letter(p.Batch, &items[0]))
			items = items[1:]
		}
	}
	return d.keep(ctx, letters)
}

// keep returns when refused records are in the dead letters. The caller holds the batch for so long.
func (d *destination) keep(ctx context.Context, letters []emit.DeadLetter) error {
	dropped := 0
	if len(letters) > 0 && !d.dryRun {
		if d.letters == nil {
			return fmt.Errorf("a record was refused (%s: %s) and there is nowhere to keep dead letters", letters[0].Reason, letters[0].Detail)
		}
		var err error
		if dropped, err = d.letters.Keep(ctx, letters...); err != nil {
			return err
		}
	}
	d.counters.RecordsDropped.Add(int64(dropped))
	d.counters.RecordsDeadLettered.Add(int64(len(letters) - dropped))
	return nil
}

// run is the one goroutine that writes.
func (d *destination) run(ctx context.Context) {
	defer close(d.done)
	spare := new(group)
	for {
		g, err := d.queue.take(ctx, spare)
		if err != nil || !d.writeAll(ctx, g) {
			break
		}
		g.reset()
		spare = g
	}
	d.closed = d.sink.close()
}

// writeAll tries until all of g is written; it says no when ctx has ended or the sink is broken.
func (d *destination) writeAll(ctx context.Context, g *group) bool {
	done, tries := 0, 0
	for done < g.len() {
		d.counters.Requests.Add(1)
		d.counters.RecordSendAttempts.Add(int64(g.len() - done))
		if tries > 0 {
			d.counters.RecordsRetried.Add(int64(g.len() - done))
		}
		n, err := d.sink.write(ctx, g, done)
		if err == nil {
			d.succeeded() // before anyone learns of it by an acknowledgement
		}
		d.counters.RecordsSent.Add(int64(n))
		d.counters.BytesSent.Add(d.queue.acknowledge(g, done, done+n))
		done += n
		if err == nil {
			tries = 0
			continue
		}
		if ctx.Err() != nil {
			return false
		}
		d.counters.RecordSendErrors.Add(int64(g.len() - done))
		d.counters.ServiceErrors.Add(1)
		d.failed(err)
		if errors.Is(err, errBroken) || d.isLast() && tries > 0 {
			d.queue.breakWith(err)
			return false
		}
		tries++
		timer := time.NewTimer(retry.Lane.Delay(tries))
		select {
		case <-timer.C:
		case <-d.last:
			timer.Stop()
		case <-ctx.Done():
			timer.Stop()
			return false
		}
	}
	return true
}

func (d *destination) isLast() bool {
	select {
	case <-d.last:
		return true
	default:
		return false
	}
}

// LastTry says that the flow ends soon. What has failed is tried once more, at once; if that fails too, Flush returns with its error.
func (d *destination) LastTry() { d.lastOnce.Do(func() { close(d.last) }) }

func (d *destination) failed(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	if !d.circuit.Open {
		d.log.Error("writing fails; the position is kept and it is tried again", "err", err)
		d.circuit = emit.Circuit{Open: true, Since: now}
	}
	d.circuit.Reason = err.Error()
	d.lastErr, d.lastAt = err.Error(), now
}

func (d *destination) succeeded() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.circuit.Open {
		d.log.Info("writing works again", "after", time.Since(d.circuit.Since))
		d.circuit = emit.Circuit{}
	}
}

// Flush implements emit.Destination.
func (d *destination) Flush(ctx context.Context) error { return d.queue.flush(ctx) }

// Close implements emit.Destination.
func (d *destination) Close() error {
	d.stop()
	timer := time.NewTimer(closeTimeout)
	defer timer.Stop()
	select {
	case <-d.done:
		return d.closed
	case <-timer.C:
		return fmt.Errorf("close %s: a write has not returned for %v", d.name, closeTimeout)
	}
}

// Status implements emit.Destination.
func (d *destination) Status() emit.Status {
	s := emit.Status{Kind: d.kind, Name: d.name, Counters: &d.counters, Waits: d.letters.Waits()}
	s.QueuedRecords, s.QueuedBytes = d.queue.backlog()
	d.mu.Lock()
	defer d.mu.Unlock()
	s.Circuit, s.LastError, s.LastErrorTime = d.circuit, d.lastErr, d.lastAt
	return s
}
