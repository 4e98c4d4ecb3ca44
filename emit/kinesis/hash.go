package kinesis

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"strconv"

	"github.com/kinetail/kinetail/emit/lane"
	"github.com/kinetail/kinetail/emit/md5"
)

// hashKey is where the service puts a partition key: its MD5, as a big-endian number.
func hashKey(key []byte) lane.Hash {
	return asHash(md5.Sum(key))
}

func asHash(sum [md5.Size]byte) lane.Hash {
	return lane.Hash{Hi: binary.BigEndian.Uint64(sum[:8]), Lo: binary.BigEndian.Uint64(sum[8:])}
}

// hashKeys is hashKey of several, in a third of the time.
func hashKeys(keys [][]byte, hashes []lane.Hash) {
	var sums [64][md5.Size]byte
	for len(keys) > 0 {
		n := min(len(keys), len(sums))
		md5.Short(keys[:n], sums[:])
		for i := range n {
			hashes[i] = asHash(sums[i])
		}
		keys, hashes = keys[n:], hashes[n:]
	}
}

// decimal is how the API writes a hash key.
func decimal(h lane.Hash) string {
	const e19 = 1e19 // the largest power of ten in 64 bits
	if h.Hi == 0 {
		return strconv.FormatUint(h.Lo, 10)
	}
	var digits [39]byte
	hi, lo := h.Hi, h.Lo
	end := len(digits)
	for hi > 0 {
		var high, rest uint64
		high, hi = hi/e19, hi%e19
		lo, rest = bits.Div64(hi, lo, e19)
		hi = high
		s := strconv.FormatUint(rest, 10)
		copy(digits[end-len(s):], s)
		for i := end - 19; i < end-len(s); i++ {
			digits[i] = '0'
		}
		end -= 19
	}
	s := strconv.FormatUint(lo, 10)
	copy(digits[end-len(s):], s)
	return string(digits[end-len(s):])
}

// maxRandomKey is how long a random key is at most: 40 bits, five and more to a character.
const maxRandomKey = 8

// randomKey is short, for it is sent with each record.
func randomKey() []byte { return strconv.AppendUint(nil, rand.Uint64()>>24, 36) }

// hashLanes is the map that needs no permission to list shards: the key space in 64 even parts.
type hashLanes struct {
	keys [hashLaneCount][][]byte
}

const (
	hashLaneBits  = 6
	hashLaneCount = 1 << hashLaneBits
	keysPerLane   = 16
)

func newHashLanes() *hashLanes {
	h := &hashLanes{}
	for missing := hashLaneCount; missing > 0; {
		key := randomKey()
		i := h.Lane(hashKey(key))
		if len(h.keys[i]) == keysPerLane {
			continue
		}
		if h.keys[i] = append(h.keys[i], key); len(h.keys[i]) == keysPerLane {
			missing--
		}
	}
	return h
}

func (h *hashLanes) Lanes() int                               { return hashLaneCount }
func (h *hashLanes) Hash(key []byte) lane.Hash                { return hashKey(key) }
func (h *hashLanes) Hashes(keys [][]byte, hashes []lane.Hash) { hashKeys(keys, hashes) }
func (h *hashLanes) Lane(k lane.Hash) int                     { return int(k.Hi >> (64 - hashLaneBits)) }
func (h *hashLanes) Exact() bool                              { return false }
func (h *hashLanes) Rate() lane.Rate                          { return lane.Rate{} }
func (h *hashLanes) Key(i int) []byte                         { return h.keys[i][rand.IntN(keysPerLane)] }

// parseDecimal is the other way; ok is false for what is no number of 128 bits.
func parseDecimal(s string) (h lane.Hash, ok bool) {
	if s == "" || len(s) > 39 {
		return lane.Hash{}, false
	}
	for i := range len(s) {
		d := s[i] - '0'
		if d > 9 {
			return lane.Hash{}, false
		}
		over, hi := bits.Mul64(h.Hi, 10)
		high, lo := bits.Mul64(h.Lo, 10)
		lo, carry := bits.Add64(lo, uint64(d), 0)
		hi, carry = bits.Add64(hi, high, carry)
		if over != 0 || carry != 0 {
			return lane.Hash{}, false
		}
		h = lane.Hash{Hi: hi, Lo: lo}
	}
	return h, true
}
