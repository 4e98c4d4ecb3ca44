package wire

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	firehosetypes "github.com/aws/aws-sdk-go-v2/service/firehose/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/kinetail/kinetail/emit/awscall"
	"github.com/kinetail/kinetail/emit/awslocal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func serve(t *testing.T, faults ...awslocal.Fault) (*awslocal.Server, aws.Config) {
	t.Helper()
	return serveIn(t, false, faults...)
}

func serveIn(t *testing.T, jsonOnly bool, faults ...awslocal.Fault) (*awslocal.Server, aws.Config) {
	t.Helper()
	srv, err := awslocal.New(awslocal.Options{
		JSONOnly:        jsonOnly,
		Streams:         []awslocal.StreamConfig{{Name: "s", Shards: 3}},
		DeliveryStreams: []awslocal.DeliveryStreamConfig{{Name: "d"}},
		NoRates:         true,
	})
	if err != nil {
		t.Fatal(err)
	}
	url, err := srv.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	srv.SetFaults(faults...)
	return srv, aws.Config{
		Region: "us-east-1", BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""), HTTPClient: patient{},
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}
}

// patient is awsconfig's client as far as it matters here: net/http must not see a WriteTo that ends when the SDK closes the body, or it
// closes the connection under the answer.
type patient struct{}

func (patient) Do(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		req.Body = struct{ io.ReadCloser }{req.Body}
	}
	return http.DefaultClient.Do(req)
}

// records have keys and data that need care in JSON.
func records(n int) []types.PutRecordsRequestEntry {
	var all []types.PutRecordsRequestEntry
	for i := range n {
		r := types.PutRecordsRequestEntry{
			Data:         fmt.Appendf(nil, "record %d \x00\xff", i),
			PartitionKey: aws.String(fmt.Sprintf("key \"%d\" \\ \u2028 ü\n", i%7)),
		}
		if i%5 == 0 {
			r.ExplicitHashKey = aws.String("170141183460469231731687303715884105728")
		}
		all = append(all, r)
	}
	return all
}

// requestOf is the same records for Put, whose results it collects.
func requestOf(records []types.PutRecordsRequestEntry, results *[]types.PutRecordsResultEntry) *Request {
	text := func(b []byte) *string {
		if b == nil {
			return nil
		}
		return aws.String(string(b))
	}
	return &Request{
		Len: len(records),
		Record: func(i int) Record {
			r := &records[i]
			return Record{Data: r.Data, Key: []byte(*r.PartitionKey), HashKey: aws.ToString(r.ExplicitHashKey)}
		},
		Result: func(i int, r *Result) {
			if i != len(*results) {
				panic(fmt.Sprintf("result %d after %d", i, len(*results)))
			}
			*results = append(*results, types.PutRecordsResultEntry{ShardId: text(r.Shard), ErrorCode: text(r.Code), ErrorMessage: text(r.Message)})
		},
	}
}

func put(ctx context.Context, cfg aws.Config, stream string, records []types.PutRecordsRequestEntry) (results []types.PutRecordsResultEntry, err error) {
	err = NewStream(kinesis.NewFromConfig(cfg), &stream, nil).Put(ctx, requestOf(records, &results))
	return results, err
}

// What we write, in CBOR or JSON, and what the SDK writes are stored alike, and what we read is what the SDK reads, but for sequence numbers.
func TestPutRecordsIsAsTheSDKs(t *testing.T) {
	for name, faults := range map[string][]awslocal.Fault{
		"accepted":  nil,
		"throttled": {{Kind: awslocal.Throttle, Service: "kinesis", Share: 0.5}},
	} {
		t.Run(name, func(t *testing.T) {
			var stored [3][]awslocal.Record
			var out [3][]types.PutRecordsResultEntry
			for i := range out {
				srv, cfg := serveIn(t, i == 2, faults...)
				var err error
				if i == 0 {
					var theirs *kinesis.PutRecordsOutput
					theirs, err = kinesis.NewFromConfig(cfg).PutRecords(t.Context(), &kinesis.PutRecordsInput{StreamName: aws.String("s"), Records: records(100)})
					if err == nil {
						out[i] = theirs.Records
					}
				} else {
					out[i], err = put(t.Context(), cfg, "s", records(100))
				}
				if err != nil {
					t.Fatal(err)
				}
				_ = srv.Records("s", func(r awslocal.Record) bool {
					stored[i] = append(stored[i], awslocal.Record{Shard: r.Shard, PartitionKey: r.PartitionKey, Data: r.Data})
					return true
				})
			}
			for k, ours := range out[1:] {
				if diff := cmp.Diff(stored[0], stored[1+k]); diff != "" {
					t.Errorf("stored otherwise:\n%s", diff)
				}
				if len(out[0]) != len(ours) {
					t.Fatalf("%d results, the SDK says %d", len(ours), len(out[0]))
				}
				for i, want := range out[0] {
					got := ours[i]
					if aws.ToString(got.ShardId) != aws.ToString(want.ShardId) || aws.ToString(got.ErrorCode) != aws.ToString(want.ErrorCode) ||
						aws.ToString(got.ErrorMessage) != aws.ToString(want.ErrorMessage) {
						t.Fatalf("record %d: %+v, the SDK says %+v", i, got, want)
					}
				}
			}
		})
	}
}

func TestPutRecordBatchIsAsTheSDKs(t *testing.T) {
	faults := awslocal.Fault{Kind: awslocal.RecordError, Service: "firehose", Code: "ServiceUnavailableException", Match: "record 3"}
	check := func(srv *awslocal.Server, failed *int32, code *string, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		_ = srv.Delivered("d", func(awslocal.Record) bool { n++; return true })
		if n != 19 || *failed != 1 || aws.ToString(code) != "ServiceUnavailableException" {
			t.Errorf("%d stored, %d failed, %s", n, *failed, aws.ToString(code))
		}
	}
	srv, cfg := serve(t, faults)
	theirs := &firehose.PutRecordBatchInput{DeliveryStreamName: aws.String("d")}
	ours := &awscall.PutRecordBatchInput{DeliveryStreamName: aws.String("d")}
	for _, r := range records(20) {
		theirs.Records = append(theirs.Records, firehosetypes.Record{Data: r.Data})
		ours.Records = append(ours.Records, awscall.Record{Data: r.Data})
	}
	out, err := firehose.NewFromConfig(cfg).PutRecordBatch(t.Context(), theirs)
	check(srv, out.FailedPutCount, out.RequestResponses[3].ErrorCode, err)
	for _, options := range [][]func(*awscall.Options){nil, {Firehose}} {
		srv, cfg := serve(t, faults)
		out, err := awscall.NewFirehose(cfg, options...).PutRecordBatch(t.Context(), ours)
		check(srv, out.FailedPutCount, out.RequestResponses[3].ErrorCode, err)
	}
}

// Errors stay the SDK's own.
func TestErrorsAreTheSDKs(t *testing.T) {
	_, cfg := serve(t)
	_, err := put(t.Context(), cfg, "none", records(1))
	var missing *types.ResourceNotFoundException
	if !errors.As(err, &missing) {
		t.Errorf("a stream that is not there: %v", err)
	}
	for _, kind := range []awslocal.FaultKind{awslocal.CutAnswer, awslocal.LostAnswer, awslocal.Reset, awslocal.Error} {
		_, cfg := serve(t, awslocal.Fault{Kind: kind, Service: "kinesis"})
		if _, err := put(t.Context(), cfg, "s", records(10)); err == nil {
			t.Errorf("%s: no error", kind)
		}
	}
}

func TestBodiesAreJSON(t *testing.T) {
	arn, all := aws.String("arn:aws:kinesis:eu-west-1:123456789012:stream/x"), records(12)
	in := requestOf(all, nil)
	text := appendPutRecords(nil, nil, arn, in)
	var got struct {
		Records []struct {
			Data            []byte
			PartitionKey    string
			ExplicitHashKey *string
		}
		StreamARN  string
		StreamName *string
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got.StreamARN != *arn || got.StreamName != nil || len(got.Records) != 12 {
		t.Errorf("%s", text)
	}
	for i, r := range got.Records {
		if string(r.Data) != string(all[i].Data) || r.PartitionKey != *all[i].PartitionKey || (r.ExplicitHashKey == nil) != (i%5 != 0) {
			t.Errorf("record %d: %+v", i, r)
		}
	}
	if size := in.size(false); len(text) > size {
		t.Errorf("%d bytes were expected, it has %d", size, len(text))
	}
}

// nobody asks for results.
var nobody = &Request{}

func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`{"FailedRecordCount":1,"Records":[{"ShardId":"shardId-000000000000","SequenceNumber":"1"},{"ErrorCode":"InternalFailure","ErrorMessage":"m"}]}`))
	f.Add([]byte(`{"RequestResponses":[{"RecordId":"x"},{"ErrorCode":null}]}`))
	f.Add([]byte(`{"Records":[1,{"ShardId":2}]}`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		if _, err := parsePutRecords(answer, nobody); err == nil && !json.Valid(answer) {
			t.Logf("taken though it is no strict JSON: %q", answer)
		}
		var d awscall.PutRecordBatchOutput
		_ = parsePutRecordBatch(answer, &d)
	})
}

// calls makes requests of n records of 51,200 bytes, which an endpoint without a network accepts.
func calls(tb testing.TB, n int) func() {
	tb.Helper()
	r := &Request{
		Len:    n,
		Record: func(int) Record { return Record{Data: large, Key: []byte("a")} },
		Result: func(int, *Result) {},
	}
	s := NewStream(kinesis.NewFromConfig(aws.Config{
		Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""), HTTPClient: accepting{n},
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}), aws.String("s"), nil)
	return func() {
		if err := s.Put(tb.Context(), r); err != nil {
			tb.Fatal(err)
		}
	}
}

var large = make([]byte, 51200)

// accepting is an HTTP client whose server is always content.
type accepting struct{ records int }

func (a accepting) Do(req *http.Request) (*http.Response, error) {
	if _, err := io.Copy(io.Discard, req.Body); err != nil {
		return nil, err
	}
	one := `{"ShardId":"shardId-000000000000","SequenceNumber":"1"}`
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{}, Request: req,
		Body: io.NopCloser(strings.NewReader(`{"FailedRecordCount":0,"Records":[` + strings.Repeat(one+",", a.records-1) + one + `]}`)),
	}, nil
}

func TestBodiesAreUsedAgain(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // which would empty the pool
	call := calls(t, 4)
	call()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const n, size = 100, 4 * 51200 * 4 / 3
	for range n {
		call()
	}
	runtime.ReadMemStats(&after)
	// The race detector has pools lose a quarter of what is put there.
	if took := after.TotalAlloc - before.TotalAlloc; took > n*size*3/4 {
		t.Errorf("%d calls allocated %d bytes, their bodies have %d", n, took, n*size)
	}
}

func BenchmarkPutRecords(b *testing.B) {
	call := calls(b, 20)
	b.SetBytes(20 * 51200)
	b.ReportAllocs()
	for b.Loop() {
		call()
	}
}
