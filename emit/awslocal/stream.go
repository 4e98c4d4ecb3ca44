package awslocal

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The per-shard rates of writing: docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
const (
	shardBytes   = 1 << 20 // per second
	shardRecords = 1000    // per second
)

// StreamConfig describes a Kinesis stream to create.
type StreamConfig struct {
	Name      string
	Shards    int  // 1 by default; on-demand streams start with 4
	OnDemand  bool // capacity mode
	Auto      bool // record distribution strategy AUTO: keys are ignored. Needs OnDemand
	MaxRecord int  // KiB: 1,024 by default, to 10,240
}

type kinesisService struct {
	mu      sync.Mutex
	streams map[string]*stream
	summary bucket // DescribeStreamSummary: 20 calls a second and account
}

// stream is one Kinesis stream. mu guards everything but name and created; it is held for a whole PutRecords call, so that
// a call's records stand together.
type stream struct {
	name    string
	created time.Time

	mu        sync.Mutex
	onDemand  bool
	auto      bool
	maxRecord int       // KiB
	readyAt   time.Time // until then CREATING, or UPDATING if updating
	updating  bool
	shards    []*shard // by number
	open      []*shard // by hash range
	turn      int      // of AUTO streams
	listing   bucket   // ListShards: 1,000 calls a second and stream
}

// shard is a hash range of a stream for a time. The stream's lock guards it.
type shard struct {
	id         string
	start, end hashKey // inclusive
	parents    []string
	children   []*shard
	created    time.Time
	closed     time.Time // zero: open
	sequence   string    // the first 26 digits of its sequence numbers
	puts       uint64    // records accepted; the n-th (from 0) has sequence number n+1
	bytes      int64
	store      recordStore
	byteRate   bucket
	recordRate bucket
}

func newStream(c StreamConfig, now time.Time) *stream {
	st := &stream{name: c.Name, created: now, onDemand: c.OnDemand, auto: c.Auto, maxRecord: c.MaxRecord}
	starts := evenRanges(c.Shards)
	for i, start := range starts {
		end := maxHashKey
		if i+1 < len(starts) {
			end = starts[i+1].prev()
		}
		st.addShard(start, end, now)
	}
	return st
}

// addShard opens a shard; the caller closes its parents first.
func (st *stream) addShard(start, end hashKey, now time.Time, parents ...*shard) {
	number := len(st.shards)
	sh := &shard{
		id:    fmt.Sprintf("shardId-%012d", number),
		start: start, end: end, created: now,
		sequence: fmt.Sprintf("496%013d%010d", now.UnixMilli(), number),
	}
	for _, p := range parents {
		sh.parents = append(sh.parents, p.id)
		p.children = append(p.children, sh)
	}
	st.shards = append(st.shards, sh)
	at := sort.Search(len(st.open), func(i int) bool { return start.less(st.open[i].start) })
	st.open = slices.Insert(st.open, at, sh)
}

func (st *stream) closeShard(sh *shard, now time.Time) {
	sh.closed = now
	st.open = slices.DeleteFunc(st.open, func(o *shard) bool { return o == sh })
}

// shardFor is the open shard that covers k.
func (st *stream) shardFor(k hashKey) *shard {
	return st.open[sort.Search(len(st.open), func(i int) bool { return k.less(st.open[i].start) })-1]
}

func (st *stream) shard(id string) *shard {
	// The service takes any spelling of the number.
	n, err := strconv.Atoi(strings.TrimPrefix(id, "shardId-"))
	if err != nil || n < 0 || n >= len(st.shards) {
		return nil
	}
	return st.shards[n]
}

func (st *stream) status(now time.Time) string {
	switch {
	case !now.Before(st.readyAt):
		return "ACTIVE"
	case st.updating:
		return "UPDATING"
	}
	return "CREATING"
}

// sequenceNumber is that of the n-th record, counted from 1; 0 is the shard's start.
func (sh *shard) sequenceNumber(n uint64) string {
	b := make([]byte, 0, 56)
	b = append(b, sh.sequence...)
	digits := strconv.AppendUint(make([]byte, 0, 20), n, 10)
	for range 30 - len(digits) {
		b = append(b, '0')
	}
	return string(append(b, digits...))
}

// position is the inverse of sequenceNumber.
func (sh *shard) position(sequence string) (uint64, bool) {
	rest, ok := strings.CutPrefix(sequence, sh.sequence)
	if !ok || len(rest) != 30 {
		return 0, false
	}
	n, err := strconv.ParseUint(rest, 10, 64)
	return n, err == nil
}

// allow asks the shard's rates for one record.
func (sh *shard) allow(size int, scale float64, now time.Time) bool {
	if scale <= 0 {
		return true
	}
	sh.byteRate.refill(now, shardBytes*scale)
	sh.recordRate.refill(now, shardRecords*scale)
	if !sh.byteRate.has(float64(size), shardBytes*scale) || !sh.recordRate.has(1, shardRecords*scale) {
		return false
	}
	sh.byteRate.take(float64(size))
	sh.recordRate.take(1)
	return true
}
