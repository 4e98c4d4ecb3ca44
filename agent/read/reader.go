package read

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

const (
	// concurrent is how many calls of GetRecords are made at once: each may bring 10 MiB.
	concurrent = 4
	// pageRecords is how many Kinesis records are asked for at once.
	pageRecords = 1000
	// callEvery is the time between two calls of GetRecords for a shard: the service allows all its readers together five a second
	// (docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html). idleEvery is the same at the tip.
	callEvery = 250 * time.Millisecond
	idleEvery = time.Second
	// saveEvery is the time between two writes of the checkpoint.
	saveEvery = time.Second
)

// Options are for Run. Client, Stream and Handle are needed.
type Options struct {
	Client Client
	// Stream is the name; StreamARN, if set, is used in requests.
	Stream, StreamARN string
	// Beginning reads from the oldest record on; otherwise what comes from now on. What is remembered in Checkpoint has precedence.
	Beginning bool
	// Once ends when the tip of every shard is reached.
	Once bool
	// Limit ends after so many records; 0 is no limit.
	Limit int64
	// AsIs leaves aggregated and compressed records as they are.
	AsIs bool
	// Checkpoint may be nil.
	Checkpoint *Checkpoint
	// Handle gets the records: of a shard in order, and of a child shard after those of its parents. It is not called concurrently.
	Handle func(*Record) error
	// Flush is called before a position is saved; it may be nil.
	Flush func() error
	// Invalidate throws the client's cached credentials away; it may be nil.
	Invalidate func()
	Log        *slog.Logger // nil means slog.Default
}

// Summary counts what was read.
type Summary struct {
	Shards         int   // that were read
	KinesisRecords int64 // as the service counts them
	Aggregates     int64
	Misplaced      int64 // aggregates that the KCL would drop
	Records        int64
	Bytes          int64 // of Records
}

// errEnough ends reading at the limit.
var errEnough = errors.New("limit reached")

// reader is one Run.
type reader struct {
	o      Options
	slots  chan struct{} // as many as calls of GetRecords at once
	cancel context.CancelCauseFunc
	group  sync.WaitGroup
	plans  sync.Mutex // one list at a time; taken before mu

	mu        sync.Mutex // guards the rest, and is held while Handle runs
	positions map[string]Position
	started   map[string]bool
	summary   Summary
	saved     time.Time
}

// Run reads until ctx ends, the limit is reached, or, with Once, the tips are. None of these is an error.
func Run(ctx context.Context, o Options) (Summary, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	r := &reader{o: o, slots: make(chan struct{}, concurrent), positions: map[string]Position{}, started: map[string]bool{}, saved: time.Now()}
	if o.Checkpoint != nil {
		maps.Copy(r.positions, o.Checkpoint.Shards)
	}
	outer := ctx
	ctx, r.cancel = context.WithCancelCause(ctx)
	defer r.cancel(nil)
	err := r.plan(ctx, len(r.positions) == 0)
	r.group.Wait()
	if cause := context.Cause(ctx); err == nil && cause != nil && outer.Err() == nil && !errors.Is(cause, errEnough) {
		err = cause
	}
	if outer.Err() != nil && errors.Is(err, outer.Err()) {
		err = nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.summary, errors.Join(err, r.save())
}

// save needs mu.
func (r *reader) save() error {
	if r.o.Flush != nil {
		if err := r.o.Flush(); err != nil {
			return fmt.Errorf("write records: %w", err)
		}
	}
	r.saved = time.Now()
	return r.o.Checkpoint.save(maps.Clone(r.positions))
}

// plan lists the shards and starts to read those whose parents are read to their ends. first says that nothing was read before.
func (r *reader) plan(ctx context.Context, first bool) error {
	r.plans.Lock()
	defer r.plans.Unlock()
	shards, err := r.list(ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	there := map[string]bool{}
	for _, sh := range shards {
		there[sh.id] = true
		if _, known := r.positions[sh.id]; known || !first || r.o.Beginning {
			continue
		}
		p := Position{Done: sh.closed}
		if !sh.closed {
			p.Since = time.Now()
		}
		r.positions[sh.id] = p
	}
	maps.DeleteFunc(r.positions, func(id string, _ Position) bool { return !there[id] }) // older than the stream's retention
	for _, sh := range shards {
		p := r.positions[sh.id]
		ready := !p.Done && !r.started[sh.id]
		for _, parent := range sh.parents {
			ready = ready && (!there[parent] || r.positions[parent].Done)
		}
		if !ready {
			continue
		}
		r.started[sh.id] = true
		r.positions[sh.id] = p
		r.summary.Shards++
		r.group.Go(func() {
			if err := r.read(ctx, sh, p, first); err != nil {
				r.cancel(err)
			}
		})
	}
	return nil
}

// read is the goroutine of a shard. It returns nil when the shard is read to its end, and its children are started, or at the tip
// with Once.
func (r *reader) read(ctx context.Context, sh *shard, p Position, fresh bool) error {
	var at *string
	for {
		var err error
		if at == nil {
			if at, err = r.iterator(ctx, sh, p, fresh); err != nil {
				return err
			}
		}
		out, err := r.page(ctx, sh, at)
		if _, expired := errors.AsType[*types.ExpiredIteratorException](err); expired {
			at, fresh = nil, false
			r.mu.Lock()
			p = r.positions[sh.id]
			r.mu.Unlock()
			if !pause(ctx, callEvery) {
				return ctx.Err()
			}
			continue
		}
		if err != nil {
			return err
		}
		if at = out.NextShardIterator; at == nil {
			return r.finish(ctx, sh)
		}
		tip := len(out.Records) == 0 && aws.ToInt64(out.MillisBehindLatest) == 0
		if tip && r.o.Once {
			return nil
		}
		wait := callEvery
		if tip {
			wait = idleEvery
		}
		if !pause(ctx, wait) {
			return ctx.Err()
		}
	}
}

// page reads some records of a shard and hands them out.
func (r *reader) page(ctx context.Context, sh *shard, at *string) (*kinesis.GetRecordsOutput, error) {
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	var out *kinesis.GetRecordsOutput
	err := r.try(ctx, "GetRecords", func() (err error) {
		out, err = r.o.Client.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: at, StreamARN: r.arn(), Limit: aws.Int32(pageRecords)})
		return err
	})
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range out.Records {
		if err := r.hand(ctx, sh, &out.Records[i]); err != nil {
			return nil, err
		}
	}
	if time.Since(r.saved) >= saveEvery {
		return out, r.save()
	}
	if r.o.Flush != nil && len(out.Records) > 0 {
		return out, r.o.Flush()
	}
	return out, nil
}

// hand needs mu. It hands out what is in a Kinesis record, from where the position says on.
func (r *reader) hand(ctx context.Context, sh *shard, k *types.Record) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	records := open(sh, k, r.o.AsIs)
	p := r.positions[sh.id]
	skip := 0
	if p.Part > 0 && p.Sequence == aws.ToString(k.SequenceNumber) {
		skip = min(p.Part, len(records))
	}
	p.Sequence, p.Part = aws.ToString(k.SequenceNumber), 0
	if skip == 0 {
		r.summary.KinesisRecords++
		if len(records) > 0 && records[0].Aggregated {
			r.summary.Aggregates++
			if records[0].Misplaced {
				r.summary.Misplaced++
			}
		}
	}
	for i := skip; i < len(records); i++ {
		if r.o.Limit > 0 && r.summary.Records >= r.o.Limit {
			if i > 0 {
				p.Part = i
				r.positions[sh.id] = p
			}
			return errEnough
		}
		if err := r.o.Handle(&records[i]); err != nil {
			return err
		}
		r.summary.Records++
		r.summary.Bytes += int64(len(records[i].Data))
	}
	r.positions[sh.id] = p
	if r.o.Limit > 0 && r.summary.Records >= r.o.Limit {
		return errEnough
	}
	return nil
}

// finish marks a shard as read to its end and starts its children.
func (r *reader) finish(ctx context.Context, sh *shard) error {
	r.mu.Lock()
	p := r.positions[sh.id]
	p.Done = true
	r.positions[sh.id] = p
	r.mu.Unlock()
	return r.plan(ctx, false)
}
