package kinesis

import (
	"log/slog"
	"time"

	"github.com/kinetail/kinetail/emit/wire"
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

// billed is the unit of 25 KB that a put is billed by, and defaultAggregateSize two of them.
const (
	billed               = 25_600
	defaultAggregateSize = 2 * billed
)

// Options configure a destination. Client is the SDK's. One that is a ShardLister too makes the lanes those of the shards. Stream or StreamARN and Client are needed.
type Options struct {
	// Stream and StreamARN name the stream; one is enough.
	Stream, StreamARN string
	Client            wire.Client
	Order             string // "none" (also when empty) | "key"
	// Aggregate is "none" (also when empty), "kpl" or "lines". Records for "lines" end with their delimiter already.
	Aggregate string
	// AggregateSize is how large aggregates become, in bytes; 0 means 51,200. With Order "key" they grow under a backlog.
	AggregateSize int
	// MaxWait is how long a record may wait to be packed; 0 means 1 s.
	MaxWait time.Duration
	// MaxRequests in flight; 0 means 8.
	MaxRequests int
	// Timeout of a request; 0 means 30 s.
	Timeout time.Duration
	// ShardRateLimit is times the documented rate of a shard, which bounds what is sent to each; 0 is no bound.
	ShardRateLimit float64
	// DryRun says that the service knows PutRecords with DryRun: AWS itself does, others may store such a record.
	DryRun bool
	// StateDir is agent.state_dir: the list of shards is kept there for the next start. Empty keeps it nowhere.
	StateDir string
	// Bodies is the destination's own share of the memory for requests in flight, which it closes. Nil is no bound but MaxRequests.
	Bodies *memory.Share
	// Invalidate throws the client's cached credentials away. It may be nil.
	Invalidate func()
	// OnClose is called when the last flow has left. It may be nil.
	OnClose func()
	Log     *slog.Logger // nil means slog.Default
}
