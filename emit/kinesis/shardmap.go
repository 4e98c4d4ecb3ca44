package kinesis

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kinetail/kinetail/emit/lane"
)

// maxHash is the last of the key space.
var maxHash = lane.Hash{Hi: 1<<64 - 1, Lo: 1<<64 - 1}

// The documented rate of a shard (Kinesis Data Streams, "Quotas and limits").
const (
	shardRecords = 1000    // a second
	shardBytes   = 1 << 20 // a second
)

// shard is an open shard: a range of the key space, both ends included.
type shard struct {
	ID         string
	Start, End lane.Hash
}

func (s *shard) has(h lane.Hash) bool { return !h.Less(s.Start) && !s.End.Less(h) }

// shardMap is the map whose lanes are the open shards of a stream, by hash range. It never changes.
type shardMap struct {
	shards []shard
	keys   [][][]byte
	rate   lane.Rate
}

// newShardMap checks that the shards cover the key space without holes: what does not is a list taken in the middle of a change. limit is
// times the documented rate of a shard; 0 is none.
func newShardMap(shards []shard, limit float64) (*shardMap, error) {
	if len(shards) == 0 {
		return nil, errors.New("the stream has no open shards")
	}
	sort.Slice(shards, func(i, k int) bool { return shards[i].Start.Less(shards[k].Start) })
	next, over := lane.Hash{}, false
	for i := range shards {
		if s := &shards[i]; over || s.Start != next || s.End.Less(s.Start) {
			return nil, fmt.Errorf("the shards of the stream do not cover its keys: %s begins at %s, not at %s", s.ID, decimal(s.Start), decimal(next))
		}
		end := shards[i].End
		over = end == maxHash
		next = lane.Hash{Hi: end.Hi, Lo: end.Lo + 1}
		if next.Lo == 0 {
			next.Hi++
		}
	}
	if !over {
		return nil, fmt.Errorf("the shards of the stream do not cover its keys beyond %s", decimal(shards[len(shards)-1].End))
	}
	m := &shardMap{shards: shards, keys: make([][][]byte, len(shards)), rate: lane.Rate{Records: shardRecords * limit, Bytes: shardBytes * limit}}
	// A narrow shard may get no key of its own: then it gets none of the records that have no key.
	for range 4 * keysPerLane * len(shards) {
		key := randomKey()
		if i := m.Lane(hashKey(key)); len(m.keys[i]) < keysPerLane {
			m.keys[i] = append(m.keys[i], key)
		}
	}
	return m, nil
}

func (m *shardMap) Lanes() int                               { return len(m.shards) }
func (m *shardMap) Hash(key []byte) lane.Hash                { return hashKey(key) }
func (m *shardMap) Hashes(keys [][]byte, hashes []lane.Hash) { hashKeys(keys, hashes) }
func (m *shardMap) Exact() bool                              { return true }
func (m *shardMap) Rate() lane.Rate                          { return m.rate }

func (m *shardMap) Lane(h lane.Hash) int {
	return sort.Search(len(m.shards), func(i int) bool { return h.Less(m.shards[i].Start) }) - 1
}

func (m *shardMap) Key(i int) []byte {
	keys := m.keys[i]
	if len(keys) == 0 {
		return randomKey()
	}
	return keys[rand.IntN(len(keys))]
}

// find is the shard with the id, nil if the map does not have it. A nil map has none.
func (m *shardMap) find(id string) *shard {
	if m == nil {
		return nil
	}
	for i := range m.shards {
		if m.shards[i].ID == id {
			return &m.shards[i]
		}
	}
	return nil
}

func (m *shardMap) equal(o *shardMap) bool { return o != nil && slices.Equal(m.shards, o.shards) }

// fromList takes the open shards out of what ListShards says.
func fromList(list []types.Shard) ([]shard, error) {
	var out []shard
	for i := range list {
		s := &list[i]
		if s.SequenceNumberRange != nil && s.SequenceNumberRange.EndingSequenceNumber != nil {
			continue // closed
		}
		open, err := fromShard(s)
		if err != nil {
			return nil, err
		}
		out = append(out, open)
	}
	return out, nil
}

func fromShard(s *types.Shard) (shard, error) {
	id := aws.ToString(s.ShardId)
	if s.HashKeyRange == nil {
		return shard{}, fmt.Errorf("shard %s has no hash key range", id)
	}
	start, ok1 := parseDecimal(aws.ToString(s.HashKeyRange.StartingHashKey))
	end, ok2 := parseDecimal(aws.ToString(s.HashKeyRange.EndingHashKey))
	if !ok1 || !ok2 {
		return shard{}, fmt.Errorf("shard %s has no sound hash key range", id)
	}
	return shard{ID: id, Start: start, End: end}, nil
}
