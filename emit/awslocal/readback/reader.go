package readback

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/http"
	"slices"
	"sort"
	"time"
)

// Reader reads streams of one endpoint that speaks Kinesis' JSON protocol.
type Reader struct {
	Endpoint string       // such as "http://127.0.0.1:4568", without a slash at the end
	Client   *http.Client // http.DefaultClient if nil
	// Authorize signs a request. Nil is enough for endpoints that do not verify signatures.
	Authorize func(req *http.Request, body []byte) error
	// MaxRecords ends a Read with ErrTooMany after that many records; 0 is no bound but the stream's own.
	MaxRecords int64
	// PageSize is how many Kinesis records are asked for at a time: 1 to 10,000, the default.
	PageSize int
}

// ErrTooMany says that the stream has more records than Reader.MaxRecords.
var ErrTooMany = errors.New("the stream has more records than asked for")

// Record is one record of a stream, taken out of its aggregate if it was in one.
type Record struct {
	Shard           string
	SequenceNumber  string // of the Kinesis record
	Sub             int    // place in the aggregate, from 0; -1 if it was in none
	PartitionKey    string
	ExplicitHashKey string // known in aggregates only
	Data            []byte
	Arrival         time.Time
	// Misplaced: some record of its aggregate hashes outside the shard, so the KCL would drop them all without a word.
	Misplaced bool
}

// Summary counts what a Read met.
type Summary struct {
	Shards         int
	KinesisRecords int64 // as the service counts them
	Aggregates     int64
	Records        int64
	Bytes          int64 // data of Records
	Misplaced      int64
}

type shard struct {
	ShardID       string `json:"ShardId"`
	ParentShardID string `json:"ParentShardId"`
	HashKeyRange  struct{ StartingHashKey, EndingHashKey string }

	start, end *big.Int
}

// Read calls f with every record that the stream holds when it gets there: shards in the order of their ids, so parents
// before their children, and each shard in its order. It ends at the tip of each shard, with f's first error, or with ctx.
func (r *Reader) Read(ctx context.Context, stream string, f func(Record) error) (Summary, error) {
	var sum Summary
	shards, err := r.shards(ctx, stream)
	if err != nil {
		return sum, err
	}
	sum.Shards = len(shards)
	for _, sh := range shards {
		if err := r.readShard(ctx, stream, sh, &sum, f); err != nil {
			return sum, fmt.Errorf("read shard %s of stream %q: %w", sh.ShardID, stream, err)
		}
	}
	return sum, nil
}

// maxShardPages bounds the listing: 1,000 pages of 1,000 shards.
const maxShardPages = 1000

func (r *Reader) shards(ctx context.Context, stream string) ([]shard, error) {
	var all []shard
	in := map[string]any{"StreamName": stream, "MaxResults": 1000}
	for range maxShardPages {
		var page struct {
			Shards    []shard
			NextToken string
		}
		if err := r.patiently(ctx, "ListShards", in, &page); err != nil {
			return nil, fmt.Errorf("list the shards of stream %q: %w", stream, err)
		}
		all = append(all, page.Shards...)
		if page.NextToken == "" {
			for i := range all {
				var ok1, ok2 bool
				all[i].start, ok1 = new(big.Int).SetString(all[i].HashKeyRange.StartingHashKey, 10)
				all[i].end, ok2 = new(big.Int).SetString(all[i].HashKeyRange.EndingHashKey, 10)
				if !ok1 || !ok2 {
					return nil, fmt.Errorf("list the shards of stream %q: %s has hash keys that are no numbers", stream, all[i].ShardID)
				}
			}
			sort.Slice(all, func(i, j int) bool { return all[i].ShardID < all[j].ShardID })
			return all, nil
		}
		in = map[string]any{"NextToken": page.NextToken, "MaxResults": 1000}
	}
	return nil, fmt.Errorf("list the shards of stream %q: no end after %d pages", stream, maxShardPages)
}

type page struct {
	Records []struct {
		SequenceNumber              string
		ApproximateArrivalTimestamp float64
		Data                        []byte
		PartitionKey                string
	}
	NextShardIterator  string
	MillisBehindLatest int64
}

// maxEmptyPages bounds how long a shard may say that there is more without showing it.
const maxEmptyPages = 1000

func (r *Reader) readShard(ctx context.Context, stream string, sh shard, sum *Summary, f func(Record) error) error {
	iterator, err := r.iterator(ctx, stream, sh, "")
	if err != nil {
		return err
	}
	last := ""
	for empty := 0; empty < maxEmptyPages; {
		var p page
		err := r.patiently(ctx, "GetRecords", map[string]any{"ShardIterator": iterator, "Limit": cmp.Or(r.PageSize, 10000)}, &p)
		var refused *Error
		if errors.As(err, &refused) && refused.Code == "ExpiredIteratorException" {
			if iterator, err = r.iterator(ctx, stream, sh, last); err != nil {
				return err
			}
			empty++
			continue
		}
		if err != nil {
			return err
		}
		for _, k := range p.Records {
			sum.KinesisRecords++
			last = k.SequenceNumber
			record := Record{
				Shard: sh.ShardID, SequenceNumber: k.SequenceNumber, Sub: -1, PartitionKey: k.PartitionKey, Data: k.Data,
				Arrival: time.UnixMilli(int64(math.Round(k.ApproximateArrivalTimestamp * 1000))),
			}
			if err := r.take(record, sh, sum, f); err != nil {
				return err
			}
		}
		if p.NextShardIterator == "" || len(p.Records) == 0 && p.MillisBehindLatest == 0 {
			return nil
		}
		iterator = p.NextShardIterator
		if empty++; len(p.Records) > 0 {
			empty = 0
		}
	}
	return fmt.Errorf("no records and no end in %d calls", maxEmptyPages)
}

// iterator stands after a sequence number, or at the oldest record.
func (r *Reader) iterator(ctx context.Context, stream string, sh shard, after string) (string, error) {
	in := map[string]any{"StreamName": stream, "ShardId": sh.ShardID, "ShardIteratorType": "TRIM_HORIZON"}
	if after != "" {
		in["ShardIteratorType"], in["StartingSequenceNumber"] = "AFTER_SEQUENCE_NUMBER", after
	}
	var out struct{ ShardIterator string }
	err := r.patiently(ctx, "GetShardIterator", in, &out)
	return out.ShardIterator, err
}

// take hands a Kinesis record on, or the records aggregated in it.
func (r *Reader) take(record Record, sh shard, sum *Summary, f func(Record) error) error {
	emit := func(record Record) error {
		if r.MaxRecords > 0 && sum.Records == r.MaxRecords {
			return ErrTooMany
		}
		sum.Records++
		sum.Bytes += int64(len(record.Data))
		if record.Misplaced {
			sum.Misplaced++
		}
		return f(record)
	}
	subs, aggregated := Deaggregate(record.Data)
	if !aggregated {
		return emit(record)
	}
	sum.Aggregates++
	record.Misplaced = slices.ContainsFunc(subs, func(s SubRecord) bool {
		h := s.hash()
		return h == nil || h.Cmp(sh.start) < 0 || h.Cmp(sh.end) > 0
	})
	for i, s := range subs {
		record.Sub, record.PartitionKey, record.ExplicitHashKey, record.Data = i, s.PartitionKey, s.ExplicitHashKey, s.Data
		if err := emit(record); err != nil {
			return err
		}
	}
	return nil
}

// patiently repeats a call that was throttled, met a server's trouble or got no answer: 10 tries, from 50 ms doubling up to
// 2 s apart. Reading again does no harm.
func (r *Reader) patiently(ctx context.Context, operation string, in, out any) error {
	pause := 50 * time.Millisecond
	for try := 1; ; try++ {
		err := r.call(ctx, operation, in, out)
		var refused *Error
		if err == nil || try == 10 || ctx.Err() != nil || errors.As(err, &refused) && !refused.retry() {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		pause = min(2*pause, 2*time.Second)
	}
}
