package kinesis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/kinetail/kinetail/emit"
	"github.com/kinetail/kinetail/emit/lane"
	"github.com/kinetail/kinetail/tailer/memory"
)

// Limits of PutRecords (its API reference, and "Quotas and limits" in the developer guide). The record limit is that of a stream
// which has not been allowed more.
const (
	maxRecords      = 500
	maxRequestBytes = 10 << 20
	maxRecordBytes  = 1 << 20
	maxKeyChars     = 256
)

// requestBytes is how large requests are made, in bytes of data and keys: enough that another half would save nothing, and small
// enough that the bodies of max_requests of them fit beside memory_limit. A larger record goes alone.
const requestBytes = 1 << 20

// Client is what is needed of the SDK's client.
type Client interface {
	PutRecords(context.Context, *kinesis.PutRecordsInput, ...func(*kinesis.Options)) (*kinesis.PutRecordsOutput, error)
}

// Options configure a destination. Stream or StreamARN, Client, Memory and DeadLetters are needed.
type Options struct {
	Flow string
	// Name is the emit block's name; empty means "kinesis".
	Name string
	// Stream and StreamARN name the stream; one is enough.
	Stream, StreamARN string
	Client            Client
	Order             string // "none" (also when empty) | "key"
	Aggregate         string // "none" (also when empty)
	// MaxWait is how long a record may wait to be packed; 0 means 1 s.
	MaxWait time.Duration
	// MaxRequests in flight; 0 means 8.
	MaxRequests int
	// Timeout of a request; 0 means 30 s.
	Timeout time.Duration
	// MaxRefused is max_rate of dead letters; 0 means 100 a minute.
	MaxRefused  int
	Memory      *memory.Share
	DeadLetters *emit.DeadLetters
	// Invalidate throws the client's cached credentials away. It may be nil.
	Invalidate func()
	Log        *slog.Logger // nil means slog.Default
}

// New starts a destination. Close ends its goroutines.
func New(o Options) (*lane.Engine, error) {
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
	if o.Aggregate != "" && o.Aggregate != "none" {
		return nil, fmt.Errorf("aggregate = %q: it is \"none\"", o.Aggregate)
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return lane.New(lane.Options{
		Kind: "kinesis", Name: o.Name, Metric: "KinesisStream:" + name,
		Sender:      newSender(&o),
		Limits:      lane.Limits{Records: maxRecords, RequestBytes: requestBytes, RecordBytes: maxRecordBytes, KeyChars: maxKeyChars},
		Map:         newHashLanes(),
		Ordered:     o.Order == "key",
		MaxWait:     o.MaxWait,
		MaxRequests: o.MaxRequests,
		Timeout:     o.Timeout,
		MaxRefused:  o.MaxRefused,
		Memory:      o.Memory,
		DeadLetters: o.DeadLetters,
		Invalidate:  o.Invalidate,
		Log:         o.Log.With("flow", o.Flow),
	}), nil
}
