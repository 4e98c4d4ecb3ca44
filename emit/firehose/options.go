package firehose

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/kinetail/kinetail/emit/awscall"
	"github.com/kinetail/kinetail/emit/lane"
	"github.com/kinetail/kinetail/tailer/memory"
)

// Limits of PutRecordBatch, https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html: 500 records and 4 MiB
// in a call, and 1,000 KiB of a record before base64.
const (
	maxRecords     = 500
	maxRecordBytes = 1000 << 10
	// maxKeyChars is of a partition key, which Firehose does not have: a payload that brings one is sent without.
	maxKeyChars = 256
)

// requestBytes is how large requests are made, in bytes of data. Within 4 MiB also when those are counted as base64, and small enough that
// the bodies of max_requests of them fit beside memory_limit. A larger request would save nothing: records are what is billed.
const requestBytes = 1 << 20

// DefaultAggregateSize is a multiple of the 5 KB that Firehose bills each record up to, large enough that the rounding is lost in it.
const DefaultAggregateSize = 50 << 10

// pace is where the rate of a stream begins that is not known: beyond what one host sends, so nothing is held back until the
// service says ServiceUnavailableException, and then cut by a third with each answer that does. A stream's quota depends on
// region and account; it is not asked for.
var pace = lane.Rate{Records: 2_000_000, Bytes: 128 << 20}

// Client is what is needed of awscall.Firehose.
type Client interface {
	PutRecordBatch(context.Context, *awscall.PutRecordBatchInput) (*awscall.PutRecordBatchOutput, error)
}

// Options configure a destination. Stream and Client are needed.
type Options struct {
	Stream string
	Client Client
	// Aggregate is "none" (also when empty) or "lines": whole records are joined until AggregateSize is reached.
	Aggregate string
	// AggregateSize is in bytes, at most 1,000 KiB; 0 means DefaultAggregateSize. A longer record goes alone.
	AggregateSize int
	// Delimiter stands between records that are joined, where a record does not end with it already. Empty means a newline.
	Delimiter string
	// MaxWait is how long a record may wait to be packed; 0 means 1 s.
	MaxWait time.Duration
	// MaxRequests in flight; 0 means 8. Fewer are while the service is short of capacity.
	MaxRequests int
	// Timeout of a request; 0 means 30 s.
	Timeout time.Duration
	// Bodies is the destination's own share of the memory for requests in flight, which it closes. Nil is no bound but MaxRequests.
	Bodies *memory.Share
	// Invalidate throws the client's cached credentials away. It may be nil.
	Invalidate func()
	// OnClose is called when the last flow has left. It may be nil.
	OnClose func()
	Log     *slog.Logger // nil means slog.Default
}

// New starts what sends to one delivery stream, for the flows that join it. It ends when the last of them has left.
func New(o Options) (*lane.Engine, error) {
	if o.Stream == "" || o.Client == nil {
		return nil, errors.New("a firehose destination needs a stream and a client")
	}
	if o.AggregateSize == 0 {
		o.AggregateSize = DefaultAggregateSize
	}
	if o.AggregateSize < 0 || o.AggregateSize > maxRecordBytes {
		return nil, fmt.Errorf("aggregate_size is %d bytes: Firehose takes records of 1 to %d bytes (1,000 KiB)", o.AggregateSize, maxRecordBytes)
	}
	var joined lane.Aggregator
	switch o.Aggregate {
	case "", "none":
	case "lines":
		joined = newLines(o.Delimiter)
	default:
		return nil, fmt.Errorf("aggregate = %q: for firehose it is \"none\" or \"lines\"", o.Aggregate)
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return lane.New(lane.Options{
		Kind: "firehose", Metric: "DeliveryStream:" + o.Stream,
		Sender:        newSender(o.Client, o.Stream),
		Limits:        lane.Limits{Records: maxRecords, RequestBytes: requestBytes, RecordBytes: maxRecordBytes, KeyChars: maxKeyChars},
		Map:           stream{},
		Aggregator:    joined,
		AggregateSize: o.AggregateSize,
		MaxWait:       o.MaxWait,
		MaxRequests:   o.MaxRequests,
		Timeout:       o.Timeout,
		Bodies:        o.Bodies,
		Invalidate:    o.Invalidate,
		OnClose:       o.OnClose,
		Log:           o.Log,
	}), nil
}

// stream is the lane.Map of a service that knows no keys: one lane.
type stream struct{}

func (stream) Lanes() int            { return 1 }
func (stream) Hash([]byte) lane.Hash { return lane.Hash{} }
func (stream) Lane(lane.Hash) int    { return 0 }
func (stream) Exact() bool           { return true }
func (stream) Rate() lane.Rate       { return pace }
func (stream) Key(int) []byte        { return nil }
