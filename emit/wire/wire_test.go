package wire

import (
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

// What we write, in CBOR or JSON, and what the SDK writes are stored alike, and what we read is what the SDK reads, but for sequence numbers.
func TestPutRecordsIsAsTheSDKs(t *testing.T) {
	for name, faults := range map[string][]awslocal.Fault{
		"accepted":  nil,
		"throttled": {{Kind: awslocal.Throttle, Service: "kinesis", Share: 0.5}},
	} {
		t.Run(name, func(t *testing.T) {
			var stored [3][]awslocal.Record
			var out [3]*kinesis.PutRecordsOutput
			for i, option := range []func(*kinesis.Options){func(*kinesis.Options) {}, Kinesis, Kinesis} {
				srv, cfg := serveIn(t, i == 2, faults...)
				var err error
				out[i], err = kinesis.NewFromConfig(cfg, option).PutRecords(t.Context(), &kinesis.PutRecordsInput{StreamName: aws.String("s"), Records: records(100)})
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
				if *out[0].FailedRecordCount != *ours.FailedRecordCount || len(out[0].Records) != len(ours.Records) {
					t.Fatalf("%d of %d failed, the SDK says %d of %d", *ours.FailedRecordCount, len(ours.Records), *out[0].FailedRecordCount, len(out[0].Records))
				}
				for i, want := range out[0].Records {
					got := ours.Records[i]
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
	_, err := kinesis.NewFromConfig(cfg, Kinesis).PutRecords(t.Context(), &kinesis.PutRecordsInput{StreamName: aws.String("none"), Records: records(1)})
	var missing *types.ResourceNotFoundException
	if !errors.As(err, &missing) {
		t.Errorf("a stream that is not there: %v", err)
	}
	for _, kind := range []awslocal.FaultKind{awslocal.CutAnswer, awslocal.LostAnswer, awslocal.Reset, awslocal.Error} {
		_, cfg := serve(t, awslocal.Fault{Kind: kind, Service: "kinesis"})
		if _, err := kinesis.NewFromConfig(cfg, Kinesis).PutRecords(t.Context(), &kinesis.PutRecordsInput{StreamName: aws.String("s"), Records: records(10)}); err == nil {
			t.Errorf("%s: no error", kind)
		}
	}
}

func TestBodiesAreJSON(t *testing.T) {
	in := &kinesis.PutRecordsInput{StreamARN: aws.String("arn:aws:kinesis:eu-west-1:123456789012:stream/x"), Records: records(12)}
	text := appendPutRecords(nil, in)
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
	if got.StreamARN != *in.StreamARN || got.StreamName != nil || len(got.Records) != 12 {
		t.Errorf("%s", text)
	}
	for i, r := range got.Records {
		if string(r.Data) != string(in.Records[i].Data) || r.PartitionKey != *in.Records[i].PartitionKey || (r.ExplicitHashKey == nil) != (i%5 != 0) {
			t.Errorf("record %d: %+v", i, r)
		}
	}
	if size := putRecordsSize(in); len(text) > size {
		t.Errorf("%d bytes were expected, it has %d", size, len(text))
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`{"FailedRecordCount":1,"Records":[{"ShardId":"shardId-000000000000","SequenceNumber":"1"},{"ErrorCode":"InternalFailure","ErrorMessage":"m"}]}`))
	f.Add([]byte(`{"RequestResponses":[{"RecordId":"x"},{"ErrorCode":null}]}`))
	f.Add([]byte(`{"Records":[1,{"ShardId":2}]}`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		var k kinesis.PutRecordsOutput
		if err := parsePutRecords(answer, &k); err == nil && !json.Valid(answer) {
			t.Logf("taken though it is no strict JSON: %q", answer)
		}
		var d awscall.PutRecordBatchOutput
		_ = parsePutRecordBatch(answer, &d)
	})
}

// calls makes requests of n records of 51,200 bytes, which an endpoint without a network accepts.
func calls(tb testing.TB, n int) func() {
	tb.Helper()
	in := &kinesis.PutRecordsInput{StreamName: aws.String("s")}
	for range n {
		in.Records = append(in.Records, types.PutRecordsRequestEntry{Data: make([]byte, 51200), PartitionKey: aws.String("a")})
	}
	client := kinesis.NewFromConfig(aws.Config{
		Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""), HTTPClient: accepting{},
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}, Kinesis)
	return func() {
		if _, err := client.PutRecords(tb.Context(), in); err != nil {
			tb.Fatal(err)
		}
	}
}

// accepting is an HTTP client whose server is always content.
type accepting struct{}

func (accepting) Do(req *http.Request) (*http.Response, error) {
	if _, err := io.Copy(io.Discard, req.Body); err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{}, Request: req,
		Body: io.NopCloser(strings.NewReader(`{"FailedRecordCount":0,"Records":[{"ShardId":"shardId-000000000000","SequenceNumber":"1"}]}`)),
	}, nil
}

// The SDK never closes a body, so it took a while to notice that none came back.
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
