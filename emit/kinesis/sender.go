package kinesis

import (
	"context"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/kinetail/kinetail/emit/lane"
	"github.com/kinetail/kinetail/emit/retry"
	"github.com/kinetail/kinetail/emit/wire"
)

// sender calls PutRecords.
type sender struct {
	client      wire.Client
	stream, arn *string
	puts        *wire.Stream
	shards      *shardList // nil: nobody may list them
	dryRun      bool
	plain       func()        // ends aggregation
	sent        chan struct{} // closed when the service has answered a request
	once        sync.Once
}

func newSender(o *Options) *sender {
	s := &sender{client: o.Client, dryRun: o.DryRun, sent: make(chan struct{})}
	if o.StreamARN != "" {
		s.arn = aws.String(o.StreamARN)
	} else {
		s.stream = aws.String(o.Stream)
	}
	s.puts = wire.NewStream(o.Client, s.stream, s.arn)
	return s
}

// Send implements lane.Sender.
func (s *sender) Send(ctx context.Context, units []lane.Unit, verdicts []retry.Fault) error {
	var landed []landing
	err := s.puts.Put(ctx, &wire.Request{
		Len: len(units),
		Record: func(i int) wire.Record {
			u := &units[i]
			if u.Explicit {
				return wire.Record{Data: u.Data, Key: u.Key, HashKey: decimal(u.HashKey)}
			}
			return wire.Record{Data: u.Data, Key: u.Key}
		},
		Result: func(i int, r *wire.Result) {
			if len(r.Code) > 0 {
				verdicts[i] = retry.Record(string(r.Code), string(r.Message))
			}
			if s.shards != nil && len(r.Shard) > 0 && s.look(&units[i], r.Shard) {
				landed = append(landed, landing{i, string(r.Shard)})
			}
		},
	})
	if err != nil {
		return fmt.Errorf("send %d records: %w", len(units), err)
	}
	s.once.Do(func() { close(s.sent) })
	for _, l := range landed {
		if !s.belongs(ctx, &units[l.unit], l.shard) {
			verdicts[l.unit] = misplaced
		}
	}
	return nil
}

// landing is the shard in which an aggregate is.
type landing struct {
	unit  int
	shard string
}

// look compares where a record is with where the map has it, and says whether what is in it has to be looked at.
func (s *sender) look(u *lane.Unit, shard []byte) (closer bool) {
	// Records that have no key need no look: their key is made up, and those with keys tell enough.
	if !u.Keyed() {
		return u.Explicit
	}
	if m := s.shards.newest.Load(); m != nil && m.shards[m.Lane(u.First.Hash())].ID != string(shard) {
		s.shards.wrong()
	}
	return u.Explicit
}

// misplaced is the verdict on an aggregate that readers drop. The outcome counts as unknown, for readers that do not look at hashes have
// the records already.
var misplaced = retry.Fault{Class: retry.Transient, Code: "misplaced", Message: "the shards have changed: the records are packed anew", Unknown: true}

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
	if !u.Keyed() {
		return true // the key of all is the unit's
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
