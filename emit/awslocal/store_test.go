package awslocal

import (
	"bytes"
	"crypto/md5"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	fhtypes "github.com/aws/aws-sdk-go-v2/service/firehose/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"pgregory.net/rapid"
)

func TestHashKeys(t *testing.T) {
	limit := new(big.Int).Lsh(big.NewInt(1), 128)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[0-9]{1,40}`).Draw(t, "text")
		want, _ := new(big.Int).SetString(text, 10)
		k, ok := parseHashKey(text)
		if valid := want.String() == text && want.Cmp(limit) < 0; ok != valid {
			t.Fatalf("%s: valid %v, want %v", text, ok, valid)
		}
		if ok && (k.String() != text || k != maxHashKey && k.next().prev() != k) {
			t.Fatalf("%s became %s", text, k)
		}
		key := rapid.String().Draw(t, "key")
		sum := md5.Sum([]byte(key))
		if got := hashOf([]byte(key)).String(); got != new(big.Int).SetBytes(sum[:]).String() {
			t.Fatalf("hash of %q is %s", key, got)
		}
	})
	// As the service splits two and three shards.
	if got := fmt.Sprint(evenRanges(2), evenRanges(3)); got != "[0 170141183460469231731687303715884105728] [0 113427455640312821154458202477256070485 226854911280625642308916404954512140970]" {
		t.Error(got)
	}
}

// TestRoutingCoversTheRing: every key has exactly one open shard, through any splits and merges.
func TestRoutingCoversTheRing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		st := newStream(StreamConfig{Name: "s", Shards: rapid.IntRange(1, 50).Draw(t, "shards")}, time.Now())
		for range rapid.IntRange(0, 20).Draw(t, "changes") {
			i := rapid.IntRange(0, len(st.open)-1).Draw(t, "shard")
			sh := st.open[i]
			if rapid.Bool().Draw(t, "merge") && i+1 < len(st.open) {
				next := st.open[i+1]
				st.closeShard(sh, time.Now())
				st.closeShard(next, time.Now())
				st.addShard(sh.start, next.end, time.Now(), sh, next)
			} else if sh.start.less(sh.end) {
				st.closeShard(sh, time.Now())
				st.addShard(sh.start, sh.end.prev(), time.Now(), sh)
				st.addShard(sh.end, sh.end, time.Now(), sh)
			}
		}
		if st.open[0].start != (hashKey{}) || st.open[len(st.open)-1].end != maxHashKey {
			t.Fatal("the ends are not covered")
		}
		for i, sh := range st.open {
			if i > 0 && st.open[i-1].end.next() != sh.start {
				t.Fatalf("a gap or an overlap before %s", sh.id)
			}
			if st.shardFor(sh.start) != sh || st.shardFor(sh.end) != sh {
				t.Fatalf("the ends of %s belong elsewhere", sh.id)
			}
		}
	})
}

func TestStoreKeepsWhatItGot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s recordStore
		var want []storedRecord
		for i := range rapid.IntRange(1, 20).Draw(t, "records") {
			r := storedRecord{
				key:     rapid.SliceOfN(rapid.Byte(), 0, 1024).Draw(t, "key"),
				data:    bytes.Repeat([]byte{byte(i)}, rapid.SampledFrom([]int{0, 1, 200, 4096, 4096, 4096, 1<<20 + 1}).Draw(t, "size")),
				arrival: time.UnixMilli(int64(i)),
			}
			s.append(r.key, r.data, r.arrival)
			want = append(want, r)
		}
		for i, w := range want {
			if got := s.get(i); !bytes.Equal(got.key, w.key) || !bytes.Equal(got.data, w.data) || !got.arrival.Equal(w.arrival) {
				t.Fatalf("record %d came back changed", i)
			}
		}
	})
}

// TestMillionRecords holds the store to its economy: 200 bytes of data cost less than 300 of memory.
func TestMillionRecords(t *testing.T) {
	const n = 1_000_000
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	st := newStream(StreamConfig{Name: "s", Shards: 4}, time.Now())
	key, data := []byte("10.11.12.13"), make([]byte, 200)
	for i := range n {
		sh := st.open[i%4]
		sh.store.append(key, data, time.UnixMilli(1))
		sh.puts++
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	perRecord := float64(after.HeapAlloc-before.HeapAlloc) / n
	t.Logf("%.0f bytes a record", perRecord)
	if perRecord > 300 {
		t.Errorf("%.0f bytes of memory for 211 bytes of record", perRecord)
	}
	runtime.KeepAlive(st)
}

func TestDiscardKeepsSamples(t *testing.T) {
	s := start(t, Options{
		Discard: true, Samples: 3, NoRates: true,
		Streams: []StreamConfig{{Name: "s", Shards: 2}}, DeliveryStreams: []DeliveryStreamConfig{{Name: "d"}},
	})
	for range 3 {
		if n := failed(t, s, "s", 100, 20); n != 0 {
			t.Fatal(n)
		}
	}
	kept := 0
	if err := s.Records("s", func(r Record) bool {
		if kept++; !bytes.HasPrefix(r.Data, []byte("record ")) || len(r.Data) != 20 {
			t.Errorf("%q", r.Data)
		}
		return true
	}); err != nil || kept != 6 {
		t.Fatalf("%v, %d kept", err, kept)
	}
	if stats, err := s.Stats("s"); err != nil || stats[0].Records+stats[1].Records != 300 || stats[0].Bytes+stats[1].Bytes != 6000 {
		t.Fatalf("%v %+v", err, stats)
	}
	// A reader gets the samples, then the tip.
	it := iteratorOf(t, s, &kinesis.GetShardIteratorInput{ShardId: aws.String("shardId-000000000001"), ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
	for _, want := range []int{3, 0} {
		out, err := s.kinesis.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: it})
		if err != nil || len(out.Records) != want {
			t.Fatalf("%v %+v", err, out)
		}
		it = out.NextShardIterator
	}
	if _, err := s.firehose.PutRecord(t.Context(), &firehose.PutRecordInput{DeliveryStreamName: aws.String("d"), Record: &fhtypes.Record{Data: []byte("x")}}); err != nil {
		t.Fatal(err)
	}
}

func TestFirehoseObjects(t *testing.T) {
	at, dir := newClock(), t.TempDir()
	s := start(t, Options{Now: at.Now, FirehoseDir: dir})
	ctx, name := t.Context(), aws.String("d")
	_, err := s.firehose.CreateDeliveryStream(ctx, &firehose.CreateDeliveryStreamInput{
		DeliveryStreamName: name,
		ExtendedS3DestinationConfiguration: &fhtypes.ExtendedS3DestinationConfiguration{
			BucketARN: aws.String("arn:aws:s3:::b"), RoleARN: aws.String("arn:aws:iam::123456789012:role/firehose"), Prefix: aws.String("logs/"),
			BufferingHints: &fhtypes.BufferingHints{SizeInMBs: aws.Int32(1), IntervalInSeconds: aws.Int32(60)},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	put := func(data []byte) {
		t.Helper()
		if _, err := s.firehose.PutRecord(ctx, &firehose.PutRecordInput{DeliveryStreamName: name, Record: &fhtypes.Record{Data: data}}); err != nil {
			t.Fatal(err)
		}
	}
	put([]byte("one\n"))
	put([]byte("two\n"))
	at.move(time.Minute)
	put([]byte("three\n")) // ends the first object by age
	big := bytes.Repeat([]byte("x"), 600<<10)
	put(big)
	put(big) // ends the second by size
	put([]byte("last\n"))
	paths, err := s.Objects("d")
	if err != nil {
		t.Fatal(err)
	}
	var sizes []int
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		if rel, _ := filepath.Rel(dir, p); filepath.Dir(rel) != "logs/2026/11/20/12" {
			t.Errorf("object at %s", rel)
		}
		sizes = append(sizes, len(b))
	}
	if want := []int{len("one\ntwo\nthree\n"), 2 * 600 << 10, len("last\n")}; !slices.Equal(sizes, want) {
		t.Errorf("objects of %v bytes, want %v", sizes, want)
	}
	n := 0
	if err := s.Delivered("d", func(Record) bool { n++; return true }); err != nil || n != 6 {
		t.Errorf("%v, %d records", err, n)
	}
	out, err := s.firehose.DescribeDeliveryStream(ctx, &firehose.DescribeDeliveryStreamInput{DeliveryStreamName: name})
	if err != nil || out.DeliveryStreamDescription.DeliveryStreamStatus != fhtypes.DeliveryStreamStatusActive {
		t.Errorf("%v %+v", err, out)
	}
	names, err := s.firehose.ListDeliveryStreams(ctx, &firehose.ListDeliveryStreamsInput{})
	if err != nil || !slices.Equal(names.DeliveryStreamNames, []string{"d"}) {
		t.Errorf("%v %+v", err, names)
	}
}
