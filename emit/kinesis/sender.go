package kinesis

import (
	"context"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kinetail/kinetail/emit/lane"
	"github.com/kinetail/kinetail/emit/retry"
)

// sender calls PutRecords.
type sender struct {
	client      Client
	stream, arn *string
	shards      *shardList // nil: nobody may list them
	dryRun      bool
	plain       func()        // ends aggregation
	sent        chan struct{} // closed when the service has answered a request
	once        sync.Once
	inputs      sync.Pool // of *input
}

// input is what one call needs, used again for others.
type input struct {
	entries []types.PutRecordsRequestEntry
	keys    []byte
	names   []string // the entries point into it
}

func newSender(o *Options) *sender {
	s := &sender{client: o.Client, dryRun: o.DryRun, sent: make(chan struct{}), inputs: sync.Pool{New: func() any { return new(input) }}}
	if o.StreamARN != "" {
		s.arn = aws.String(o.StreamARN)
	} else {
		s.stream = aws.String(o.Stream)
	}
	return s
}

// Send implements lane.Sender.
func (s *sender) Send(ctx context.Context, units []lane.Unit, verdicts []retry.Fault) error {
	in := s.inputs.Get().(*input)
	defer s.recycle(in)
	out, err := s.client.PutRecords(ctx, &kinesis.PutRecordsInput{
		Records: in.fill(units), StreamName: s.stream, StreamARN: s.arn,
	})
	if err != nil {
		return fmt.Errorf("send %d records: %w", len(units), err)
	}
	s.once.Do(func() { close(s.sent) })
	if len(out.Records) != len(units) {
		return fmt.Errorf("%w: results for %d records, %d were sent", retry.ErrAnswer, len(out.Records), len(units))
	}
	for i := range out.Records {
		r := &out.Records[i]
		verdicts[i] = retry.Record(aws.ToString(r.ErrorCode), aws.ToString(r.ErrorMessage))
	}
	if s.shards != nil {
		s.compare(ctx, units, out.Records, verdicts)
	}
	return nil
}

// misplaced is the verdict on an aggregate that readers drop. The outcome counts as unknown, for readers that do not look at hashes have
// the records already.
var misplaced = retry.Fault{Class: retry.Transient, Code: "misplaced", Message: "the shards have changed: the records are packed anew", Unknown: true}

// compare looks whether the records are in the shards where the map has them.
func (s *sender) compare(ctx context.Context, units []lane.Unit, results []types.PutRecordsResultEntry, verdicts []retry.Fault) {
	for i := range units {
		u, id := &units[i], aws.ToString(results[i].ShardId)
		if id == "" {
			continue // refused
		}
		if u.Explicit && !s.belongs(ctx, u, id) {
			verdicts[i] = misplaced
		}
		// Records that have no key need no look: their key is made up, and those with keys tell enough.
		if m := s.shards.newest.Load(); m != nil && len(u.First.Key()) > 0 && m.shards[m.Lane(u.First.Hash())].ID != id {
			s.shards.wrong()
		}
	}
}

// belongs says whether all records of an aggregate belong to the shard in which it landed.
func (s *sender) belongs(ctx context.Context, u *lane.Unit, id string) bool {
	m := s.shards.newest.Load()
	if m == nil {
		return oneKey(u) // wherever it is, its key is there
	}
	sh := m.find(id)
	if sh == nil {
		if oneKey(u) {
			return true
		}
		if sh = s.shards.find(ctx, id); sh == nil {
			return false
		}
	}
	if !sh.has(u.HashKey) {
		// A shard's range never changes, so the service has not looked at the key: the stream distributes records by itself.
		s.plain()
		return false
	}
	for r := u.First; r != nil; r = r.Next() {
		if !sh.has(r.Hash()) {
			return false
		}
	}
	return true
}

func oneKey(u *lane.Unit) bool {
	for r := u.First; r != nil; r = r.Next() {
		if r.Hash() != u.First.Hash() {
			return false
		}
	}
	return true
}

// fill makes the entries. The keys of all are one string, for the API wants strings.
func (in *input) fill(units []lane.Unit) []types.PutRecordsRequestEntry {
	for i := range units {
		in.keys = append(in.keys, units[i].Key...)
	}
	all := string(in.keys)
	if cap(in.names) < len(units) {
		in.names = make([]string, 0, maxRecords)
	}
	for i := range units {
		u := &units[i]
		n := len(u.Key)
		in.names = append(in.names, all[:n])
		all = all[n:]
		entry := types.PutRecordsRequestEntry{Data: u.Data, PartitionKey: &in.names[i]}
		if u.Explicit {
			entry.ExplicitHashKey = aws.String(decimal(u.HashKey))
		}
		in.entries = append(in.entries, entry)
	}
	return in.entries
}

func (s *sender) recycle(in *input) {
	clear(in.entries)
	clear(in.names)
	in.entries, in.names, in.keys = in.entries[:0], in.names[:0], in.keys[:0]
	s.inputs.Put(in)
}
