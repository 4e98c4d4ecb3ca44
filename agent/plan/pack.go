package plan

import (
	"context"
	"crypto/md5" // #nosec G501 -- the service's choice
	"encoding/binary"
	"log/slog"
	"math/bits"
	"strconv"
	"sync"

	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/emit"
	"github.com/kinetail/kinetail/emit/awscall"
	"github.com/kinetail/kinetail/emit/firehose"
	"github.com/kinetail/kinetail/emit/kinesis"
	"github.com/kinetail/kinetail/emit/lane"
	"github.com/kinetail/kinetail/emit/retry"
	"github.com/kinetail/kinetail/tailer/memory"
)

// packMemory is what a destination may queue, in bytes: enough for a window of records.
const packMemory = 64 << 20

// counter counts what a service would store. It accepts everything.
type counter struct {
	mu      sync.Mutex
	records int64 // as the service counts them
	bytes   int64
	units   int64 // of 25 KB
	rounded int64 // bytes, each record rounded up to 1 KB for Kinesis, 5 KB for Firehose
	unit    int64
}

func (c *counter) add(n int) {
	c.records++
	c.bytes += int64(n)
	c.units += up(int64(n), putUnit)
	c.rounded += up(int64(n), c.unit) * c.unit
}

// Send implements lane.Sender.
func (c *counter) Send(_ context.Context, units []lane.Unit, _ []retry.Fault) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range units {
		c.add(len(units[i].Data))
	}
	return nil
}

// PutRecordBatch implements firehose.Client.
func (c *counter) PutRecordBatch(_ context.Context, in *awscall.PutRecordBatchInput) (*awscall.PutRecordBatchOutput, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := &awscall.PutRecordBatchOutput{FailedPutCount: new(int32), RequestResponses: make([]awscall.PutRecordBatchResponseEntry, len(in.Records))}
	id := "1"
	for i := range in.Records {
		c.add(len(in.Records[i].Data))
		out.RequestResponses[i].RecordId = &id
	}
	return out, nil
}

// newPacker makes the destination that packs as the emit block says, and counts.
func newPacker(flow string, e *config.Emit, shards int, letters *emit.DeadLetters) (emit.Destination, *counter, error) {
	quiet := slog.New(slog.DiscardHandler)
	c := &counter{unit: onDemandUnit}
	var engine *lane.Engine
	var err error
	if e.Kind == "firehose" {
		c.unit = firehoseUnit
		engine, err = firehose.New(firehose.Options{
			Stream: e.Stream, Client: c, Aggregate: e.Aggregate, AggregateSize: int(e.AggregateSize), Delimiter: e.Delimiter, MaxWait: e.MaxWait, Log: quiet,
		})
	} else {
		engine, err = kinesis.NewPacker(kinesis.Options{
			Order: e.Order, Aggregate: e.Aggregate, AggregateSize: int(e.AggregateSize), MaxWait: e.MaxWait, Log: quiet,
		}, newEven(shards), c)
	}
	if err != nil {
		return nil, nil, err
	}
	d, err := engine.Join(lane.PortOptions{Flow: flow, Name: e.Name, Memory: memory.New(packMemory).Share(), DeadLetters: letters, Log: quiet})
	return d, c, err
}

// even is the map of a stream whose shards have even parts of the hashes.
type even struct{ keys [][]byte }

// evenMost is how many shards are told apart at most: with so many, a host's aggregates get no smaller.
const evenMost = 256

func newEven(shards int) even {
	m := even{make([][]byte, min(max(shards, 1), evenMost))}
	for n, found := 0, 0; found < len(m.keys); n++ {
		key := strconv.AppendInt(nil, int64(n), 36)
		if i := m.Lane(m.Hash(key)); m.keys[i] == nil {
			m.keys[i] = key
			found++
		}
	}
	return m
}

func (m even) Lanes() int { return len(m.keys) }
func (m even) Hash(key []byte) lane.Hash {
	sum := md5.Sum(key) // #nosec G401
	return lane.Hash{Hi: binary.BigEndian.Uint64(sum[:8]), Lo: binary.BigEndian.Uint64(sum[8:])}
}

func (m even) Lane(h lane.Hash) int {
	i, _ := bits.Mul64(h.Hi, uint64(len(m.keys)))
	return int(i) // #nosec G115 -- below the number of keys
}
func (m even) Exact() bool      { return true }
func (m even) Rate() lane.Rate  { return lane.Rate{} }
func (m even) Key(i int) []byte { return m.keys[i] }
