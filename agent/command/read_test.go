package command

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/kinetail/kinetail/agent"
	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/emit/awslocal"
)

// writer puts records into the stream "s".
type writer struct {
	*kinesis.Client
	t *testing.T
}

func (p *place) writer() *writer {
	p.t.Helper()
	session, err := agent.Session(p.t.Context(), config.AWS{Endpoint: p.url}, agent.Options{Log: slog.New(slog.DiscardHandler)}, "test", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(session.Close)
	return &writer{session.Kinesis(), p.t}
}

func (w *writer) put(key string, data ...[]byte) {
	w.t.Helper()
	in := &kinesis.PutRecordsInput{StreamName: aws.String("s")}
	for _, d := range data {
		in.Records = append(in.Records, types.PutRecordsRequestEntry{PartitionKey: aws.String(key), Data: d})
	}
	out, err := w.PutRecords(w.t.Context(), in)
	if err != nil || *out.FailedRecordCount > 0 {
		w.t.Fatal(err)
	}
}

func zipped(text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	return b.Bytes()
}

// aggregated is the KPL's vector: key "a", data "hello" and "world".
var aggregated, _ = hex.DecodeString("f3899ac20a01611a0908001a0568656c6c6f1a0908001a05776f726c6495dc6567da1ab6d7868d9fce34d10c22")

func (p *place) read(code int, args ...string) (records []shownRecord, errOut string) {
	p.t.Helper()
	out, errOut := p.run(code, append([]string{"read", "--stream", "s", "-o", "json"}, args...)...)
	for dec := json.NewDecoder(strings.NewReader(out)); dec.More(); {
		var r shownRecord
		if err := dec.Decode(&r); err != nil {
			p.t.Fatalf("%v in %s", err, out)
		}
		records = append(records, r)
	}
	return records, errOut
}

func text(r shownRecord) string {
	if r.Data == nil {
		return string(r.Base64)
	}
	return *r.Data
}

func TestReadOpens(t *testing.T) {
	p := newPlace(t, 2, keyedFlow)
	w := p.writer()
	z, _ := zstd.NewWriter(nil)
	cut := zipped("this one is cut off")[:20]
	w.put("a", []byte("plain"), aggregated, zipped("some text"), z.EncodeAll([]byte("more text"), nil), []byte("\xff\x1b[2J"), cut,
		zipped(`{"owner":"1","logGroup":"g","logStream":"l","subscriptionFilters":["f"],"messageType":"DATA_MESSAGE","logEvents":[
			{"id":"e1","timestamp":1432826855000,"message":"first"},{"id":"e2","timestamp":1432826855001,"message":"second"}]}`),
		zipped(`{"messageType":"CONTROL_MESSAGE","logEvents":[{"id":"","timestamp":1,"message":"CWL CONTROL MESSAGE"}]}`),
		zipped(`{"messageType":"OTHER"}`), zipped(""))
	_ = z.Close()
	wrong := big.NewInt(0) // an aggregate where its keys do not belong
	if sum := md5.Sum([]byte("a")); sum[0] < 128 {
		wrong.Sub(wrong.Lsh(big.NewInt(1), 128), big.NewInt(1))
	}
	if _, err := w.PutRecord(t.Context(), &kinesis.PutRecordInput{
		StreamName: aws.String("s"), Data: aggregated, PartitionKey: aws.String("a"), ExplicitHashKey: aws.String(wrong.String()),
	}); err != nil {
		t.Fatal(err)
	}
	records, errOut := p.read(0, "--from", "beginning", "--once")
	has(t, errOut, "read 13 records", "out of 11 Kinesis records in 2 shards", "2 are aggregates", "1 aggregates hold records of another shard")
	var good []string
	misplaced := 0
	for _, r := range records {
		if r.Misplaced {
			misplaced++
			continue
		}
		good = append(good, fmt.Sprintf("%s/%d/%d/%s", text(r), r.Part, r.Parts, r.Compression))
		if r.PartitionKey != "a" || r.Sequence == "" || r.Shard == "" || time.Since(r.Arrival) > time.Hour {
			t.Errorf("%+v", r)
		}
		if text(r) == "second" && (r.LogGroup != "g" || r.LogStream != "l" || r.LogID != "e2" || r.LogTime.UnixMilli() != 1432826855001) {
			t.Errorf("%+v", r)
		}
	}
	want := []string{
		"plain/0/1/", "hello/0/2/", "world/1/2/", "some text/0/1/gzip", "more text/0/1/zstd", "\xff\x1b[2J/0/1/", string(cut) + "/0/1/",
		"first/0/2/gzip", "second/1/2/gzip", `{"messageType":"OTHER"}/0/1/gzip`, "/0/1/gzip",
	}
	if fmt.Sprintf("%q", good) != fmt.Sprintf("%q", want) || misplaced != 2 {
		t.Errorf("%d misplaced, and %q\nwant %q", misplaced, good, want)
	}
	out, _ := p.run(0, "read", "--stream", "s", "--from", "beginning", "--limit", "7")
	if strings.Contains(out, "\x1b") {
		t.Errorf("an escape sequence reaches the terminal: %q", out)
	}
	out, _ = p.run(0, "read", "--stream", "s", "--from", "beginning", "--once", "--as-is", "-o", "raw")
	if strings.Count(out, string(aggregated)+"\n") != 2 || !strings.Contains(out, string(zipped("some text"))) {
		t.Errorf("as it is: %q", out)
	}
}

// What the agent aggregates comes out line by line.
func TestReadWhatTheAgentSends(t *testing.T) {
	p := newPlace(t, 2, strings.ReplaceAll(keyedFlow, "max_wait ", "aggregate = \"kpl\"\n    max_wait "))
	p.write("a.log", numbered(0, 2000))
	p.run(0, "run", "--once")
	out, errOut := p.run(0, "read", "--stream", "s", "--from", "beginning", "--once", "-o", "raw")
	if out != numbered(0, 2000) {
		t.Errorf("%d bytes came back of 20000", len(out))
	}
	has(t, errOut, "read 2000 records", "are aggregates")
}

// A child's records come after its parents', through a split and a merge.
func TestReadThroughResharding(t *testing.T) {
	p := newPlace(t, 1, keyedFlow)
	w := p.writer()
	n := 0
	more := func() {
		for key := range 8 {
			w.put(fmt.Sprint("k", key), fmt.Appendf(nil, "%d", n), fmt.Appendf(nil, "%d", n+1))
		}
		n += 2
	}
	more()
	half := new(big.Int).Lsh(big.NewInt(1), 127)
	if _, err := w.SplitShard(t.Context(), &kinesis.SplitShardInput{
		StreamName: aws.String("s"), ShardToSplit: aws.String("shardId-000000000000"), NewStartingHashKey: aws.String(half.String()),
	}); err != nil {
		t.Fatal(err)
	}
	more()
	check := p.path("check.json")
	first, _ := p.read(0, "--from", "beginning", "--limit", "13", "--checkpoint", check)
	if _, err := w.MergeShards(t.Context(), &kinesis.MergeShardsInput{
		StreamName: aws.String("s"), ShardToMerge: aws.String("shardId-000000000001"), AdjacentShardToMerge: aws.String("shardId-000000000002"),
	}); err != nil {
		t.Fatal(err)
	}
	more()
	rest, errOut := p.read(0, "--once", "--checkpoint", check)
	has(t, errOut, "in 4 shards")
	next := map[string]int{}
	for _, r := range append(first, rest...) {
		if text(r) != fmt.Sprint(next[r.PartitionKey]) {
			t.Errorf("%s of %s, want %d", text(r), r.PartitionKey, next[r.PartitionKey])
		}
		next[r.PartitionKey]++
	}
	if len(next) != 8 || len(first) != 13 || len(rest) != 48-13 {
		t.Errorf("%v, %d and %d records", next, len(first), len(rest))
	}
	if again, _ := p.read(0, "--once", "--checkpoint", check); len(again) != 0 {
		t.Errorf("read again: %v", again)
	}
}

// A limit ends in the middle of an aggregate, and reading goes on there.
func TestReadGoesOnInsideAnAggregate(t *testing.T) {
	p := newPlace(t, 1, keyedFlow)
	w := p.writer()
	w.put("a", aggregated, []byte("x"), aggregated)
	var got []string
	for range 6 {
		records, _ := p.read(0, "--from", "beginning", "--once", "--limit", "1", "--checkpoint", p.path("c"))
		for _, r := range records {
			got = append(got, text(r))
		}
	}
	if fmt.Sprint(got) != "[hello world x hello world]" {
		t.Errorf("%v", got)
	}
}

func TestReadLatest(t *testing.T) {
	p := newPlace(t, 2, keyedFlow)
	w := p.writer()
	w.put("a", []byte("before"))
	check := p.path("check.json")
	begun := func() {
		for deadline := time.Now().Add(20 * time.Second); p.server.Counters().Requests["kinesis.GetRecords"] < 2; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("nothing is read")
			}
		}
	}
	done := make(chan []shownRecord)
	go func() {
		records, _ := p.read(0, "--limit", "2", "--checkpoint", check)
		done <- records
	}()
	begun()
	w.put("a", []byte("one"), []byte("two"), []byte("three"))
	if records := <-done; len(records) != 2 || text(records[0]) != "one" || text(records[1]) != "two" {
		t.Errorf("%+v", records)
	}
	w.put("b", []byte("four"))
	records, _ := p.read(0, "--once", "--checkpoint", check)
	got := map[string]bool{}
	for _, r := range records {
		got[text(r)] = true
	}
	if len(records) != 2 || !got["three"] || !got["four"] {
		t.Errorf("%+v", records)
	}
	records, errOut := p.read(0, "--for", "100ms")
	if len(records) != 0 {
		t.Errorf("%+v", records)
	}
	has(t, errOut, "--from beginning reads what came before")
}

// An iterator that expires before the first record does not skip what came meanwhile.
func TestReadLatestExpired(t *testing.T) {
	p := newPlace(t, 1, keyedFlow)
	w := p.writer()
	w.put("a", []byte("before"))
	p.server.SetFaults(awslocal.Fault{Kind: awslocal.Error, Operation: "GetRecords", Code: "ExpiredIteratorException"})
	done := make(chan []shownRecord)
	go func() {
		records, _ := p.read(0, "--limit", "1", "--for", "20s")
		done <- records
	}()
	for p.server.Counters().Refused["ExpiredIteratorException"] == 0 {
		time.Sleep(time.Millisecond)
	}
	w.put("a", []byte("meanwhile"))
	n := p.server.Counters().Requests["kinesis.GetShardIterator"]
	for p.server.Counters().Requests["kinesis.GetShardIterator"] < n+2 {
		time.Sleep(time.Millisecond)
	}
	p.server.SetFaults()
	if records := <-done; len(records) != 1 || text(records[0]) != "meanwhile" {
		t.Errorf("%+v", records)
	}
}

func TestReadTrouble(t *testing.T) {
	p := newPlace(t, 2, keyedFlow)
	w := p.writer()
	w.put("a", []byte("x"))
	w.put("b", []byte("y"))
	p.server.SetFaults(
		awslocal.Fault{Kind: awslocal.Error, Operation: "GetRecords", Code: "ProvisionedThroughputExceededException", Times: 2},
		awslocal.Fault{Kind: awslocal.Error, Operation: "GetRecords", Code: "ExpiredIteratorException", Times: 1},
		awslocal.Fault{Kind: awslocal.Error, Operation: "GetRecords", Code: "ExpiredTokenException", Times: 1},
		awslocal.Fault{Kind: awslocal.Reset, Operation: "ListShards", Times: 1},
	)
	if records, _ := p.read(0, "--from", "beginning", "--once"); len(records) != 2 {
		t.Errorf("%+v", records)
	}
	p.server.SetFaults(awslocal.Fault{Kind: awslocal.Error, Operation: "GetRecords", Code: "AccessDeniedException"})
	_, errOut := p.read(1, "--from", "beginning")
	has(t, errOut, "GetRecords of stream s: AccessDeniedException")
	p.server.SetFaults()
	_, errOut = p.run(1, "read", "--stream", "none")
	has(t, errOut, "ListShards of stream none: ResourceNotFoundException")
	check := p.write("check.json", `{"stream":"s","shards":{"shardId-000000000000":{"sequence":"1"}}}`)
	_, errOut = p.read(1, "--checkpoint", check)
	has(t, errOut, "remove the checkpoint file")
	_, errOut = p.run(1, "read", "--stream", "t", "--checkpoint", check)
	has(t, errOut, "is of stream s, not of t")
	p.write("check.json", "{")
	p.read(1, "--checkpoint", check)
	for _, args := range [][]string{{}, {"--stream", "s", "--from", "now"}, {"--stream", "s", "-o", "xml"}, {"--stream", "s", "--limit", "-1"}, {"--stream", "s", "--for", "-1s"}, {"s"}} {
		p.run(2, append([]string{"read"}, args...)...)
	}
	// Without a configuration, and by ARN.
	p.write("kinetail.hcl", "flow {")
	p.run(2, "read", "--stream", "s")
	var out, errs lockedBuffer
	if code := Main([]string{
		"read", "--stream", "arn:aws:kinesis:us-east-1:000000000000:stream/s", "--endpoint", p.url, "--region", "us-east-1", "--from", "beginning", "--once",
	}, nil, &out, &errs); code != 0 || len(out.String()) != 4 {
		t.Errorf("%d %q %s", code, out.String(), errs.String())
	}
}
