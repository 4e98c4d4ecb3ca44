package kinesis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/kinetail/kinetail/emit"
	"github.com/kinetail/kinetail/emit/aggregate"
	"github.com/kinetail/kinetail/emit/lane"
)

// Destination sends to one stream for one emit block of one flow. Beside the engine's goroutines it has one that lists the
// shards.
type Destination struct {
	*lane.Engine
	sender *sender
	stop   context.CancelFunc
	group  sync.WaitGroup
}

var _ emit.Destination = (*Destination)(nil)

// New starts a destination. Close ends its goroutines.
func New(o Options) (*Destination, error) {
	name := o.Stream
	if name == "" {
		_, after, ok := strings.Cut(o.StreamARN, ":stream/")
		if !ok || after == "" {
			return nil, fmt.Errorf("stream_arn %q does not name a stream: it ends with :stream/NAME", o.StreamARN)
		}
		name = after
	}
	if o.Client == nil || o.Memory == nil || o.DeadLetters == nil {
		return nil, errors.New("a kinesis destination needs a client, memory and dead letters")
	}
	if o.Order != "" && o.Order != "none" && o.Order != "key" {
		return nil, fmt.Errorf("order = %q: it is \"none\" or \"key\"", o.Order)
	}
	aggregator, ok := map[string]lane.Aggregator{"": nil, "none": nil, "kpl": aggregate.KPL{}, "lines": aggregate.Lines{}}[o.Aggregate]
	if !ok {
		return nil, fmt.Errorf("aggregate = %q: it is \"none\", \"kpl\" or \"lines\"", o.Aggregate)
	}
	if o.AggregateSize == 0 {
		o.AggregateSize = defaultAggregateSize
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	o.Log = o.Log.With("flow", o.Flow)
	s := newSender(&o)
	engine := lane.Options{
		Kind: "kinesis", Name: o.Name, Metric: "KinesisStream:" + name,
		Sender:     s,
		Limits:     lane.Limits{Records: maxRecords, RequestBytes: requestBytes, RecordBytes: maxRecordBytes, KeyChars: maxKeyChars},
		Map:        newHashLanes(),
		Aggregator: aggregator,
		// The limit of a record holds for an aggregate too.
		AggregateSize: min(o.AggregateSize, maxRecordBytes),
		OneKey:        o.Aggregate == "lines", // a reader of lines knows the key of the whole only
		Ordered:       o.Order == "key",
		MaxWait:       o.MaxWait,
		MaxRequests:   o.MaxRequests,
		Timeout:       o.Timeout,
		MaxRefused:    o.MaxRefused,
		Memory:        o.Memory,
		Bodies:        o.Bodies,
		DeadLetters:   o.DeadLetters,
		Invalidate:    o.Invalidate,
		Log:           o.Log,
	}
	d := &Destination{sender: s}
	ctx, stop := context.WithCancel(context.Background())
	d.stop = stop
	if lister, ok := o.Client.(ShardLister); ok {
		// The engine is there before the first list: run begins below.
		s.shards = newShardList(&o, lister, s.stream, s.arn, name, func(m *shardMap) { d.Remap(m) })
		if m := s.shards.load(); m != nil {
			engine.Map = m
		}
	}
	if c, ok := o.Client.(Summarizer); ok {
		l := &recordLimit{client: c, stream: s.stream, arn: s.arn}
		engine.Larger = l.get
	}
	// Nothing is sent before the first Put, and so plain is not called before New returns.
	s.plain = sync.OnceFunc(func() {
		o.Log.Warn("the stream distributes records by itself and readers cannot take aggregates apart there: records are sent one by one", "stream", name)
		d.Plain()
	})
	d.Engine = lane.New(engine)
	if s.shards != nil {
		d.group.Go(func() { s.shards.run(ctx) })
	}
	return d, nil
}

// Close implements emit.Destination.
func (d *Destination) Close() error {
	d.stop()
	err := d.Engine.Close()
	d.group.Wait()
	return err
}
