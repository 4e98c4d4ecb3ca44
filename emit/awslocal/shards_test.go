package awslocal

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// list pages through ListShards and returns the ids' last digits.
func list(t *testing.T, s services, filter *types.ShardFilter, page int32) string {
	t.Helper()
	in := &kinesis.ListShardsInput{StreamName: aws.String("s"), ShardFilter: filter, MaxResults: &page}
	var ids []string
	for {
		out, err := s.kinesis.ListShards(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Shards) > int(page) {
			t.Fatalf("%d shards on a page of %d", len(out.Shards), page)
		}
		for _, sh := range out.Shards {
			ids = append(ids, strings.TrimLeft(strings.TrimPrefix(*sh.ShardId, "shardId-"), "0"))
		}
		if out.NextToken == nil {
			return strings.Join(ids, " ")
		}
		in = &kinesis.ListShardsInput{NextToken: out.NextToken, MaxResults: &page}
	}
}

func iteratorOf(t *testing.T, s services, in *kinesis.GetShardIteratorInput) *string {
	t.Helper()
	in.StreamName = aws.String("s")
	out, err := s.kinesis.GetShardIterator(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out.ShardIterator
}

func TestReshard(t *testing.T) {
	at := newClock()
	s := start(t, Options{Now: at.Now, NoRates: true, Streams: []StreamConfig{{Name: "s", Shards: 2}}})
	ctx, name := t.Context(), aws.String("s")
	if n := failed(t, s, "s", 100, 10); n != 0 {
		t.Fatal(n)
	}
	at.move(time.Second)
	_, err := s.kinesis.SplitShard(ctx, &kinesis.SplitShardInput{StreamName: name, ShardToSplit: aws.String("shardId-000000000001"), NewStartingHashKey: aws.String("300000000000000000000000000000000000000")})
	if err != nil {
		t.Fatal(err)
	}
	split := at.Now()
	at.move(time.Second)
	_, err = s.kinesis.MergeShards(ctx, &kinesis.MergeShardsInput{StreamName: name, ShardToMerge: aws.String("shardId-000000000000"), AdjacentShardToMerge: aws.String("shardId-000000000002")})
	if err != nil {
		t.Fatal(err)
	}
	at.move(time.Second)
	all, err := s.kinesis.ListShards(ctx, &kinesis.ListShardsInput{StreamName: name})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, sh := range all.Shards {
		got = append(got, fmt.Sprintf("%s %s-%s from %s %s closed %v", *sh.ShardId, *sh.HashKeyRange.StartingHashKey, *sh.HashKeyRange.EndingHashKey,
			aws.ToString(sh.ParentShardId), aws.ToString(sh.AdjacentParentShardId), sh.SequenceNumberRange.EndingSequenceNumber != nil))
	}
	want := []string{
		"shardId-000000000000 0-170141183460469231731687303715884105727 from   closed true",
		"shardId-000000000001 170141183460469231731687303715884105728-340282366920938463463374607431768211455 from   closed true",
		"shardId-000000000002 170141183460469231731687303715884105728-299999999999999999999999999999999999999 from shardId-000000000001  closed true",
		"shardId-000000000003 300000000000000000000000000000000000000-340282366920938463463374607431768211455 from shardId-000000000001  closed false",
		"shardId-000000000004 0-299999999999999999999999999999999999999 from shardId-000000000000 shardId-000000000002 closed false",
	}
	if !slices.Equal(got, want) {
		t.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, tt := range []struct {
		filter *types.ShardFilter
		want   string
	}{
		{nil, " 1 2 3 4"},
		{&types.ShardFilter{Type: types.ShardFilterTypeAtLatest}, "3 4"},
		{&types.ShardFilter{Type: types.ShardFilterTypeAtTrimHorizon}, " 1"},
		{&types.ShardFilter{Type: types.ShardFilterTypeFromTrimHorizon}, " 1 2 3 4"},
		{&types.ShardFilter{Type: types.ShardFilterTypeAfterShardId, ShardId: aws.String("shardId-000000000002")}, "3 4"},
		{&types.ShardFilter{Type: types.ShardFilterTypeAtTimestamp, Timestamp: &split}, " 2 3"},
		{&types.ShardFilter{Type: types.ShardFilterTypeFromTimestamp, Timestamp: &split}, " 2 3 4"},
	} {
		for _, page := range []int32{1, 2, 1000} {
			if got := list(t, s, tt.filter, page); got != tt.want {
				t.Fatalf("%+v in pages of %d: got %q, want %q", tt.filter, page, got, tt.want)
			}
		}
	}
	// Records go to the children; the closed parent is read to its end, which names them.
	if n := failed(t, s, "s", 100, 10); n != 0 {
		t.Fatal(n)
	}
	it := iteratorOf(t, s, &kinesis.GetShardIteratorInput{ShardId: aws.String("shardId-000000000001"), ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
	limit := int32(10)
	read := 0
	for {
		out, err := s.kinesis.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: it, Limit: &limit})
		if err != nil {
			t.Fatal(err)
		}
		read += len(out.Records)
		if it = out.NextShardIterator; it == nil {
			if len(out.ChildShards) != 2 || *out.ChildShards[1].ShardId != "shardId-000000000003" || *out.MillisBehindLatest != 0 {
				t.Fatalf("%+v", out)
			}
			break
		}
		if len(out.Records) != 10 || *out.MillisBehindLatest != 3000 {
			t.Fatalf("%d records, %d ms behind, want 10 and 3000", len(out.Records), *out.MillisBehindLatest)
		}
	}
	stats, err := s.Stats("s")
	if err != nil || read != int(stats[1].Records) || stats[3].Records+stats[4].Records != 100 || stats[2].Records != 0 {
		t.Fatalf("read %d, %v, %+v", read, err, stats)
	}
}

func TestReshardRefusals(t *testing.T) {
	s := start(t, Options{StatusDelay: time.Hour, Now: newClock().Now})
	if err := s.CreateStream(StreamConfig{Name: "s", Shards: 3}); err != nil {
		t.Fatal(err)
	}
	_, err := s.kinesis.PutRecords(t.Context(), &kinesis.PutRecordsInput{StreamName: aws.String("s"), Records: entries(1, 1)})
	if code(err) != "ResourceNotFoundException" {
		t.Fatalf("put to a stream that is CREATING: %v", err)
	}
	sum, err := s.kinesis.DescribeStreamSummary(t.Context(), &kinesis.DescribeStreamSummaryInput{StreamARN: aws.String("arn:aws:kinesis:us-east-1:000000000000:stream/s")})
	if err != nil || sum.StreamDescriptionSummary.StreamStatus != types.StreamStatusCreating {
		t.Fatalf("%v %+v", err, sum)
	}

	s = start(t, Options{Streams: []StreamConfig{{Name: "s", Shards: 3}}})
	merge := func(a, b string) string {
		_, err := s.kinesis.MergeShards(t.Context(), &kinesis.MergeShardsInput{StreamName: aws.String("s"), ShardToMerge: &a, AdjacentShardToMerge: &b})
		return code(err)
	}
	split := func(shard, key string) string {
		_, err := s.kinesis.SplitShard(t.Context(), &kinesis.SplitShardInput{StreamName: aws.String("s"), ShardToSplit: &shard, NewStartingHashKey: &key})
		return code(err)
	}
	for name, got := range map[string]string{
		"not adjacent":     merge("shardId-000000000000", "shardId-000000000002"),
		"with itself":      merge("shardId-000000000000", "shardId-000000000000"),
		"outside":          split("shardId-000000000000", "340282366920938463463374607431768211455"),
		"at its own start": split("shardId-000000000000", "0"),
	} {
		if got != "InvalidArgumentException" {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := split("shardId-000000000007", "1"); got != "ResourceNotFoundException" {
		t.Errorf("unknown shard: %s", got)
	}
	_, err = s.kinesis.UpdateShardCount(t.Context(), &kinesis.UpdateShardCountInput{StreamName: aws.String("s"), TargetShardCount: aws.Int32(6), ScalingType: types.ScalingTypeUniformScaling})
	if got := list(t, s, &types.ShardFilter{Type: types.ShardFilterTypeAtLatest}, 1000); err != nil || got != "3 4 5 6 7 8" {
		t.Fatalf("%v %q", err, got)
	}
	if got := merge("shardId-000000000000", "shardId-000000000001"); got != "InvalidArgumentException" {
		t.Errorf("closed shards: %s", got)
	}
}

func TestIterators(t *testing.T) {
	at := newClock()
	s := start(t, Options{Now: at.Now, Streams: []StreamConfig{{Name: "s"}}})
	var sequences []string
	var times []time.Time
	for i := range 5 {
		out, err := s.kinesis.PutRecord(t.Context(), &kinesis.PutRecordInput{StreamName: aws.String("s"), PartitionKey: aws.String("k"), Data: []byte{byte('0' + i)}})
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 && *out.SequenceNumber <= sequences[i-1] || len(*out.SequenceNumber) != 56 {
			t.Fatalf("sequence number %s after %v", *out.SequenceNumber, sequences)
		}
		sequences, times = append(sequences, *out.SequenceNumber), append(times, at.Now())
		at.move(time.Second)
	}
	var late *string
	for _, tt := range []struct {
		kind     types.ShardIteratorType
		sequence *string
		time     *time.Time
		want     string
	}{
		{types.ShardIteratorTypeTrimHorizon, nil, nil, "01234"},
		{types.ShardIteratorTypeLatest, nil, nil, ""},
		{types.ShardIteratorTypeAtSequenceNumber, &sequences[2], nil, "234"},
		{types.ShardIteratorTypeAfterSequenceNumber, &sequences[2], nil, "34"},
		{types.ShardIteratorTypeAfterSequenceNumber, &sequences[4], nil, ""},
		{types.ShardIteratorTypeAtTimestamp, nil, aws.Time(times[3]), "34"},
		{types.ShardIteratorTypeAtTimestamp, nil, aws.Time(times[3].Add(time.Millisecond)), "4"},
		{types.ShardIteratorTypeAtTimestamp, nil, aws.Time(times[0].Add(-time.Hour)), "01234"},
		{types.ShardIteratorTypeAtTimestamp, nil, aws.Time(times[4].Add(500 * time.Millisecond)), ""},
	} {
		late = iteratorOf(t, s, &kinesis.GetShardIteratorInput{ShardId: aws.String("shardId-000000000000"), ShardIteratorType: tt.kind, StartingSequenceNumber: tt.sequence, Timestamp: tt.time})
		out, err := s.kinesis.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: late})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for i, r := range out.Records {
			got += string(r.Data)
			if n := int(r.Data[0] - '0'); !r.ApproximateArrivalTimestamp.Equal(times[n]) || *r.SequenceNumber != sequences[n] {
				t.Fatalf("record %d: %+v", i, r)
			}
		}
		if got != tt.want {
			t.Errorf("%s %v %v: got %q, want %q", tt.kind, tt.sequence, tt.time, got, tt.want)
		}
	}
	at.move(5*time.Minute + time.Second)
	if _, err := s.kinesis.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: late}); code(err) != "ExpiredIteratorException" {
		t.Fatalf("got %v", err)
	}
	if _, err := s.kinesis.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: aws.String("AAAAAAAAAAEnonsense")}); code(err) != "InvalidArgumentException" {
		t.Fatalf("got %v", err)
	}
}

func TestAutoDistribution(t *testing.T) {
	s := start(t, Options{Streams: []StreamConfig{{Name: "s", OnDemand: true}}})
	ctx, arn := t.Context(), aws.String("arn:aws:kinesis:us-east-1:000000000000:stream/s")
	same := []types.PutRecordsRequestEntry{}
	for range 100 {
		same = append(same, types.PutRecordsRequestEntry{Data: []byte("x"), PartitionKey: aws.String("one key")})
	}
	spread := func() map[string]int {
		out, err := s.kinesis.PutRecords(ctx, &kinesis.PutRecordsInput{StreamARN: arn, Records: same})
		if err != nil {
			t.Fatal(err)
		}
		shards := map[string]int{}
		for _, r := range out.Records {
			shards[*r.ShardId]++
		}
		return shards
	}
	if got := spread(); len(got) != 1 {
		t.Fatalf("one key went to %v", got)
	}
	if _, err := s.kinesis.UpdateStreamRecordDistributionStrategy(ctx, &kinesis.UpdateStreamRecordDistributionStrategyInput{StreamARN: arn, RecordDistributionStrategy: types.RecordDistributionStrategyAuto}); err != nil {
		t.Fatal(err)
	}
	for i := range same {
		same[i].PartitionKey = nil // optional now
	}
	if got := spread(); len(got) != 4 || got["shardId-000000000000"] != 25 {
		t.Fatalf("AUTO spread %v", got)
	}
	sum, err := s.kinesis.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamARN: arn})
	if err != nil || sum.StreamDescriptionSummary.RecordDistributionStrategy != types.RecordDistributionStrategyAuto || *sum.StreamDescriptionSummary.MaxRecordSizeInKiB != 1024 {
		t.Fatalf("%v %+v", err, sum)
	}
}
