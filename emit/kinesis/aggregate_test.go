package kinesis

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kinetail/kinetail/emit/awslocal"
	"github.com/kinetail/kinetail/emit/awslocal/readback"
)

// ranges are those of all shards that the stream ever had.
func ranges(t *testing.T, client *kinesis.Client) map[string]shard {
	t.Helper()
	out, err := client.ListShards(t.Context(), &kinesis.ListShardsInput{StreamName: aws.String("s")})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]shard{}
	for _, s := range out.Shards {
		from, _ := parseDecimal(*s.HashKeyRange.StartingHashKey)
		to, _ := parseDecimal(*s.HashKeyRange.EndingHashKey)
		all[*s.ShardId] = shard{ID: *s.ShardId, Start: from, End: to}
	}
	return all
}

// verifyAggregates reads the stream as the KCL does: an aggregate with a record that does not belong to its shard is dropped as a whole.
func verifyAggregates(t *testing.T, s *awslocal.Server, client *kinesis.Client, d *joined, records [][2]string, ordered bool) (dropped int) {
	t.Helper()
	shards := ranges(t, client)
	got, last, total := map[string]int{}, map[string]string{}, 0
	take := func(key, data string) {
		if got[data]++; got[data] == 1 && ordered && data[0] != '|' { // those without a key keep no order
			if data < last[key] {
				t.Errorf("%s came after %s", data, last[key])
			}
			last[key] = data
		}
	}
	err := s.Records("s", func(r awslocal.Record) bool {
		subs, ok := readback.Deaggregate(r.Data)
		if !ok {
			total++
			take(r.PartitionKey, string(r.Data))
			return true
		}
		total += len(subs)
		sh := shards[r.Shard]
		for _, sub := range subs {
			if !sh.has(hashKey([]byte(sub.PartitionKey))) {
				dropped += len(subs)
				return true
			}
		}
		for _, sub := range subs {
			take(sub.PartitionKey, string(sub.Data))
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	c := d.Status().Counters
	if len(got) != len(records) || int64(total-len(records)) > c.UnknownOutcomes.Load() {
		t.Errorf("%d of %d records arrived, %d in all, %d unknown outcomes", len(got), len(records), total, c.UnknownOutcomes.Load())
	}
	if c.RecordsSent.Load() != int64(len(records)) {
		t.Errorf("%d records counted as sent, want %d", c.RecordsSent.Load(), len(records))
	}
	t.Logf("%d records in %d Kinesis records, %d dropped by readers, %d repeats", len(got), c.KinesisRecords.Load(), dropped, total-len(got))
	return dropped
}

func TestKPL(t *testing.T) {
	for _, permitted := range []bool{false, true} {
		for _, order := range []string{"none", "key"} {
			s, client := local(t, awslocal.Options{NoRates: true, Seed: 3}, 4)
			faults := []awslocal.Fault{
				{Kind: awslocal.Throttle, Share: 0.2, Times: 20},
				{Kind: awslocal.LostAnswer, Share: 0.2, Times: 2},
			}
			if !permitted {
				faults = append(faults, awslocal.Fault{Kind: awslocal.Error, Operation: "ListShards", Code: "AccessDeniedException"})
			}
			s.SetFaults(faults...)
			d := destination(t, client, func(o *options) { o.Order, o.Aggregate, o.AggregateSize = order, "kpl", 2000 })
			if permitted {
				listed(t, d)
			}
			records := append(numbered(3000, 30), numbered(500, 0)...)
			acked := put(t, d, records)
			flush(t, d)
			if acked() != 35 {
				t.Errorf("%d batches acknowledged", acked())
			}
			s.SetFaults()
			if n := verifyAggregates(t, s, client, d, records, order == "key"); n > 0 {
				t.Errorf("%d records are dropped by readers though the shards never changed", n)
			}
			if n := d.Status().Counters.KinesisRecords.Load(); n > 600 {
				t.Errorf("%d Kinesis records for 3500", n)
			}
		}
	}
}

// TestKPLReshard: aggregates packed by an old map are packed anew until every record is where readers keep it.
func TestKPLReshard(t *testing.T) {
	s, client := local(t, awslocal.Options{NoRates: true}, 2)
	d := destination(t, client, func(o *options) { o.Order, o.Aggregate, o.MaxWait = "key", "kpl", 5*time.Millisecond })
	listed(t, d)
	var all [][2]string
	more := func() {
		records := numbered(200, 40)
		for i := range records {
			records[i][1] = fmt.Sprintf("%s|%06d", records[i][0], len(all)+i)
		}
		all = append(all, records...)
		put(t, d, records)
	}
	for round := range 2 {
		more() // may be in flight while the shards change
		if round == 1 {
			merge(t, client)
		} else {
			split(t, client)
		}
		flush(t, d)
		// Whatever the map is now: the next change is not in it when this is packed.
		split(t, client)
		more()
		flush(t, d)
	}
	if verifyAggregates(t, s, client, d, all, true) == 0 {
		t.Error("no aggregate was misplaced: the test has tested nothing")
	}
}

// TestAShardThatIsClosedAgain: an aggregate fits the shard in which it landed, and that has been split before anybody listed it. It is acknowledged:
// packed anew, readers would get it twice.
func TestAShardThatIsClosedAgain(t *testing.T) {
	s, client := local(t, awslocal.Options{NoRates: true}, 2)
	slow := &late{Client: client}
	d := destination(t, client, func(o *options) { o.Order, o.Aggregate, o.Client = "key", "kpl", slow })
	listed(t, d)
	merge(t, client)
	slow.first(func() { split(t, client) }) // the aggregates are in the one shard by then
	records := numbered(200, 40)
	put(t, d, records)
	flush(t, d)
	if s.Counters().Requests["kinesis.SplitShard"] == 0 {
		t.Error("nobody listed the shards: the test has tested nothing")
	}
	total := 0
	if err := s.Records("s", func(r awslocal.Record) bool {
		subs, _ := readback.Deaggregate(r.Data)
		total += max(1, len(subs))
		return true
	}); err != nil {
		t.Fatal(err)
	}
	if total != len(records) {
		t.Errorf("%d records were sent, %d are in the stream", len(records), total)
	}
}

// Records without a key have that of their aggregate: it is where they belong, and nothing is sent twice, wherever it went.
func TestKPLWithoutKeysIsSentOnce(t *testing.T) {
	s, client := local(t, awslocal.Options{NoRates: true}, 4)
	d := destination(t, client, func(o *options) { o.Aggregate, o.AggregateSize = "kpl", 2000 })
	listed(t, d)
	records := numbered(3000, 0)
	put(t, d, records)
	flush(t, d)
	if n := verifyAggregates(t, s, client, d, records, false); n > 0 {
		t.Errorf("%d records are dropped by readers", n)
	}
	if n := d.Status().Counters.RecordSendAttempts.Load(); n != int64(len(records)) {
		t.Errorf("%d records were sent %d times", len(records), n)
	}
}

// late lists the shards after something else has happened, once.
type late struct {
	*kinesis.Client
	mu     sync.Mutex
	before func()
}

func (l *late) first(do func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.before = do
}

func (l *late) ListShards(ctx context.Context, in *kinesis.ListShardsInput, o ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error) {
	l.mu.Lock()
	if l.before != nil {
		l.before()
		l.before = nil
	}
	l.mu.Unlock()
	return l.Client.ListShards(ctx, in, o...)
}

// TestAutoStream: a stream that ignores keys gets plain records as soon as that shows.
func TestAutoStream(t *testing.T) {
	s, client := local(t, awslocal.Options{NoRates: true, Streams: []awslocal.StreamConfig{{Name: "s", OnDemand: true, Auto: true}}}, 0)
	d := destination(t, client, func(o *options) { o.Aggregate = "kpl" })
	listed(t, d)
	records := numbered(2000, 3)
	for i := 0; i < len(records); i += 200 {
		put(t, d, records[i:i+200])
		flush(t, d)
	}
	got, plain := map[string]bool{}, map[string]bool{}
	if err := s.Records("s", func(r awslocal.Record) bool {
		if subs, ok := readback.Deaggregate(r.Data); ok {
			for _, sub := range subs {
				got[string(sub.Data)] = true
			}
		} else {
			got[string(r.Data)], plain[string(r.Data)] = true, true
		}
		return true
	}); err != nil {
		t.Fatal(err)
	}
	if len(got) != len(records) || len(plain) < len(records)/2 {
		t.Errorf("%d of %d records arrived, %d of them plain", len(got), len(records), len(plain))
	}
}

// TestAutoStreamIsAskedFor: where one shard takes everything, no answer shows that the stream ignores keys. It is asked once an hour, after the
// first request, and may be switched on at any time.
func TestAutoStreamIsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, client := processed(t, 1, false)
		defer s.Close()
		var auto atomic.Bool
		asked := &describer{client, func() *kinesis.DescribeStreamSummaryOutput {
			d := &types.StreamDescriptionSummary{RecordDistributionStrategy: types.RecordDistributionStrategyUserPartitionKey}
			if auto.Load() {
				d.RecordDistributionStrategy = types.RecordDistributionStrategyAuto
			}
			return &kinesis.DescribeStreamSummaryOutput{StreamDescriptionSummary: d}
		}, atomic.Int64{}}
		d := destination(t, client, func(o *options) { o.Client, o.Aggregate = asked, "kpl" })
		defer d.Close()
		time.Sleep(time.Hour)
		if asked.n.Load() != 0 {
			t.Errorf("asked %d times before anything was sent", asked.n.Load())
		}
		last := int64(0)
		aggregated := func() int64 {
			put(t, d, numbered(200, 2))
			flush(t, d)
			n := d.Status().Counters.KinesisRecords.Load() - last
			last += n
			return n
		}
		if n := aggregated(); n > 10 {
			t.Errorf("%d Kinesis records for 200", n)
		}
		time.Sleep(5 * time.Hour)
		if asked.n.Load() < 4 || asked.n.Load() > 7 {
			t.Errorf("asked %d times in five hours", asked.n.Load())
		}
		if n := aggregated(); n > 10 {
			t.Errorf("%d Kinesis records for 200", n)
		}
		auto.Store(true)
		time.Sleep(90 * time.Minute)
		if n := aggregated(); n != 200 {
			t.Errorf("%d Kinesis records for 200 when the stream distributes by itself", n)
		}
	})
}

// describer is a client that says something else of the stream.
type describer struct {
	*kinesis.Client
	say func() *kinesis.DescribeStreamSummaryOutput
	n   atomic.Int64
}

func (d *describer) DescribeStreamSummary(context.Context, *kinesis.DescribeStreamSummaryInput, ...func(*kinesis.Options)) (*kinesis.DescribeStreamSummaryOutput, error) {
	d.n.Add(1)
	return d.say(), nil
}

// TestHotKey: one key, answers that take 30 ms, order kept: under a backlog aggregates grow, so a shard's 1 MB/s is filled.
func TestHotKey(t *testing.T) {
	s, client := local(t, awslocal.Options{NoRates: true, Discard: true}, 1)
	s.SetFaults(awslocal.Fault{Kind: awslocal.Latency, Delay: 30 * time.Millisecond})
	d := destination(t, client, func(o *options) { o.Order, o.Aggregate = "key", "kpl" })
	var records [][2]string
	line := strings.Repeat("x", 200)
	for range 20000 {
		records = append(records, [2]string{"hot", line})
	}
	begin := time.Now()
	put(t, d, records)
	flush(t, d)
	rate := float64(len(records)*len(line)) / 1e6 / time.Since(begin).Seconds()
	t.Logf("%.1f MB/s in %d requests", rate, d.Status().Counters.Requests.Load())
	if rate < 0.9 {
		t.Errorf("%.2f MB/s on one key, a shard takes 1", rate)
	}
}
