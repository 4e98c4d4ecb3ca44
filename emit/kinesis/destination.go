package kinesis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/kinetail/kinetail/emit/aggregate"
	"github.com/kinetail/kinetail/emit/lane"
)

// New starts what sends to one stream, for the flows that join it. Beside the engine's goroutines there is one that lists the shards,
// and with aggregates one that asks about the stream. All end when the last flow has left.
func New(o Options) (*lane.Engine, error) {
	e, _, err := start(o)
	return e, err
}

func start(o Options) (*lane.Engine, *sender, error) {
	name := o.Stream
	if name == "" {
		_, after, ok := strings.Cut(o.StreamARN, ":stream/")
		if !ok || after == "" {
			return nil, nil, fmt.Errorf("stream_arn %q does not name a stream: it ends with :stream/NAME", o.StreamARN)
		}
		name = after
	}
	if o.Client == nil {
		return nil, nil, errors.New("a kinesis destination needs a client")
	}
	engine, err := o.packing()
	if err != nil {
		return nil, nil, err
	}
	s := newSender(&o)
	engine.Metric, engine.Sender, engine.Map = "KinesisStream:"+name, s, newHashLanes()
	var e *lane.Engine
	if lister, ok := o.Client.(ShardLister); ok {
		// The engine is there before the first list: run begins below.
		s.shards = newShardList(&o, lister, s.stream, s.arn, name, func(m *shardMap) { e.Remap(m) })
		if m := s.shards.load(); m != nil {
			engine.Map = m
		}
	}
	var described *summary
	if c, ok := o.Client.(Summarizer); ok {
		described = newSummary(c, s.stream, s.arn)
		engine.Larger = described.limit
	}
	// Nothing is sent before the first Put, and so plain is not called before New returns.
	s.plain = sync.OnceFunc(func() {
		o.Log.Warn("the stream distributes records by itself and readers cannot take aggregates apart there: records are sent one by one", "stream", name)
		e.Plain()
	})
	ctx, stop := context.WithCancel(context.Background())
	var group sync.WaitGroup
	engine.OnClose = func() {
		stop()
		group.Wait()
		if o.OnClose != nil {
			o.OnClose()
		}
	}
	e = lane.New(engine)
	if s.shards != nil {
		group.Go(func() { s.shards.run(ctx) })
	}
	if described != nil && o.Aggregate == "kpl" {
		group.Go(func() { described.watch(ctx, s.sent, s.plain) })
	}
	return e, s, nil
}

// packing fills in the defaults, and is how records are packed, whatever they are sent with.
func (o *Options) packing() (lane.Options, error) {
	if o.Order != "" && o.Order != "none" && o.Order != "key" {
		return lane.Options{}, fmt.Errorf("order = %q: it is \"none\" or \"key\"", o.Order)
	}
	aggregator, ok := map[string]lane.Aggregator{"": nil, "none": nil, "kpl": aggregate.KPL{}, "lines": aggregate.Lines{}}[o.Aggregate]
	if !ok {
		return lane.Options{}, fmt.Errorf("aggregate = %q: it is \"none\", \"kpl\" or \"lines\"", o.Aggregate)
	}
	if o.AggregateSize == 0 {
		o.AggregateSize = defaultAggregateSize
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return lane.Options{
		Kind:       "kinesis",
		Limits:     lane.Limits{Records: maxRecords, RequestBytes: requestBytes, RecordBytes: maxRecordBytes, KeyChars: maxKeyChars, Unkeyed: maxRandomKey},
		Aggregator: aggregator,
		// The limit of a record holds for an aggregate too.
		AggregateSize: min(o.AggregateSize, maxRecordBytes),
		Billed:        billed,
		OneKey:        o.Aggregate == "lines", // a reader of lines knows the key of the whole only
		Ordered:       o.Order == "key",
		MaxWait:       o.MaxWait,
		MaxRequests:   o.MaxRequests,
		Timeout:       o.Timeout,
		Bodies:        o.Bodies,
		Invalidate:    o.Invalidate,
		Log:           o.Log,
	}, nil
}

// NewPacker packs as what New starts does, for the shards of m, and hands what it has packed to sender instead of the service. Client is not needed.
func NewPacker(o Options, m lane.Map, sender lane.Sender) (*lane.Engine, error) {
	engine, err := o.packing()
	if err != nil {
		return nil, err
	}
	engine.Map, engine.Sender = m, sender
	return lane.New(engine), nil
}
