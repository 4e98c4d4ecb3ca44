package readback

import (
	"bytes"
	"crypto/md5" // #nosec G501 -- the format's checksum
	"encoding/binary"
	"math/big"
)

// SubRecord is one record of an aggregated Kinesis record.
type SubRecord struct {
	PartitionKey    string
	ExplicitHashKey string // "" if it has none
	Data            []byte // aliases the aggregate
}

var aggregateMagic = []byte{0xf3, 0x89, 0x9a, 0xc2}

// Deaggregate takes a Kinesis record in the KPL's aggregated format apart
// (github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md). It reports false for anything else, as the
// format asks: without the magic, with a wrong checksum or a body that can't be parsed, a record is an ordinary one.
func Deaggregate(data []byte) ([]SubRecord, bool) {
	body, ok := bytes.CutPrefix(data, aggregateMagic)
	if !ok || len(body) < md5.Size {
		return nil, false
	}
	body, sum := body[:len(body)-md5.Size], body[len(body)-md5.Size:]
	if want := md5.Sum(body); !bytes.Equal(sum, want[:]) { // #nosec G401
		return nil, false
	}
	var keys, hashKeys []string
	var records [][]byte
	ok = eachField(body, func(number int, _ uint64, value []byte) bool {
		if value == nil {
			return number > 3
		}
		switch number {
		case 1:
			keys = append(keys, string(value))
		case 2:
			hashKeys = append(hashKeys, string(value))
		case 3:
			records = append(records, value)
		}
		return true
	})
	if !ok {
		return nil, false
	}
	out := make([]SubRecord, 0, len(records))
	for _, r := range records {
		var sub SubRecord
		var hasKey, hasData bool
		ok := eachField(r, func(number int, n uint64, value []byte) bool {
			switch {
			case number == 1 && value == nil && n < uint64(len(keys)):
				sub.PartitionKey, hasKey = keys[n], true
			case number == 2 && value == nil && n < uint64(len(hashKeys)):
				sub.ExplicitHashKey = hashKeys[n]
			case number == 3 && value != nil:
				sub.Data, hasData = value, true
			default:
				return number > 3 // tags and what may come
			}
			return true
		})
		if !ok || !hasKey || !hasData {
			return nil, false
		}
		out = append(out, sub)
	}
	return out, true
}

// eachField walks over a protobuf message. A length-delimited field has a value that is not nil, any other a number.
func eachField(b []byte, f func(number int, n uint64, value []byte) bool) bool {
	for len(b) > 0 {
		tag, size := binary.Uvarint(b)
		if size <= 0 || tag>>3 == 0 || tag>>3 > 1<<29-1 {
			return false
		}
		b = b[size:]
		var n uint64
		var value []byte
		switch tag & 7 {
		case 0:
			if n, size = binary.Uvarint(b); size <= 0 {
				return false
			}
		case 1:
			size = 8
		case 2:
			length, prefix := binary.Uvarint(b)
			if prefix <= 0 || length > uint64(len(b)-prefix) {
				return false
			}
			size = prefix + int(length) // #nosec G115 -- at most len(b)
			value = b[prefix:size:size]
		case 5:
			size = 4
		default:
			return false
		}
		if size > len(b) || !f(int(tag>>3), n, value) { // #nosec G115 -- checked above
			return false
		}
		b = b[size:]
	}
	return true
}

// hash is where the sub-record belongs on the ring of hash keys; nil if its explicit hash key is no number.
func (s SubRecord) hash() *big.Int {
	if s.ExplicitHashKey != "" {
		n, ok := new(big.Int).SetString(s.ExplicitHashKey, 10)
		if !ok {
			return nil
		}
		return n
	}
	sum := md5.Sum([]byte(s.PartitionKey)) // #nosec G401
	return new(big.Int).SetBytes(sum[:])
}
