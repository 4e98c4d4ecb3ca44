package readback

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kinetail/kinetail/emit/awslocal"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The vector that the producers' and consumers' libraries agree on: key "a", data "hello" and "world".
const vector = "f3899ac20a01611a0908001a0568656c6c6f1a0908001a05776f726c6495dc6567da1ab6d7868d9fce34d10c22"

func unhex(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// frame puts magic and checksum around a protobuf message.
func frame(message []byte) []byte {
	sum := md5.Sum(message)
	return slices.Concat(aggregateMagic, message, sum[:])
}

func TestDeaggregate(t *testing.T) {
	good := unhex(t, vector)
	subs, ok := Deaggregate(good)
	if got := fmt.Sprintf("%v %s", ok, subs); got != "true [{a  hello} {a  world}]" {
		t.Fatal(got)
	}
	subs, ok = Deaggregate(frame(unhex(t, "0a0161"+"0a0162"+"120133"+"1a07"+"0801"+"1000"+"1a0178"+"2a0178")))
	if got := fmt.Sprintf("%v %s", ok, subs); got != "true [{b 3 x}]" { // and an unknown field 5
		t.Fatal(got)
	}
	flipped := bytes.Clone(good)
	flipped[8] ^= 1
	for name, data := range map[string][]byte{
		"nothing": nil, "magic alone": good[:4], "cut": good[:len(good)-1], "other magic": append([]byte{0}, good[1:]...), "flipped": flipped,
		"no key index":    frame(unhex(t, "0a01611a031a0178")),
		"no data":         frame(unhex(t, "0a01611a020800")),
		"index too large": frame(unhex(t, "0a01611a0508011a0178")),
		"length too long": frame(unhex(t, "0aff01")),
		"group":           frame(unhex(t, "0b")),
	} {
		if _, ok := Deaggregate(data); ok {
			t.Errorf("%s: taken for an aggregate", name)
		}
	}
}

func FuzzDeaggregate(f *testing.F) {
	f.Add(unhex(f, vector)[4:29])
	f.Add([]byte("\x1a\x05\x08\x00\x1a\x01x"))
	f.Fuzz(func(t *testing.T, message []byte) {
		subs, _ := Deaggregate(frame(message))
		total := 0
		for _, s := range subs {
			total += len(s.Data)
		}
		if total > len(message) {
			t.Fatalf("%d bytes of data out of a message of %d", total, len(message))
		}
	})
}

// write puts records by the wire, without the SDK.
func write(t *testing.T, r *Reader, stream string, records []map[string]any) {
	t.Helper()
	for page := range slices.Chunk(records, 500) {
		var out struct{ FailedRecordCount int }
		if err := r.call(t.Context(), "PutRecords", map[string]any{"StreamName": stream, "Records": page}, &out); err != nil || out.FailedRecordCount != 0 {
			t.Fatal(err, out)
		}
	}
}

func local(t *testing.T, opts awslocal.Options) (*awslocal.Server, *Reader) {
	t.Helper()
	s, err := awslocal.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	url, err := s.Start()
	if err != nil {
		t.Fatal(err)
	}
	client := s.Client()
	t.Cleanup(func() {
		client.CloseIdleConnections()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, &Reader{Endpoint: url, Client: client}
}

// check writes plain and aggregated records to a stream of 4 shards and reads them back.
func check(t *testing.T, r *Reader) {
	t.Helper()
	var records []map[string]any
	for i := range 1200 {
		records = append(records, map[string]any{"Data": fmt.Appendf(nil, "line %d", i), "PartitionKey": fmt.Sprint("key ", i%100)})
	}
	sum := md5.Sum([]byte("a"))
	right := (SubRecord{PartitionKey: "a"}).hash().String()
	records = append(records,
		map[string]any{"Data": unhex(t, vector), "PartitionKey": "a", "ExplicitHashKey": right}, // where its keys belong
		map[string]any{"Data": unhex(t, vector), "PartitionKey": "a", "ExplicitHashKey": map[bool]string{true: "0", false: "340282366920938463463374607431768211455"}[sum[0] > 127]},
	)
	write(t, r, "s", records)
	for _, pageSize := range []int{0, 97} {
		r.PageSize = pageSize
		last, shards := map[string]int{}, []string{}
		n := 0
		got, err := r.Read(t.Context(), "s", func(rec Record) error {
			if len(shards) == 0 || shards[len(shards)-1] != rec.Shard {
				shards = append(shards, rec.Shard)
			}
			if time.Since(rec.Arrival).Abs() > time.Hour {
				t.Errorf("arrived %v", rec.Arrival)
			}
			if rec.Sub >= 0 {
				if string(rec.Data) != []string{"hello", "world"}[rec.Sub] || rec.PartitionKey != "a" {
					t.Errorf("%+v", rec)
				}
				return nil
			}
			if _, err := fmt.Sscanf(string(rec.Data), "line %d", &n); err != nil || n < last[rec.PartitionKey] {
				t.Errorf("%v: %q after line %d of its key", err, rec.Data, last[rec.PartitionKey])
			}
			last[rec.PartitionKey] = n
			return nil
		})
		want := Summary{Shards: 4, KinesisRecords: 1202, Aggregates: 2, Records: 1204, Bytes: got.Bytes, Misplaced: 2}
		if err != nil || got != want || len(last) != 100 || len(shards) != 4 || !slices.IsSorted(shards) {
			t.Fatalf("%v %+v, %d keys, shards %v", err, got, len(last), shards)
		}
	}
}

func TestRead(t *testing.T) {
	_, r := local(t, awslocal.Options{NoRates: true, Streams: []awslocal.StreamConfig{{Name: "s", Shards: 4}}})
	check(t, r)
}

// TestReadKinesisLocal reads from a third party's server: npm's kinesis-local with INITIALIZE_STREAMS=s:4, freshly started.
func TestReadKinesisLocal(t *testing.T) {
	url := os.Getenv("KINESIS_LOCAL_URL")
	if url == "" {
		t.Skip("KINESIS_LOCAL_URL does not name a running kinesis-local")
	}
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	r := &Reader{Endpoint: url, Client: client}
	_ = r.call(t.Context(), "DeleteStream", map[string]any{"StreamName": "s"}, &struct{}{}) // there may be none
	deadline := time.Now().Add(10 * time.Second)
	for {
		var out struct{ StreamDescriptionSummary struct{ StreamStatus string } }
		err := r.call(t.Context(), "DescribeStreamSummary", map[string]any{"StreamName": "s"}, &out)
		if err == nil && out.StreamDescriptionSummary.StreamStatus == "ACTIVE" {
			break
		}
		if err != nil {
			_ = r.call(t.Context(), "CreateStream", map[string]any{"StreamName": "s", "ShardCount": 4}, &struct{}{}) // not yet, perhaps
		}
		if time.Now().After(deadline) {
			t.Fatal("no stream:", err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	check(t, r)
}

func TestReadThroughTrouble(t *testing.T) {
	s, r := local(t, awslocal.Options{NoRates: true, Streams: []awslocal.StreamConfig{{Name: "s", Shards: 2}}})
	write(t, r, "s", []map[string]any{{"Data": []byte("x"), "PartitionKey": "a"}, {"Data": []byte("y"), "PartitionKey": "b"}})
	s.SetFaults(
		awslocal.Fault{Kind: awslocal.Error, Operation: "GetRecords", Code: "ProvisionedThroughputExceededException", Times: 1},
		awslocal.Fault{Kind: awslocal.Error, Operation: "GetRecords", Code: "ExpiredIteratorException", Times: 1},
		awslocal.Fault{Kind: awslocal.Reset, Operation: "GetShardIterator", Times: 1},
	)
	sum, err := r.Read(t.Context(), "s", func(Record) error { return nil })
	if err != nil || sum.Records != 2 {
		t.Fatalf("%v %+v", err, sum)
	}
	r.MaxRecords = 1
	if sum, err = r.Read(t.Context(), "s", func(Record) error { return nil }); !errors.Is(err, ErrTooMany) || sum.Records != 1 {
		t.Fatalf("%v %+v", err, sum)
	}
	s.SetFaults(awslocal.Fault{Kind: awslocal.Error, Operation: "*", Code: "AccessDeniedException"})
	if _, err = r.Read(t.Context(), "s", nil); err == nil || !strings.Contains(err.Error(), "ListShards: AccessDeniedException: User:") {
		t.Fatal(err)
	}
	s.SetFaults(awslocal.Fault{Kind: awslocal.Error, Operation: "*"})
	ctx, cancel := context.WithTimeout(t.Context(), 80*time.Millisecond)
	defer cancel()
	if _, err = r.Read(ctx, "s", nil); err == nil || ctx.Err() == nil {
		t.Fatal(err)
	}
}
