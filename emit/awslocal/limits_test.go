package awslocal

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/fxamacker/cbor/v2"
)

// post makes a call by hand. What is large goes this way, for base64 under the race detector takes seconds. The body is a
// string of JSON, or a value to send as CBOR.
func post(t *testing.T, s services, target string, body any) (status int, answer string) {
	t.Helper()
	contentType := "application/x-amz-json-1.1"
	var raw []byte
	if text, ok := body.(string); ok {
		raw = []byte(text)
	} else {
		var err error
		contentType = "application/x-amz-cbor-1.1"
		if raw, err = cbor.Marshal(body); err != nil {
			t.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, *s.BaseEndpoint, bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("X-Amz-Target", target)
	req.Header.Set("X-Amz-Date", time.Now().UTC().Format("20060102T150405Z"))
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIATEST/20261120/us-east-1/kinesis/aws4_request, SignedHeaders=host;x-amz-date, Signature=00")
	resp, err := s.HTTPClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func TestLimitsOfPutRecords(t *testing.T) {
	s := start(t, Options{NoRates: true, Discard: true, Streams: []StreamConfig{{Name: "s"}, {Name: "big", MaxRecord: 10240}}})
	type record map[string]any
	zeros := make([]byte, 10<<20+1)
	entry := func(size int, key string) record { return record{"Data": zeros[:size], "PartitionKey": key} }
	many := func(n, size int) []record { return slices.Repeat([]record{entry(size, "k")}, n) }
	hash := func(v string) []record {
		return []record{{"Data": zeros[:1], "PartitionKey": "k", "ExplicitHashKey": v}}
	}
	for _, tt := range []struct {
		name    string
		stream  string
		records []record
		dryRun  bool
		code    string
		message string
	}{
		{"500 records", "s", many(500, 1), false, "", ""},
		{"501 records", "s", many(501, 1), false, "ValidationException", "less than or equal to 500"},
		{"no record", "s", many(0, 1), false, "ValidationException", "greater than or equal to 1"},
		{"1 MiB with its key", "s", many(1, 1<<20-1), false, "", ""},
		{"1 MiB and its key", "s", many(1, 1<<20), false, "InvalidArgumentException", "1024 KiB"},
		{"10 MiB with its key", "big", many(1, 10<<20-1), false, "", ""},
		{"10 MiB and a byte", "big", many(1, 10<<20+1), false, "ValidationException", "10485760"},
		{"10 MiB in a call", "s", many(10, 1<<20-1), false, "", ""},
		{"more than 10 MiB in a call", "s", many(11, 1<<20-1), false, "InvalidArgumentException", "10 MB"},
		{"256 characters of 2 bytes", "s", []record{entry(1, strings.Repeat("é", 256))}, false, "", ""},
		{"257 characters", "s", []record{entry(1, strings.Repeat("k", 257))}, false, "ValidationException", "records.1.member.partitionKey"},
		{"empty key", "s", []record{entry(1, "")}, false, "ValidationException", "greater than or equal to 1"},
		{"no key", "s", []record{{"Data": zeros[:1]}}, false, "ValidationException", "must not be null"},
		{"no data", "s", []record{{"PartitionKey": "k"}}, false, "ValidationException", "must not be null"},
		{"largest hash key", "s", hash("340282366920938463463374607431768211455"), false, "", ""},
		{"hash key too large", "s", hash("340282366920938463463374607431768211456"), false, "InvalidArgumentException", "ExplicitHashKey"},
		{"hash key no number", "s", hash("0x1"), false, "InvalidArgumentException", "ExplicitHashKey"},
		{"no stream", "none", many(1, 1), false, "ResourceNotFoundException", "none under account 000000000000 not found"},
		{"dry run", "s", many(1, 1), true, "DryRunOperationException", "would have succeeded"},
		{"dry run that would fail", "s", many(1, 1<<20), true, "InvalidArgumentException", "1024 KiB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := s.Counters().Records
			_, answer := post(t, s, "Kinesis_20131202.PutRecords", map[string]any{"StreamName": tt.stream, "Records": tt.records, "DryRun": tt.dryRun})
			var got struct {
				Type              string `cbor:"__type"`
				Message           string `cbor:"message"`
				FailedRecordCount int
				Records           []struct{ ShardId, SequenceNumber string }
			}
			if err := cbor.Unmarshal([]byte(answer), &got); err != nil {
				t.Fatal(err)
			}
			if got.Type != tt.code || !strings.Contains(got.Message, tt.message) {
				t.Fatalf("got %+v, want %s with %q", got, tt.code, tt.message)
			}
			want := 0
			if tt.code == "" {
				want = len(tt.records)
			}
			if stored := s.Counters().Records - before; stored != int64(want) || len(got.Records) != want {
				t.Fatalf("stored %d records, %d in the answer, want %d", stored, len(got.Records), want)
			}
		})
	}
}

func TestLimitsOfPutRecordBatch(t *testing.T) {
	s := start(t, Options{NoRates: true, Discard: true, DeliveryStreams: []DeliveryStreamConfig{{Name: "d"}}})
	many := func(n, size int) string {
		data := strings.Repeat("AAAA", size/3) + []string{"", "AA==", "AAA="}[size%3]
		return strings.TrimSuffix(strings.Repeat(`{"Data":"`+data+`"},`, n), ",")
	}
	for _, tt := range []struct {
		name    string
		stream  string
		records string
		code    string
	}{
		{"500 records", "d", many(500, 1), ""},
		{"501 records", "d", many(501, 1), "ValidationException"},
		{"1,000 KiB", "d", many(1, 1000<<10), ""},
		{"1,000 KiB and a byte", "d", many(1, 1000<<10+1), "ValidationException"},
		{"4 MiB", "d", many(8, 512<<10), ""},
		{"4 MiB and a byte", "d", many(8, 512<<10) + "," + many(1, 1), "InvalidArgumentException"},
		{"no stream", "none", many(1, 1), "ResourceNotFoundException"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, answer := post(t, s, "Firehose_20150804.PutRecordBatch", `{"DeliveryStreamName":"`+tt.stream+`","Records":[`+tt.records+`]}`)
			var got errorAnswer
			if err := json.Unmarshal([]byte(answer), &got); err != nil || got.Type != tt.code {
				t.Fatalf("got %+v, want %s", got, tt.code)
			}
		})
	}
}

// failed puts n records of a size and says how many were refused for the rate.
func failed(t *testing.T, s services, stream string, n, size int) int {
	t.Helper()
	out, err := s.kinesis.PutRecords(t.Context(), &kinesis.PutRecordsInput{StreamName: &stream, Records: entries(n, size)})
	if err != nil {
		t.Fatal(err)
	}
	return int(*out.FailedRecordCount)
}

func TestShardRates(t *testing.T) {
	at := newClock()
	s := start(t, Options{Now: at.Now, Streams: []StreamConfig{{Name: "records"}, {Name: "bytes"}, {Name: "two", Shards: 2}, {Name: "large", MaxRecord: 10240}}})
	for range 2 {
		if n := failed(t, s, "records", 500, 10); n != 0 {
			t.Fatalf("%d refused below 1,000 a second", n)
		}
	}
	if n := failed(t, s, "records", 500, 10); n != 500 {
		t.Fatalf("%d of the records past 1,000 were refused, want 500", n)
	}
	at.move(100 * time.Millisecond)
	if n := failed(t, s, "records", 500, 10); n != 400 {
		t.Fatalf("%d of 500 refused after a tenth of a second, want 400", n)
	}
	// 1 MiB a second: 100 KiB ten times, with keys of 5 bytes.
	if n := failed(t, s, "bytes", 11, 100<<10); n != 1 {
		t.Fatalf("%d of 11 x 100 KiB refused, want 1", n)
	}
	// A record larger than a second's worth passes a full bucket, and ten seconds nothing else.
	large := map[string]any{"StreamName": "large", "Data": make([]byte, 10<<20-1), "PartitionKey": "k"}
	if status, answer := post(t, s, "Kinesis_20131202.PutRecord", large); status != 200 {
		t.Fatalf("a record of 10 MiB was refused by an idle shard: %s", answer)
	}
	at.move(9 * time.Second)
	if n := failed(t, s, "large", 1, 10<<10); n != 1 {
		t.Fatal("10 MiB did not use up nine seconds")
	}
	at.move(time.Second)
	if n := failed(t, s, "large", 1, 10<<10); n != 0 {
		t.Fatal("refused after ten seconds")
	}
	s.SetRates(0.01) // 10 records a second and shard
	if n := failed(t, s, "two", 100, 10); n < 80 || n > 85 {
		t.Fatalf("%d of 100 refused at 2 x 10 a second", n)
	}
	s.SetRates(0)
	if n := failed(t, s, "two", 500, 10); n != 0 {
		t.Fatalf("%d refused without rates", n)
	}
	_, err := s.kinesis.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: aws.String("records"), PartitionKey: aws.String("k"), Data: []byte("x")})
	if err != nil {
		t.Fatal(err)
	}
	s.SetRates(1)
	_, err = s.kinesis.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: aws.String("bytes"), PartitionKey: aws.String("k"), Data: make([]byte, 900<<10)})
	if err != nil {
		t.Fatalf("after ten seconds: %v", err)
	}
	_, err = s.kinesis.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: aws.String("bytes"), PartitionKey: aws.String("k"), Data: make([]byte, 900<<10)})
	if code(err) != "ProvisionedThroughputExceededException" || !strings.Contains(err.Error(), "Rate exceeded for shard shardId-000000000000 in stream bytes under account 000000000000.") {
		t.Fatalf("got %v", err)
	}
	for i := range 21 {
		_, err = s.kinesis.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamName: aws.String("two")})
		if (err != nil) != (i == 20) {
			t.Fatalf("description %d in one second: %v", i+1, err)
		}
	}
	if code(err) != "LimitExceededException" {
		t.Fatalf("got %v", err)
	}
}
