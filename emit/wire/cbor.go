package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"unicode/utf8"
)

// cborType is what Kinesis calls the protocol that AWS's Java SDK speaks to it: the members of awsJson1.1 in CBOR (RFC 8949), with bytes as
// bytes. It saves base64 and a quarter of what is hashed and sent.
const cborType = "application/x-amz-cbor-1.1"

// The major types of CBOR, in the upper three bits of an item's first byte, and two simple values.
const (
	majorUint   = 0 << 5
	majorBytes  = 2 << 5
	majorText   = 3 << 5
	majorList   = 4 << 5
	majorMap    = 5 << 5
	majorTag    = 6 << 5
	majorSimple = 7 << 5

	cborNull  = majorSimple | 22
	cborBreak = majorSimple | 31
)

// appendHead appends the first bytes of an item: its type, and its value or how long it is.
func appendHead(b []byte, major byte, n int) []byte {
	switch {
	case n < 24:
		return append(b, major|byte(n)) // #nosec G115 -- 0 to 23
	case n <= math.MaxUint8:
		return append(b, major|24, byte(n))
	case n <= math.MaxUint16:
		return append(b, major|25, byte(n>>8), byte(n)) // #nosec G115 -- two bytes
	}
	return binary.BigEndian.AppendUint32(append(b, major|26), uint32(n)) // #nosec G115 -- a request has 10 MiB at most
}

// appendTextCBOR appends a text, in which what is no UTF-8 is replaced.
func appendTextCBOR(b, s []byte) []byte {
	if !utf8.Valid(s) {
		s = bytes.ToValidUTF8(s, []byte("\uFFFD"))
	}
	return append(appendHead(b, majorText, len(s)), s...)
}

// writePutRecordsCBOR writes the body of a PutRecords call.
func writePutRecordsCBOR(w *bodyWriter, name, arn *string, r *Request) {
	members := 1
	for _, s := range []*string{name, arn} {
		if s != nil {
			members++
		}
	}
	b := appendHead(w.small, majorMap, members)
	if name != nil {
		b = appendTextCBOR(append(b, "\x6aStreamName"...), []byte(*name))
	}
	if arn != nil {
		b = appendTextCBOR(append(b, "\x69StreamARN"...), []byte(*arn))
	}
	b = appendHead(append(b, "\x67Records"...), majorList, r.Len)
	for i := range r.Len {
		one := r.Record(i)
		if one.HashKey == "" {
			b = append(b, "\xa2\x64Data"...)
		} else {
			b = append(b, "\xa3\x64Data"...)
		}
		w.small = appendHead(b, majorBytes, len(one.Data))
		w.data(one.Data)
		b = appendTextCBOR(append(w.small, "\x6cPartitionKey"...), one.Key)
		if one.HashKey != "" {
			b = append(appendHead(append(b, "\x6fExplicitHashKey"...), majorText, len(one.HashKey)), one.HashKey...)
		}
	}
	w.small = b
}

var errCBOR = errors.New("it is cut off, or no CBOR")

// maxDepth is how deep what is skipped may be nested.
const maxDepth = 16

// decoder reads items one after the other. After a mistake err is set, and nothing is left.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) fail() {
	d.b, d.err = nil, errCBOR
}

// head reads the first bytes of an item. open is true for one whose end is marked.
func (d *decoder) head() (major byte, n uint64, open bool) {
	if len(d.b) == 0 {
		d.fail()
		return 0, 0, false
	}
	major, low := d.b[0]&0xe0, d.b[0]&0x1f
	d.b = d.b[1:]
	switch {
	case low < 24:
		return major, uint64(low), false
	case low == 31:
		return major, 0, true
	case low > 27 || len(d.b) < 1<<(low-24):
		d.fail()
		return 0, 0, false
	}
	size := 1 << (low - 24)
	for _, c := range d.b[:size] {
		n = n<<8 | uint64(c)
	}
	d.b = d.b[size:]
	return major, n, false
}

// end says whether an open item ends here.
func (d *decoder) end() bool {
	if len(d.b) > 0 && d.b[0] == cborBreak {
		d.b = d.b[1:]
		return true
	}
	return d.err != nil
}

// each calls f for every item of a list, or every name of a map, and reports whether there was one: null is none.
func (d *decoder) each(major byte, f func(n int)) bool {
	if len(d.b) > 0 && d.b[0] == cborNull {
		d.b = d.b[1:]
		return false
	}
	got, n, open := d.head()
	if got != major {
		d.fail()
		return false
	}
	for i := 0; d.err == nil; i++ {
		if open && d.end() || !open && uint64(i) == n { // #nosec G115
			break
		}
		f(i)
	}
	return d.err == nil
}

// bytes reads a byte or text string. It aliases what is decoded, unless it comes in pieces.
func (d *decoder) bytes(major byte) []byte {
	got, n, open := d.head()
	if got != major {
		d.fail()
		return nil
	}
	if open {
		var all []byte
		for !d.end() {
			all = append(all, d.piece(major)...)
		}
		return all
	}
	return d.take(n)
}

func (d *decoder) piece(major byte) []byte {
	got, n, open := d.head()
	if got != major || open {
		d.fail()
	}
	return d.take(n)
}

func (d *decoder) take(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.fail()
		return nil
	}
	out := d.b[:n:n]
	d.b = d.b[n:]
	return out
}

// text reads a text that may be null.
func (d *decoder) text() []byte {
	if len(d.b) > 0 && d.b[0] == cborNull {
		d.b = d.b[1:]
		return nil
	}
	return d.bytes(majorText)
}

// skip leaves an item out.
func (d *decoder) skip(depth int) {
	if len(d.b) == 0 || depth > maxDepth {
		d.fail()
		return
	}
	switch major := d.b[0] & 0xe0; major {
	case majorBytes, majorText:
		d.bytes(major)
	case majorList:
		d.each(major, func(int) { d.skip(depth + 1) })
	case majorMap:
		d.each(major, func(int) { d.skip(depth + 1); d.skip(depth + 1) })
	case majorTag:
		d.head()
		d.skip(depth + 1)
	default:
		d.head()
	}
}

// parsePutRecordsCBOR tells the shard, or code and message, of each record, and how many results there are, as parsePutRecords does.
func parsePutRecordsCBOR(answer []byte, r *Request) (n int, err error) {
	d := &decoder{b: answer}
	found := false
	one := &Result{}
	d.each(majorMap, func(int) {
		if string(d.bytes(majorText)) != "Records" {
			d.skip(0)
			return
		}
		found = d.each(majorList, func(i int) {
			*one = Result{}
			if !d.each(majorMap, func(int) { d.result(one) }) {
				d.fail()
			}
			if n = i + 1; d.err == nil && i < r.Len {
				r.Result(i, one)
			}
		})
	})
	if d.err == nil && !found {
		return n, errNoRecords
	}
	return n, d.err
}

var errNoRecords = errors.New("it has no Records")

func (d *decoder) result(r *Result) {
	switch string(d.bytes(majorText)) {
	case "ErrorCode":
		r.Code = d.text()
	case "ErrorMessage":
		r.Message = d.text()
	case "ShardId":
		r.Shard = d.text()
	default:
		d.skip(0)
	}
}

// parseErrorCBOR is what the service says of a whole call.
func parseErrorCBOR(answer []byte) (code, message string, ok bool) {
	d := &decoder{b: answer}
	d.each(majorMap, func(int) {
		switch string(d.bytes(majorText)) {
		case "__type", "code":
			if s := d.text(); code == "" {
				code = string(s)
			}
		case "message", "Message":
			if s := d.text(); message == "" {
				message = string(s)
			}
		default:
			d.skip(0)
		}
	})
	return code, message, d.err == nil && code != ""
}
