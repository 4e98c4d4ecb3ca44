package awslocal

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/firehose"
	fhtypes "github.com/aws/aws-sdk-go-v2/service/firehose/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
)

// put puts n records of 20 bytes into stream s.
func put(t *testing.T, s services, n int) (*kinesis.PutRecordsOutput, error) {
	t.Helper()
	return s.kinesis.PutRecords(t.Context(), &kinesis.PutRecordsInput{StreamName: aws.String("s"), Records: entries(n, 20)})
}

func TestFaultsOfWholeCalls(t *testing.T) {
	s := start(t, Options{Streams: []StreamConfig{{Name: "s"}}})
	for _, tt := range []struct {
		fault  Fault
		code   string // the SDK's view of the error
		status int
		stored int64
	}{
		{Fault{Kind: Error}, "InternalFailure", 500, 0},
		{Fault{Kind: Error, Code: "ServiceUnavailable"}, "ServiceUnavailable", 503, 0},
		{Fault{Kind: Error, Code: "ExpiredTokenException"}, "ExpiredTokenException", 400, 0},
		{Fault{Kind: Error, Code: "AccessDeniedException"}, "AccessDeniedException", 400, 0},
		{Fault{Kind: Error, Code: "KMSDisabledException"}, "KMSDisabledException", 400, 0},
		{Fault{Kind: Error, Code: "RequestTimeTooSkewed", Status: 403}, "RequestTimeTooSkewed", 403, 0},
		{Fault{Kind: BodyLimit, Limit: 100}, "UnknownError", 413, 0},
		{Fault{Kind: BodyLimit, Limit: 10000}, "", 0, 10},
		{Fault{Kind: Error, Match: "record 7"}, "InternalFailure", 500, 0},
		{Fault{Kind: Error, Match: "record 77"}, "", 0, 10},
		{Fault{Kind: Error, Stream: "other"}, "", 0, 10},
		{Fault{Kind: Error, Service: "firehose"}, "", 0, 10},
		{Fault{Kind: Error, Operation: "ListShards"}, "", 0, 10},
		{Fault{Kind: Error, Operation: "*"}, "InternalFailure", 500, 0},
		{Fault{Kind: Error, AccessKey: "AKIATEST"}, "InternalFailure", 500, 0},
		{Fault{Kind: Error, AccessKey: "AKIAOTHER"}, "", 0, 10},
	} {
		s.SetFaults(tt.fault)
		before := s.Counters()
		_, err := put(t, s, 10)
		after := s.Counters()
		var status int
		var response *awshttp.ResponseError
		if errors.As(err, &response) {
			status = response.HTTPStatusCode()
		}
		got := code(err)
		if tt.fault.Kind == BodyLimit && err != nil { // HTML: the SDK has no code for it
			got = "UnknownError"
		}
		if got != tt.code || status != tt.status || after.Records-before.Records != tt.stored {
			t.Errorf("%+v: got %v, status %d, %d stored", tt.fault, err, status, after.Records-before.Records)
		}
		if struck := after.Faults[string(tt.fault.Kind)] - before.Faults[string(tt.fault.Kind)]; (struck == 1) != (tt.code != "") {
			t.Errorf("%+v: counted %d times", tt.fault, struck)
		}
	}
}

func TestFaultsOfConnections(t *testing.T) {
	for _, secure := range []bool{false, true} {
		s := start(t, Options{TLS: secure, Streams: []StreamConfig{{Name: "s"}}})
		for _, tt := range []struct {
			fault  Fault
			want   error
			stored int64
		}{
			{Fault{Kind: Reset, Times: 1}, syscall.ECONNRESET, 0},
			{Fault{Kind: LostAnswer, Times: 1}, io.EOF, 10},
			{Fault{Kind: CutAnswer, Times: 1}, io.ErrUnexpectedEOF, 10},
		} {
			s.SetFaults(tt.fault)
			before := s.Counters().Records
			_, err := put(t, s, 10)
			if !errors.Is(err, tt.want) || s.Counters().Records-before != tt.stored {
				t.Errorf("%s, TLS %v: got %v, %d stored", tt.fault.Kind, secure, err, s.Counters().Records-before)
			}
			if _, err := put(t, s, 1); err != nil {
				t.Errorf("%s struck more often than once: %v", tt.fault.Kind, err)
			}
		}
	}
}

func TestSlowAnswer(t *testing.T) {
	s := start(t, Options{Streams: []StreamConfig{{Name: "s"}}})
	s.SetFaults(Fault{Kind: Latency, Delay: 50 * time.Millisecond})
	began := time.Now()
	if _, err := put(t, s, 1); err != nil || time.Since(began) < 50*time.Millisecond {
		t.Fatalf("%v after %v", err, time.Since(began))
	}
	// One that would never come is given up by the caller, and by Close, which ends the test.
	for _, kind := range []FaultKind{Latency, LostAnswer} {
		s.SetFaults(Fault{Kind: kind, Delay: time.Hour})
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err := s.kinesis.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: aws.String("s"), Records: entries(1, 1)})
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
	}
	if n := s.Counters().Records; n != 2 {
		t.Fatalf("%d records, want 2: a lost answer is of a call that was carried out, a late one isn't", n)
	}
}

func TestWrongCount(t *testing.T) {
	s := start(t, Options{Streams: []StreamConfig{{Name: "s"}}})
	for extra, want := range map[int]int{0: 9, -3: 7, 2: 12, -99: 0} {
		s.SetFaults(Fault{Kind: WrongCount, Extra: extra})
		if out, err := put(t, s, 10); err != nil || len(out.Records) != want {
			t.Errorf("%d: %v, %d results", extra, err, len(out.Records))
		}
	}
}

func TestFaultsOfRecords(t *testing.T) {
	at := newClock()
	s := start(t, Options{Now: at.Now, NoRates: true, Streams: []StreamConfig{{Name: "s", Shards: 4}}, DeliveryStreams: []DeliveryStreamConfig{{Name: "d"}}})
	s.SetFaults(
		Fault{Kind: RecordError, Code: "KMSThrottlingException", Match: "record 17"},
		Fault{Kind: Throttle, Shard: "shardId-000000000002", For: time.Minute},
		Fault{Kind: RecordError, Service: "firehose", Code: "ServiceUnavailableException", Times: 2},
	)
	out, err := put(t, s, 100)
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string]int{}
	for i, r := range out.Records {
		if got := aws.ToString(r.ErrorCode); got != "" {
			codes[got]++
		}
		if (aws.ToString(r.ErrorCode) == "KMSThrottlingException") != (i == 17) {
			t.Errorf("record %d: %+v", i, r)
		}
	}
	stats, _ := s.Stats("s")
	if codes["ProvisionedThroughputExceededException"] < 10 || stats[2].Records != 0 || stats[0].Records == 0 || stats[3].Records == 0 {
		t.Fatalf("%v %+v", codes, stats)
	}
	at.move(time.Minute)
	if _, err := put(t, s, 100); err != nil {
		t.Fatal(err)
	}
	if stats, _ = s.Stats("s"); stats[2].Records == 0 {
		t.Fatalf("still throttled after the fault's time: %+v", stats)
	}
	d, err := s.firehose.PutRecordBatch(t.Context(), &firehose.PutRecordBatchInput{DeliveryStreamName: aws.String("d"), Records: []fhtypes.Record{{Data: []byte("a")}, {Data: []byte("b")}, {Data: []byte("c")}}})
	if err != nil || *d.FailedPutCount != 2 || *d.RequestResponses[0].ErrorMessage != "Slow down." || d.RequestResponses[2].RecordId == nil {
		t.Fatalf("%v %+v", err, d)
	}
}

// TestSeed: the same calls meet the same faults, and another seed others.
func TestSeed(t *testing.T) {
	run := func(seed uint64) []int {
		s := start(t, Options{Seed: seed, NoRates: true, Streams: []StreamConfig{{Name: "s"}}})
		s.SetFaults(Fault{Kind: Throttle, Share: 0.3}, Fault{Kind: RecordError, Share: 0.1})
		var failed []int
		for range 5 {
			out, err := put(t, s, 100)
			if err != nil {
				t.Fatal(err)
			}
			for i, r := range out.Records {
				if r.ErrorCode != nil {
					failed = append(failed, i)
				}
			}
		}
		return failed
	}
	a := run(1)
	if b := run(1); !slices.Equal(a, b) || len(a) < 100 || len(a) > 270 {
		t.Errorf("one seed, two outcomes, or a wrong share: %v %v", a, b)
	}
	if c := run(2); slices.Equal(a, c) {
		t.Error("the seed makes no difference")
	}
}

func TestCloudWatchFaults(t *testing.T) {
	s := start(t, Options{})
	for want, f := range map[string]Fault{
		"Throttling":      {Kind: Throttle},
		"AccessDenied":    {Kind: Error, Service: "cloudwatch", Code: "AccessDeniedException"},
		"InternalFailure": {Kind: Error},
		"ExpiredToken":    {Kind: Error, Code: "ExpiredTokenException"},
	} {
		s.SetFaults(f)
		_, err := s.cloudwatch.PutMetricData(t.Context(), &cloudwatch.PutMetricDataInput{Namespace: aws.String("N"), MetricData: []cwtypes.MetricDatum{{MetricName: aws.String("M"), Value: aws.Float64(1)}}})
		if code(err) != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if len(s.Metrics()) != 0 {
		t.Error("refused metrics were kept")
	}
}

func TestControlPath(t *testing.T) {
	s := start(t, Options{Streams: []StreamConfig{{Name: "s"}}})
	do := func(method, path, body string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, s.URL()+"/_awslocal/"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := s.HTTPClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		answer, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, strings.TrimSpace(string(answer))
	}
	const rule = `[{"kind":"throttle","stream":"s","share":1,"for":"1h0m0s","delay":"1h0m0s"}]`
	if status, got := do("PUT", "faults", rule); status != 200 || got != rule {
		t.Fatalf("%d %s", status, got)
	}
	if want := []Fault{{Kind: Throttle, Stream: "s", Share: 1, For: time.Hour, Delay: time.Hour}}; !slices.Equal(s.Faults(), want) {
		t.Fatalf("%+v", s.Faults())
	}
	if out, err := put(t, s, 3); err != nil || *out.FailedRecordCount != 3 {
		t.Fatalf("%v %+v", err, out)
	}
	if status, got := do("POST", "faults", `[{"kind":"nonsense"}]`); status != 400 || !strings.Contains(got, "nonsense") {
		t.Fatalf("%d %s", status, got)
	}
	if status, got := do("DELETE", "faults", ""); status != 200 || got != "[]" {
		t.Fatalf("%d %s", status, got)
	}
	if out, err := put(t, s, 3); err != nil || *out.FailedRecordCount != 0 {
		t.Fatalf("%v %+v", err, out)
	}
	_, got := do("GET", "counters", "")
	var c Counters
	if err := json.Unmarshal([]byte(got), &c); err != nil || c.Throttled != 3 || c.Records != 3 || c.Requests["kinesis.PutRecords"] != 2 {
		t.Fatalf("%v %s", err, got)
	}
	if status, got := do("GET", "streams/s", ""); status != 200 || !strings.Contains(got, `"Records":3`) {
		t.Fatalf("%d %s", status, got)
	}
	if status, _ := do("GET", "streams/none", ""); status != 400 {
		t.Fatal(status)
	}
	if status, _ := do("PUT", "rates", `{"scale":0.001}`); status != 200 || failed(t, s, "s", 3, 1) != 2 {
		t.Fatal(status)
	}
	if status, _ := do("GET", "nothing", ""); status != 404 {
		t.Fatal(status)
	}
}
