package awslocal

import (
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// TestCBOR is the older protocol of Kinesis as the Java SDK speaks it: bytes are bytes, times are tag 1 with milliseconds.
func TestCBOR(t *testing.T) {
	at := newClock()
	s := start(t, Options{Now: at.Now, Streams: []StreamConfig{{Name: "s", Shards: 4}}})
	call := func(operation string, in map[string]any, out any) int {
		t.Helper()
		status, answer := post(t, s, "Kinesis_20131202."+operation, in)
		if err := cbor.Unmarshal([]byte(answer), out); err != nil {
			t.Fatalf("%s: %v in %x", operation, err, answer)
		}
		return status
	}
	var put struct {
		FailedRecordCount int
		Records           []struct {
			ShardID string `cbor:"ShardId"`
		}
	}
	call("PutRecords", map[string]any{"StreamName": "s", "Records": []map[string]any{
		{"Data": []byte{0, 255}, "PartitionKey": "a"},
		{"Data": []byte("low"), "PartitionKey": "a", "ExplicitHashKey": "0"},
	}}, &put)
	if len(put.Records) != 2 || put.Records[0].ShardID != "shardId-000000000000" || put.Records[1].ShardID != "shardId-000000000000" {
		t.Fatalf("%+v", put) // MD5("a") begins with 0c
	}
	var it struct{ ShardIterator string }
	call("GetShardIterator", map[string]any{
		"StreamName": "s", "ShardId": "shardId-000000000000", "ShardIteratorType": "AT_TIMESTAMP",
		"Timestamp": cbor.Tag{Number: 1, Content: at.Now().UnixMilli()},
	}, &it)
	var read struct {
		Records []struct {
			ApproximateArrivalTimestamp cbor.RawTag
			Data                        []byte
			PartitionKey                string
		}
		MillisBehindLatest *int
	}
	call("GetRecords", map[string]any{"ShardIterator": it.ShardIterator}, &read)
	if len(read.Records) != 2 || string(read.Records[0].Data) != "\x00\xff" || read.Records[1].PartitionKey != "a" || read.MillisBehindLatest == nil {
		t.Fatalf("%+v", read)
	}
	var ms int64
	stamp := read.Records[0].ApproximateArrivalTimestamp
	if err := cbor.Unmarshal(stamp.Content, &ms); err != nil || stamp.Number != 1 || ms != at.Now().UnixMilli() {
		t.Errorf("%v: tag %d with %d", err, stamp.Number, ms)
	}
	var refused struct {
		Type string `cbor:"__type"`
	}
	if status := call("DescribeStream", map[string]any{"StreamName": "none"}, &refused); status != 400 || refused.Type != "ResourceNotFoundException" {
		t.Errorf("%d %+v", status, refused)
	}
}
