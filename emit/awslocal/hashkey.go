package awslocal

import (
	"crypto/md5" // #nosec G501 -- the services route by MD5
	"encoding/binary"
	"math/big"
	"math/bits"
)

// hashKey is a point of the 128-bit ring that partition keys are hashed onto.
type hashKey struct{ hi, lo uint64 }

var maxHashKey = hashKey{^uint64(0), ^uint64(0)}

func hashOf(partitionKey []byte) hashKey {
	sum := md5.Sum(partitionKey) // #nosec G401
	return hashKey{binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:])}
}

// parseHashKey reads a decimal number of 0 to 2^128-1 without sign or leading zeros.
func parseHashKey(s string) (hashKey, bool) {
	if s == "" || len(s) > 39 || len(s) > 1 && s[0] == '0' {
		return hashKey{}, false
	}
	var k hashKey
	for i := range len(s) {
		d := s[i] - '0'
		if d > 9 {
			return hashKey{}, false
		}
		over, hi := bits.Mul64(k.hi, 10)
		carry, lo := bits.Mul64(k.lo, 10)
		lo, c := bits.Add64(lo, uint64(d), 0)
		hi, c = bits.Add64(hi, carry, c)
		if over != 0 || c != 0 {
			return hashKey{}, false
		}
		k = hashKey{hi, lo}
	}
	return k, true
}

func (k hashKey) less(o hashKey) bool { return k.hi < o.hi || k.hi == o.hi && k.lo < o.lo }

func (k hashKey) next() hashKey {
	lo, c := bits.Add64(k.lo, 1, 0)
	return hashKey{k.hi + c, lo}
}

func (k hashKey) prev() hashKey {
	lo, b := bits.Sub64(k.lo, 1, 0)
	return hashKey{k.hi - b, lo}
}

func (k hashKey) String() string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], k.hi)
	binary.BigEndian.PutUint64(b[8:], k.lo)
	return new(big.Int).SetBytes(b[:]).String()
}

// evenRanges splits the ring into n ranges as the service does: floor(2^128/n) wide, the last one takes the rest.
func evenRanges(n int) []hashKey {
	width := new(big.Int).Lsh(big.NewInt(1), 128)
	width.Div(width, big.NewInt(int64(n)))
	starts := make([]hashKey, n)
	var b [16]byte
	for i := range starts {
		new(big.Int).Mul(width, big.NewInt(int64(i))).FillBytes(b[:])
		starts[i] = hashKey{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
	}
	return starts
}
