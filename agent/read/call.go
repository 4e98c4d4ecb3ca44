package read

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kinetail/kinetail/emit/retry"
)

// Client is what is needed of the SDK's client.
type Client interface {
	ListShards(context.Context, *kinesis.ListShardsInput, ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error)
	GetShardIterator(context.Context, *kinesis.GetShardIteratorInput, ...func(*kinesis.Options)) (*kinesis.GetShardIteratorOutput, error)
	GetRecords(context.Context, *kinesis.GetRecordsInput, ...func(*kinesis.Options)) (*kinesis.GetRecordsOutput, error)
}

// identityTries is how often a call is made with renewed credentials until it is given up.
const identityTries = 3

// tellAfter failures of a call in a row it is worth a line in the log.
const tellAfter = 3

// try makes a call until it succeeds, ctx ends, or trying again is of no use.
func (r *reader) try(ctx context.Context, what string, call func() error) error {
	for n := 1; ; n++ {
		err := call()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if _, expired := errors.AsType[*types.ExpiredIteratorException](err); expired {
			return err
		}
		fault := retry.Classify(err)
		switch fault.Class {
		case retry.Configuration, retry.Data:
			return fmt.Errorf("%s of stream %s: %s", what, r.o.Stream, fault)
		case retry.Credentials:
			if n >= identityTries {
				return fmt.Errorf("%s of stream %s: %s", what, r.o.Stream, fault)
			}
			if r.o.Invalidate != nil {
				r.o.Invalidate()
			}
		}
		if n == tellAfter {
			r.o.Log.Warn("reading fails: it is tried again until it does not", "call", what, "err", fault.String())
		}
		if !pause(ctx, retry.Destination.Delay(n)) {
			return ctx.Err()
		}
	}
}

// pause waits; false says that ctx has ended.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// name and arn are how requests name the stream.
func (r *reader) name() *string {
	if r.o.StreamARN != "" {
		return nil
	}
	return aws.String(r.o.Stream)
}

func (r *reader) arn() *string {
	if r.o.StreamARN == "" {
		return nil
	}
	return aws.String(r.o.StreamARN)
}

// shard is one shard as the service lists it.
type shard struct {
	id          string
	parents     []string
	closed      bool
	first, last *big.Int // hash keys
}

// list is all shards within the retention period, closed ones too.
func (r *reader) list(ctx context.Context) ([]*shard, error) {
	var all []*shard
	in := &kinesis.ListShardsInput{StreamName: r.name(), StreamARN: r.arn()}
	for {
		var out *kinesis.ListShardsOutput
		if err := r.try(ctx, "ListShards", func() (err error) { out, err = r.o.Client.ListShards(ctx, in); return err }); err != nil {
			return nil, err
		}
		for i := range out.Shards {
			s := &out.Shards[i]
			sh := &shard{id: aws.ToString(s.ShardId), first: new(big.Int), last: new(big.Int)}
			for _, p := range []*string{s.ParentShardId, s.AdjacentParentShardId} {
				if p != nil {
					sh.parents = append(sh.parents, *p)
				}
			}
			if s.SequenceNumberRange != nil {
				sh.closed = s.SequenceNumberRange.EndingSequenceNumber != nil
			}
			if h := s.HashKeyRange; h != nil {
				sh.first.SetString(aws.ToString(h.StartingHashKey), 10)
				sh.last.SetString(aws.ToString(h.EndingHashKey), 10)
			}
			all = append(all, sh)
		}
		if out.NextToken == nil {
			return all, nil
		}
		in = &kinesis.ListShardsInput{NextToken: out.NextToken}
	}
}

// iterator is where reading of a shard begins. fresh says that it has not begun before.
func (r *reader) iterator(ctx context.Context, sh *shard, p Position, fresh bool) (*string, error) {
	in := &kinesis.GetShardIteratorInput{
		StreamName: r.name(), StreamARN: r.arn(), ShardId: aws.String(sh.id), ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
	}
	switch {
	case p.Sequence != "" && p.Part > 0:
		in.ShardIteratorType, in.StartingSequenceNumber = types.ShardIteratorTypeAtSequenceNumber, aws.String(p.Sequence)
	case p.Sequence != "":
		in.ShardIteratorType, in.StartingSequenceNumber = types.ShardIteratorTypeAfterSequenceNumber, aws.String(p.Sequence)
	case !p.Since.IsZero() && fresh:
		in.ShardIteratorType = types.ShardIteratorTypeLatest
	case !p.Since.IsZero():
		in.ShardIteratorType, in.Timestamp = types.ShardIteratorTypeAtTimestamp, aws.Time(p.Since)
	}
	var out *kinesis.GetShardIteratorOutput
	err := r.try(ctx, "GetShardIterator", func() (err error) { out, err = r.o.Client.GetShardIterator(ctx, in); return err })
	if err != nil && ctx.Err() == nil && p.Sequence != "" {
		err = fmt.Errorf("%w (if the stream was deleted and made anew, remove the checkpoint file to begin anew)", err)
	}
	if err != nil {
		return nil, err
	}
	return out.ShardIterator, nil
}
