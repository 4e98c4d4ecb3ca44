package aggregate

import (
	"errors"
	"math/bits"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/kinetail/kinetail/emit/lane"
	"github.com/kinetail/kinetail/emit/md5"
)

// The aggregated record (KPL's "aggregation format" page): magic, a protobuf message, the message's MD5.
//
//	AggregatedRecord { repeated string partition_key_table = 1; repeated string explicit_hash_key_table = 2; repeated Record records = 3 }
//	Record { required uint64 partition_key_index = 1; optional uint64 explicit_hash_key_index = 2; required bytes data = 3; repeated Tag tags = 4 }
const (
	magic = "\xf3\x89\x9a\xc2"

	fieldKeys    = 1
	fieldHashes  = 2
	fieldRecords = 3

	fieldKeyIndex  = 1
	fieldHashIndex = 2
	fieldData      = 3
)

// outerKey is the partition key of an aggregate: the explicit hash key decides where it goes.
var outerKey = []byte("a")

// frame is what an aggregate has beside its records and keys, and overhead what a record has at most: a tag and the length of the
// message, the index of its key, a tag and the length of the data.
const (
	frame       = len(magic) + md5.Size + len("a")
	overhead    = 1 + 5 + 1 + 5 + 1 + 5
	keyOverhead = 1 + 2
)

// KPL makes aggregated records of the Kinesis Producer Library's format. The records of a unit must belong to one shard: readers drop an
// aggregate with a record whose hash is outside the shard they read.
type KPL struct{}

var _ lane.Aggregator = KPL{}

// Size implements lane.Aggregator. It is an upper bound, exact but for the lengths of lengths where keys repeat one after the other.
func (KPL) Size(u *lane.Unit, r *lane.Record) int {
	size := u.Size
	if u.N == 1 { // it was to be sent raw
		size += frame + overhead + keyOverhead
		if len(u.First.Key()) == 0 {
			size += len(u.Key)
		}
	}
	size += r.Count()*overhead + len(r.Data())
	if r.Hash() != u.Last.Hash() {
		size += keyOverhead + len(r.Key())
	}
	return size
}

// Ends implements lane.Aggregator: each record has a frame of its own.
func (KPL) Ends([]byte) bool { return true }

// table finds the index of each record's key. Open addressing by a part of the hash, which is even, takes a third of what a map does.
type table struct {
	slots   []uint32 // 0, or 1 more than an index into keys
	keys    []lane.Hash
	indices []uint32 // of the records
}

// A pool of tables serves all destinations.
var tables = sync.Pool{New: func() any { return new(table) }}

// reset makes room for n keys.
func (t *table) reset(n int) {
	if size := 1 << bits.Len(uint(2*n)); size <= cap(t.slots) {
		t.slots = t.slots[:size]
		clear(t.slots)
	} else {
		t.slots = make([]uint32, size)
	}
	t.keys, t.indices = t.keys[:0], t.indices[:0]
}

// add finds the index of the next record's key and says whether it is new.
func (t *table) add(h lane.Hash) (isNew bool) {
	mask := uint64(len(t.slots) - 1)
	for i := h.Lo & mask; ; i = (i + 1) & mask {
		switch k := t.slots[i]; {
		case k == 0:
			t.keys = append(t.keys, h)
			t.slots[i] = uint32(len(t.keys)) // #nosec G115 -- a unit has 10 MiB at most
			t.indices = append(t.indices, t.slots[i]-1)
			return true
		case t.keys[k-1] == h:
			t.indices = append(t.indices, k-1)
			return false
		}
	}
}

// Build implements lane.Aggregator: the bytes of each record are copied once. It leaves room for the sum.
func (KPL) Build(arena []byte, u *lane.Unit) []byte {
	t := tables.Get().(*table)
	defer tables.Put(t)
	t.reset(u.N)
	from := len(arena)
	arena = append(arena, magic...)
	// Records without a key all have the unit's.
	for r := u.First; r != nil; r = r.Next() {
		if !t.add(r.Hash()) {
			continue
		}
		arena = protowire.AppendTag(arena, fieldKeys, protowire.BytesType)
		arena = protowire.AppendBytes(arena, keyOf(u, r))
	}
	next := 0
	for r := u.First; r != nil; r = r.Next() {
		k := uint64(t.indices[next])
		next++
		for i := range r.Count() {
			data := r.At(i)
			n := protowire.SizeTag(fieldKeyIndex) + protowire.SizeVarint(k) + protowire.SizeTag(fieldData) + protowire.SizeBytes(len(data))
			arena = protowire.AppendTag(arena, fieldRecords, protowire.BytesType)
			arena = protowire.AppendVarint(arena, uint64(n))
			arena = protowire.AppendTag(arena, fieldKeyIndex, protowire.VarintType)
			arena = protowire.AppendVarint(arena, k)
			arena = protowire.AppendTag(arena, fieldData, protowire.BytesType)
			arena = protowire.AppendBytes(arena, data)
		}
	}
	arena = append(arena, make([]byte, md5.Size)...)
	u.Data = arena[from:len(arena):len(arena)]
	u.HashKey = u.First.Hash()
	if len(u.First.Key()) == 0 {
		u.HashKey = u.KeyHash
	}
	u.Key, u.Explicit = outerKey, true
	return arena
}

// messages are those whose sums are missing.
type messages struct{ texts, sums [][]byte }

var unfinished = sync.Pool{New: func() any { return new(messages) }}

// Finish implements lane.Aggregator. The sums of a request are made together, for that takes a fifth of the time.
func (KPL) Finish(units []lane.Unit) {
	m := unfinished.Get().(*messages)
	for i := range units {
		if u := &units[i]; u.N > 1 {
			end := len(u.Data) - md5.Size
			m.texts, m.sums = append(m.texts, u.Data[len(magic):end]), append(m.sums, u.Data[end:])
		}
	}
	md5.Sums(m.texts, m.sums)
	clear(m.texts)
	clear(m.sums)
	m.texts, m.sums = m.texts[:0], m.sums[:0]
	unfinished.Put(m)
}

func keyOf(u *lane.Unit, r *lane.Record) []byte {
	if key := r.Key(); len(key) > 0 {
		return key
	}
	return u.Key
}

// Record is one of the records in an aggregate. Key and Data alias what was decoded.
type Record struct {
	Key     []byte
	HashKey []byte // the explicit hash key in decimal, nil if there is none
	Data    []byte
}

var errFormat = errors.New("no aggregated record")

// Decode takes an aggregated record apart. ok is false if data is none, as readers of the format have it: then it is an ordinary
// record, whatever it begins with.
func Decode(data []byte) (records []Record, ok bool) {
	if len(data) < len(magic)+md5.Size || string(data[:len(magic)]) != magic {
		return nil, false
	}
	message := data[len(magic) : len(data)-md5.Size]
	if sum := md5.Sum(message); string(sum[:]) != string(data[len(data)-md5.Size:]) {
		return nil, false
	}
	var keys, hashes, inner [][]byte
	err := fields(message, func(number protowire.Number, value []byte, _ uint64) {
		switch number {
		case fieldKeys:
			keys = append(keys, value)
		case fieldHashes:
			hashes = append(hashes, value)
		case fieldRecords:
			inner = append(inner, value)
		}
	})
	if err != nil {
		return nil, false
	}
	for _, b := range inner {
		r, err := decodeRecord(b, keys, hashes)
		if err != nil {
			return nil, false
		}
		records = append(records, r)
	}
	return records, true
}

func decodeRecord(b []byte, keys, hashes [][]byte) (Record, error) {
	var r Record
	key, hash := -1, -1
	seen := false
	bad := false
	pick := func(table [][]byte, n uint64) int {
		if n >= uint64(len(table)) {
			bad = true
			return -1
		}
		return int(n)
	}
	err := fields(b, func(number protowire.Number, value []byte, n uint64) {
		switch {
		case number == fieldKeyIndex && value == nil:
			key = pick(keys, n)
		case number == fieldHashIndex && value == nil:
			hash = pick(hashes, n)
		case number == fieldData && value != nil:
			r.Data, seen = value, true
		}
	})
	if err != nil || bad || key < 0 || !seen {
		return Record{}, errFormat
	}
	r.Key = keys[key]
	if hash >= 0 {
		r.HashKey = hashes[hash]
	}
	return r, nil
}

// fields calls f for each field of a message: value is nil for a number.
func fields(b []byte, f func(number protowire.Number, value []byte, n uint64)) error {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		switch kind {
		case protowire.BytesType:
			value, n := protowire.ConsumeBytes(b)
			if n < 0 {
				return protowire.ParseError(n)
			}
			if value == nil {
				value = []byte{}
			}
			f(number, value, 0)
			b = b[n:]
		case protowire.VarintType:
			value, n := protowire.ConsumeVarint(b)
			if n < 0 {
				return protowire.ParseError(n)
			}
			f(number, nil, value)
			b = b[n:]
		default:
			n := protowire.ConsumeFieldValue(number, kind, b)
			if n < 0 {
				return protowire.ParseError(n)
			}
			b = b[n:]
		}
	}
	return nil
}
