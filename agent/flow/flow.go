package flow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"sync"

	"golang.org/x/time/rate"

	"github.com/kinetail/kinetail/emit"
	"github.com/kinetail/kinetail/pipeline"
	"github.com/kinetail/kinetail/tailer"
)

// Source is where batches come from: a follower of files, or a pipe.
type Source interface {
	// Next blocks until there is a batch; io.EOF when there will be none any more.
	Next(ctx context.Context) (*tailer.Batch, error)
	// Close gives descriptors and goroutines back. Acknowledgements may still come afterwards.
	Close() error
}

// Encoder turns a batch into the payloads of one destination. The payloads are used up before the next call.
type Encoder interface {
	Encode(b *tailer.Batch, out *pipeline.Payloads)
}

// Steps turn a batch into the payloads of all outputs: out[i] is for the i-th. The payloads are used up before the next call.
type Steps interface {
	Process(b *tailer.Batch, out []*pipeline.Payloads)
	Counts() pipeline.Counts
}

// Output is one emit block: how records are encoded, and where they go.
type Output struct {
	// Encoder is used by the flow's Steps, where it has any.
	Encoder     Encoder
	Destination emit.Destination
	payloads    pipeline.Payloads
}

// Flow moves batches from its sources to its outputs.
type Flow struct {
	Name    string
	Sources []Source
	Outputs []*Output
	// Steps is nil where the lines are sent as they are: then no record is built.
	Steps Steps
	// Tap, if set, is shown each batch of a flow without steps; those of the others can be observed in their steps.
	Tap func(*tailer.Batch)
	Log *slog.Logger
	// Pace bounds the bytes that are taken from the sources in a second; nil: there is no bound.
	Pace *rate.Limiter
	// Commit makes the acknowledged positions durable.
	Commit func(ctx context.Context) error
	// Close gives back what belongs to the flow as a whole, when everything else is closed. It may be nil.
	Close func()

	mu       sync.Mutex // one batch at a time goes to the outputs
	payloads []*pipeline.Payloads

	counting sync.Mutex      // guards what follows
	steps    pipeline.Counts // what Steps counted
	encoders pipeline.EncoderCounts
	// truncated are records cut at max_record_size.
	truncated int64
}

// Run moves batches until ctx ends or all sources have ended (io.EOF), in which case it returns nil. What was taken over by a
// destination is still being sent when it returns: Stop waits for that.
func (f *Flow) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make(chan error, len(f.Sources))
	for _, s := range f.Sources {
		go func() {
			err := f.move(ctx, s)
			if err != nil {
				cancel() // one source that cannot go on stops the flow: it is started again as a whole
			}
			errs <- err
		}()
	}
	var first error
	for range f.Sources {
		if err := <-errs; err != nil && (first == nil || errors.Is(first, context.Canceled)) {
			first = err
		}
	}
	return first
}

// move takes the batches of one source.
func (f *Flow) move(ctx context.Context, s Source) (err error) {
	defer func() {
		if r := recover(); r != nil {
			f.Log.Error("the flow failed on an internal error; it starts again where it had delivered", "panic", r, "stack", string(debug.Stack()))
			err = fmt.Errorf("internal error: %v", r)
		}
	}()
	for {
		b, err := s.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := f.pace(ctx, b.End-b.Start); err != nil {
			b.Release() // and the hold stays: it is read again
			return err
		}
		if err := f.put(ctx, b); err != nil {
			return err
		}
	}
}

// pace waits until so many bytes may be handed on. More than a burst is waited for in bursts.
func (f *Flow) pace(ctx context.Context, bytes int64) error {
	if f.Pace == nil {
		return nil
	}
	for burst := int64(f.Pace.Burst()); bytes > 0; bytes -= burst {
		if err := f.Pace.WaitN(ctx, int(min(bytes, burst))); err != nil {
			return err
		}
	}
	return nil
}

// put hands one batch to all outputs. If it fails, the flow's own hold stays on the batch, so that nothing behind it is committed.
func (f *Flow) put(ctx context.Context, b *tailer.Batch) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer b.Release()
	if f.Steps != nil {
		f.process(b)
	} else if f.Tap != nil {
		f.Tap(b)
	}
	for _, o := range f.Outputs {
		if f.Steps == nil {
			o.payloads.Batch = b
			o.payloads.Items = o.payloads.Items[:0]
			o.Encoder.Encode(b, &o.payloads)
		}
	}
	f.count(b)
	for _, o := range f.Outputs {
		if err := o.Destination.Put(ctx, &o.payloads); err != nil {
			return fmt.Errorf("hand over to %s: %w", o.Destination.Status().Name, err)
		}
	}
	b.Ack.Done(1)
	return nil
}

// process runs the steps over a batch.
func (f *Flow) process(b *tailer.Batch) {
	if f.payloads == nil {
		for _, o := range f.Outputs {
			f.payloads = append(f.payloads, &o.payloads)
		}
	}
	f.Steps.Process(b, f.payloads)
}

// count keeps what was counted where Status may read it.
func (f *Flow) count(b *tailer.Batch) {
	truncated := int64(0)
	for i := range b.Records {
		if b.Records[i].Flags&tailer.Truncated != 0 {
			truncated++
		}
	}
	f.counting.Lock()
	defer f.counting.Unlock()
	f.truncated += truncated
	if f.Steps != nil {
		f.steps = f.Steps.Counts()
	}
	f.encoders = pipeline.EncoderCounts{}
	for _, o := range f.Outputs {
		if e, ok := o.Encoder.(*pipeline.Encoder); ok {
			c := e.Counts()
			f.encoders.Replaced += c.Replaced
			f.encoders.KeysTruncated += c.KeysTruncated
			f.encoders.Failures += c.Failures
		}
	}
}

// Stop sends what was taken over, until ctx ends, commits what is acknowledged, and closes everything. Run must have returned. The
// error says what was not delivered, in time or because nothing is taken (LastTry); it is read again at the next start.
func (f *Flow) Stop(ctx context.Context) error {
	errs := make(chan error, len(f.Outputs))
	for _, o := range f.Outputs {
		go func() {
			err := o.Destination.Flush(ctx)
			if err != nil {
				err = undelivered(o.Destination.Status(), err, ctx.Err() != nil)
			}
			errs <- err
		}()
	}
	var all []error
	for range f.Outputs {
		all = append(all, <-errs)
	}
	for _, o := range f.Outputs {
		all = append(all, o.Destination.Close())
	}
	for _, s := range f.Sources {
		all = append(all, s.Close())
	}
	if f.Commit != nil { // its failure is not the flow's: the store says it, keeps what is to be written, and tries again
		_ = f.Commit(context.WithoutCancel(ctx))
	}
	if f.Close != nil {
		f.Close()
	}
	return errors.Join(all...)
}

// undelivered says what a destination has left, and why.
func undelivered(st emit.Status, err error, timeout bool) error {
	what, why := "were not delivered", st.LastError
	switch {
	case timeout:
		what += " in time"
	case why == "":
		why = err.Error()
	}
	text := fmt.Sprintf("%s: %d records %s, they are read again at the next start", st.Name, st.QueuedRecords, what)
	if why != "" {
		text += ". The last error: " + why
	}
	return errors.New(text)
}
