package lane

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/kinetail/kinetail/emit/retry"
	"github.com/kinetail/kinetail/tailer/memory"
)

// ErrClosed is returned by Put and Flush after Close.
var ErrClosed = errors.New("the destination is closed")

// ErrGivenUp is returned by Flush when the last try has failed, after LastTry.
var ErrGivenUp = errors.New("it was tried once more, in vain")

// Sender carries requests to a service. Called by up to MaxRequests goroutines at a time.
type Sender interface {
	// Send sends the units in one request and sets verdicts[i], which is the zero Fault, if units[i] was not accepted. An error is about the request
	// as a whole: the verdicts are not looked at. It keeps nothing of the units when it returns, whatever it returns, and
	// returns soon after ctx ends.
	Send(ctx context.Context, units []Unit, verdicts []retry.Fault) error
}

// Prober is a Sender that can ask whether a request would be accepted without sending a record.
type Prober interface {
	// Probe returns nil if a record sent now would have been accepted.
	Probe(ctx context.Context) error
}

// Hash is where a partition key falls, 128 bits.
type Hash struct{ Hi, Lo uint64 }

// Less orders hashes.
func (h Hash) Less(o Hash) bool { return h.Hi < o.Hi || h.Hi == o.Hi && h.Lo < o.Lo }

// Map says which lane a record takes. It never changes; Engine.Remap puts another in its place.
type Map interface {
	// Lanes is how many there are, at least one.
	Lanes() int
	// Hash is where a key falls.
	Hash(key []byte) Hash
	// Lane is the lane of a hash.
	Lane(h Hash) int
	// Exact says that a lane is a shard, so that records of different keys of a lane may share a unit. The keys of a lane that is only
	// a guess may belong to different shards.
	Exact() bool
	// Rate is the nominal rate of a lane; zero means no limit until the service throttles.
	Rate() Rate
	// Key is a random key, of those that fall into the lane, for a record that has none. The bytes are not changed afterwards.
	Key(lane int) []byte
}

// Hasher is a Map that finds the hashes of several keys sooner than one by one.
type Hasher interface {
	// Hashes does for each key what Hash does.
	Hashes(keys [][]byte, hashes []Hash)
}

// Aggregator makes one unit of several records.
type Aggregator interface {
	// Size is how many bytes u has at most when r joins it, a record or a run. It has one record or more.
	Size(u *Unit, r *Record) int
	// Ends says whether a record may have another one after it in a run: what stands between them belongs to the record, or Build puts it there
	// between all records of a run.
	Ends(data []byte) bool
	// Build sets Data, and Key and HashKey where they differ from the first record's, of a unit of two or more records.
	// What it needs room for it appends to arena, which it returns.
	Build(arena []byte, u *Unit) []byte
	// Finish completes Data of units, of which those of two or more records have been built.
	Finish(units []Unit)
}

// Limits are those of the service.
type Limits struct {
	Records      int // units in a request
	RequestBytes int // data and keys of a request
	RecordBytes  int // data and key of a unit
	KeyChars     int // characters of a key
	Unkeyed      int // bytes of the longest key that Map gives a record without one
}

// Options configure an Engine. Sender and Limits are needed.
type Options struct {
	Kind, Metric string // as in emit.Status
	Sender       Sender
	Limits       Limits
	// Larger is asked, by Put, for the limit of a record when one is over Limits.RecordBytes. It may take its time, until ctx ends.
	// It may be nil.
	Larger     func(ctx context.Context) (recordBytes int, err error)
	Map        Map        // nil: keys are ignored
	Aggregator Aggregator // nil: each record is a unit
	// AggregateSize is how large units become, in bytes. Under Ordered with a backlog they become as large as a record may.
	AggregateSize int
	// Billed is the block of bytes that the service bills the size of a unit by, so that units which grow become multiples of it. 0: none.
	Billed int
	// OneKey says that a unit holds records of one key only, even if the Map is exact.
	OneKey bool
	// Ordered is order = "key".
	Ordered bool
	// MaxWait is how long a record may wait to be packed with others; 0 means 1 s.
	MaxWait time.Duration
	// MaxRequests in flight; 0 means 8.
	MaxRequests int
	// Timeout of one request; 0 means 30 s.
	Timeout time.Duration
	// Bodies is the destination's own share of the memory for requests in flight: one that finds no room waits. The engine closes it. Nil
	// is no bound but MaxRequests.
	Bodies *memory.Share
	// Invalidate throws cached credentials away. It may be nil.
	Invalidate func()
	// OnClose is called when the engine has ended. It may be nil.
	OnClose func()
	Log     *slog.Logger // nil means slog.Default
}

func (o *Options) setDefaults() {
	if o.MaxWait == 0 {
		o.MaxWait = time.Second
	}
	if o.MaxRequests == 0 {
		o.MaxRequests = 8
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Map == nil {
		o.Map = single{}
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
}

// single is the map of a service that knows no keys.
type single struct{}

func (single) Lanes() int       { return 1 }
func (single) Hash([]byte) Hash { return Hash{} }
func (single) Lane(Hash) int    { return 0 }
func (single) Exact() bool      { return true }
func (single) Rate() Rate       { return Rate{} }
func (single) Key(int) []byte   { return nil }
