package main

import (
	"bytes"
	"context"
	"crypto/md5" // #nosec G501 -- the service's choice
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kinetail/kinetail/emit/aggregate"
	"github.com/kinetail/kinetail/emit/retry"
	"github.com/kinetail/kinetail/emit/wire"
)

// vector is an aggregated record of the KPL's format: key "a", data "hello" and "world".
const vector = "f3899ac20a01611a0908001a0568656c6c6f1a0908001a05776f726c6495dc6567da1ab6d7868d9fce34d10c22"

type entry = types.PutRecordsRequestEntry

// small are n records with the keys of f.
func small(n int, key func(int) string) []entry {
	all := make([]entry, n)
	for i := range all {
		all[i] = entry{Data: fmt.Appendf(nil, "kinetail verify %d", i), PartitionKey: aws.String(key(i))}
	}
	return all
}

func numbered(i int) string { return fmt.Sprintf("key-%d", i) }

func (v *verifier) kinesis(ctx context.Context) {
	plain := v.session.Kinesis()                    // as the SDK sends: JSON
	stream := wire.NewStream(plain, &v.stream, nil) // as kinetail does: CBOR
	ours := func(records []entry) (results int, err error) {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		err = stream.Put(ctx, &wire.Request{
			Len: len(records),
			Record: func(i int) wire.Record {
				return wire.Record{Data: records[i].Data, Key: []byte(*records[i].PartitionKey)}
			},
			Result: func(int, *wire.Result) { results++ },
		})
		return results, err
	}
	put := func(client *kinesis.Client, records []entry, dry bool) (*kinesis.PutRecordsOutput, error) {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		in := &kinesis.PutRecordsInput{StreamName: &v.stream, Records: records}
		if dry {
			in.DryRun = aws.Bool(true)
		}
		return client.PutRecords(ctx, in)
	}

	shards := v.shards(ctx, plain)
	largest := v.summary(ctx, plain)

	_, err := put(plain, small(1, numbered), true)
	_, dry := errors.AsType[*types.DryRunOperationException](err)
	v.check("PutRecords with DryRun answers DryRunOperationException", dry, "%s", outcome(err))

	n, err := ours(small(500, numbered))
	v.check("PutRecords in CBOR is understood, 500 records in a call", err == nil && n == 500, "%s", outcome(err))

	out, err := put(plain, small(500, numbered), false)
	v.check("PutRecords in JSON, 500 records in a call", err == nil && aws.ToInt32(out.FailedRecordCount) == 0, "%s", outcome(err))
	if err == nil {
		v.placed(out, shards)
		v.ordered(out)
	}
	_, err = put(plain, small(501, numbered), false)
	v.refused("501 records in a call are refused as data", err, "ValidationException|InvalidArgumentException", retry.Data)

	record := func(size int) []entry {
		return []entry{{Data: bytes.Repeat([]byte("kinetail verify "), size/16+1)[:size-1], PartitionKey: aws.String("k")}}
	}
	_, err = ours(record(1 << 20))
	v.check("a record of 1 MiB with its key is taken", err == nil, "%s", outcome(err))
	switch {
	case largest > 1<<20:
		v.skip("a record of more than the stream's limit is refused", "the stream takes more than 1 MiB")
	default:
		_, err = ours(record(1<<20 + 1))
		v.refused("a record of more than the stream's limit is refused as data", err, "ValidationException|InvalidArgumentException", retry.Data)
	}

	_, err = plain.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: aws.String("kinetail-verify-no-such-stream"), Records: small(1, numbered)})
	v.refused("a stream that is not there is a mistake of the configuration", err, "ResourceNotFoundException", retry.Configuration)
	v.aggregated(ctx, plain)
	v.throttled(put, plain)
}

func (v *verifier) shards(ctx context.Context, client *kinesis.Client) (open []types.Shard) {
	const fact = "ListShards AT_LATEST lists open shards that cover all hash keys, once"
	in := &kinesis.ListShardsInput{StreamName: &v.stream, ShardFilter: &types.ShardFilter{Type: types.ShardFilterTypeAtLatest}}
	for range 100 {
		out, err := client.ListShards(ctx, in)
		if err != nil {
			v.check(fact, false, "%s", outcome(err))
			return nil
		}
		open = append(open, out.Shards...)
		if out.NextToken == nil {
			break
		}
		in = &kinesis.ListShardsInput{NextToken: out.NextToken}
	}
	slices.SortFunc(open, func(a, b types.Shard) int {
		return number(a.HashKeyRange.StartingHashKey).Cmp(number(b.HashKeyRange.StartingHashKey))
	})
	next, whole := new(big.Int), true
	for _, s := range open {
		whole = whole && number(s.HashKeyRange.StartingHashKey).Cmp(next) == 0
		next = new(big.Int).Add(number(s.HashKeyRange.EndingHashKey), big.NewInt(1))
	}
	whole = whole && next.Cmp(new(big.Int).Lsh(big.NewInt(1), 128)) == 0
	v.check(fact, whole, "%d shards", len(open))
	return open
}

func number(s *string) *big.Int {
	n, ok := new(big.Int).SetString(aws.ToString(s), 10)
	if !ok {
		return big.NewInt(-1)
	}
	return n
}

func (v *verifier) summary(ctx context.Context, client *kinesis.Client) (largest int) {
	out, err := client.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &v.stream})
	if err != nil || out.StreamDescriptionSummary == nil {
		v.check("DescribeStreamSummary tells the largest record", false, "%s", outcome(err))
		return 0
	}
	s := out.StreamDescriptionSummary
	kib := aws.ToInt32(s.MaxRecordSizeInKiB)
	v.check("DescribeStreamSummary tells the largest record", kib >= 1024, "%d KiB, distribution %q", kib, s.RecordDistributionStrategy)
	return int(kib) << 10
}

// placed holds the shard of each answer against the map.
func (v *verifier) placed(out *kinesis.PutRecordsOutput, shards []types.Shard) {
	const fact = "a record goes to the shard that its key's MD5 falls into"
	wrong := 0
	for i, r := range out.Records {
		sum := md5.Sum([]byte(numbered(i))) // #nosec G401
		hash := new(big.Int).SetBytes(sum[:])
		for _, s := range shards {
			if hash.Cmp(number(s.HashKeyRange.StartingHashKey)) >= 0 && hash.Cmp(number(s.HashKeyRange.EndingHashKey)) <= 0 && aws.ToString(r.ShardId) != *s.ShardId {
				wrong++
			}
		}
	}
	v.check(fact, wrong == 0 && len(shards) > 0, "%d of %d records went elsewhere", wrong, len(out.Records))
}

// ordered looks at the sequence numbers of one call. Nothing promises their order, and kinetail does not rest on it: it sends one record per key and call.
func (v *verifier) ordered(out *kinesis.PutRecordsOutput) {
	last, turned := map[string]*big.Int{}, 0
	for _, r := range out.Records {
		n := number(r.SequenceNumber)
		if l := last[aws.ToString(r.ShardId)]; l != nil && n.Cmp(l) <= 0 {
			turned++
		}
		last[aws.ToString(r.ShardId)] = n
	}
	v.check("for information: records of one call and shard are in the order of the call", true, "%d of %d are not", turned, len(out.Records))
}

// aggregated puts an aggregate and reads it back.
func (v *verifier) aggregated(ctx context.Context, client *kinesis.Client) {
	const fact = "an aggregated record goes where its explicit hash key says, and comes back as it was"
	data, err := hex.DecodeString(vector)
	if err != nil {
		v.check(fact, false, "%v", err)
		return
	}
	sum := md5.Sum([]byte("a")) // #nosec G401
	out, err := client.PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: &v.stream, Records: []entry{{
		Data: data, PartitionKey: aws.String("a"), ExplicitHashKey: aws.String(new(big.Int).SetBytes(sum[:]).String()),
	}}})
	if err != nil || len(out.Records) != 1 || out.Records[0].SequenceNumber == nil {
		v.check(fact, false, "%s", outcome(err))
		return
	}
	it, err := client.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{
		StreamName: &v.stream, ShardId: out.Records[0].ShardId, ShardIteratorType: types.ShardIteratorTypeAtSequenceNumber, StartingSequenceNumber: out.Records[0].SequenceNumber,
	})
	if err != nil {
		v.skip(fact, "it could not be read back: "+outcome(err))
		return
	}
	next := it.ShardIterator
	for range 10 {
		got, err := client.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: next, Limit: aws.Int32(1)})
		if err != nil {
			v.skip(fact, "it could not be read back: "+outcome(err))
			return
		}
		if len(got.Records) > 0 {
			records, ok := aggregate.Decode(got.Records[0].Data)
			var words []string
			for _, r := range records {
				words = append(words, string(r.Data))
			}
			v.check(fact, ok && strings.Join(words, " ") == "hello world", "%q", words)
			return
		}
		next = got.NextShardIterator
		time.Sleep(200 * time.Millisecond)
	}
	v.skip(fact, "it was not there after ten reads")
}

// throttled sends more records to one shard than it takes in a second. A stream that has room for them all is no proof of anything.
func (v *verifier) throttled(put func(*kinesis.Client, []entry, bool) (*kinesis.PutRecordsOutput, error), client *kinesis.Client) {
	const fact = "records above a shard's rate are refused one by one, in an answer that is good"
	for range 3 {
		out, err := put(client, small(500, func(int) string { return "hot" }), false)
		if err != nil {
			v.check(fact, false, "%s", outcome(err))
			return
		}
		if n := aws.ToInt32(out.FailedRecordCount); n > 0 {
			for _, r := range out.Records {
				if r.ErrorCode == nil {
					continue
				}
				f := retry.Record(*r.ErrorCode, aws.ToString(r.ErrorMessage))
				v.check(fact, f.Class == retry.Throttle, "%d records: %s", n, f)
				return
			}
		}
	}
	v.skip(fact, "1,500 records to one key were all taken")
}
