package awslocal

import (
	"encoding/binary"
	"errors"
)

// PutRecords in CBOR is read without a value for each item: it is what the benchmarks send.

var errCBOR = errors.New("the body is cut off, or no CBOR")

// cborReader reads item by item. The first mistake stays in err, and everything after it is zero.
type cborReader struct {
	b   []byte
	err error
}

const (
	cborUint = iota
	cborNegInt
	cborBytes
	cborText
	cborList
	cborMap
	cborTag
	cborSimple

	cborFalse = 20
	cborTrue  = 21
	cborNull  = 22

	cborOpen = ^uint64(0) // how many items a list or map without a length has
)

func (r *cborReader) fail() {
	r.b, r.err = nil, errCBOR
}

// head reads the type and the argument of the next item.
func (r *cborReader) head() (kind byte, n uint64) {
	if len(r.b) == 0 {
		r.fail()
		return cborSimple, cborNull
	}
	kind, low := r.b[0]>>5, r.b[0]&31
	r.b = r.b[1:]
	switch {
	case low < 24:
		return kind, uint64(low)
	case low == 31:
		return kind, cborOpen
	case low > 27 || len(r.b) < 1<<(low-24):
		r.fail()
		return cborSimple, cborNull
	}
	size := 1 << (low - 24)
	var wide [8]byte
	copy(wide[8-size:], r.b[:size])
	r.b = r.b[size:]
	return kind, binary.BigEndian.Uint64(wide[:])
}

// more says whether a list or map has another item; left is what its head said, and counted down.
func (r *cborReader) more(left *uint64) bool {
	if r.err != nil {
		return false
	}
	if *left != cborOpen {
		*left--
		return *left != cborOpen
	}
	if len(r.b) > 0 && r.b[0] == 0xff {
		r.b = r.b[1:]
		return false
	}
	return true
}

// text reads a byte or text string, nil if it is null. It aliases the body.
func (r *cborReader) text(want byte) []byte {
	kind, n := r.head()
	if kind == cborSimple && n == cborNull {
		return nil
	}
	if kind != want || n > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	out := r.b[:n:n]
	r.b = r.b[n:]
	return out
}

// skip leaves out an item, nested no deeper than anything of the service's.
func (r *cborReader) skip(depth int) {
	kind, n := r.head()
	switch {
	case depth > 8:
		r.fail()
	case kind == cborBytes || kind == cborText:
		if n > uint64(len(r.b)) {
			r.fail()
			return
		}
		r.b = r.b[n:]
	case kind == cborList || kind == cborMap:
		for r.more(&n) {
			r.skip(depth + 1)
			if kind == cborMap {
				r.skip(depth + 1)
			}
		}
	case kind == cborTag:
		r.skip(depth + 1)
	}
}

// members calls f with the name of each member of a map; f reads its value.
func (r *cborReader) members(f func(name string)) {
	kind, n := r.head()
	if kind != cborMap {
		r.fail()
		return
	}
	for r.more(&n) {
		f(string(r.text(cborText)))
	}
}

func (c *call) openPutCBOR() error {
	sc := c.put.scratch
	r := &cborReader{b: c.body}
	var name, arn string
	var single putEntry
	r.members(func(member string) {
		switch member {
		case "StreamName":
			name = string(r.text(cborText))
		case "StreamARN":
			arn = string(r.text(cborText))
		case "DryRun":
			_, n := r.head()
			c.put.dryRun = n == cborTrue
		case "Records":
			kind, n := r.head()
			if kind != cborList {
				r.fail()
			}
			for r.more(&n) {
				var e putEntry
				r.members(func(member string) { r.entry(&e, member) })
				sc.records = append(sc.records, e)
			}
		default:
			r.entry(&single, member)
		}
	})
	if r.err != nil {
		return clientError("SerializationException", "%v", r.err)
	}
	c.stream = streamOf(name, arn)
	if c.put.single {
		sc.records = append(sc.records[:0], single)
	}
	c.put.records = sc.records
	return nil
}

// entry reads a member of a record.
func (r *cborReader) entry(e *putEntry, member string) {
	switch member {
	case "Data":
		e.data = r.text(cborBytes)
		e.size = len(e.data)
	case "PartitionKey":
		e.key = r.text(cborText)
	case "ExplicitHashKey":
		e.explicit = string(r.text(cborText))
	default:
		r.skip(0)
	}
}

// appendCBOR is the answer for Kinesis' CBOR clients.
func (a *putAnswer) appendCBOR(b []byte) []byte {
	b = appendText(append(b, cborMap<<5|2), "FailedRecordCount")
	b = appendHead(b, cborUint, a.failed)
	b = appendHead(appendText(b, "Records"), cborList, len(a.results))
	for _, r := range a.results {
		b = append(b, cborMap<<5|2)
		if r.ErrorCode != "" {
			b = appendText(appendText(b, "ErrorCode"), r.ErrorCode)
			b = appendText(appendText(b, "ErrorMessage"), r.ErrorMessage)
			continue
		}
		b = appendText(appendText(b, "SequenceNumber"), r.SequenceNumber)
		b = appendText(appendText(b, "ShardId"), r.ShardID)
	}
	return b
}

func appendHead(b []byte, kind byte, n int) []byte {
	switch {
	case n < 24:
		return append(b, kind<<5|byte(n))
	case n < 1<<8:
		return append(b, kind<<5|24, byte(n))
	case n < 1<<16:
		return append(b, kind<<5|25, byte(n>>8), byte(n))
	}
	return binary.BigEndian.AppendUint32(append(b, kind<<5|26), uint32(n)) // #nosec G115 -- no answer is that large
}

func appendText(b []byte, s string) []byte { return append(appendHead(b, cborText, len(s)), s...) }
