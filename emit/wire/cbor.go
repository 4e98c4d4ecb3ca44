package wire

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
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
func appendTextCBOR(b []byte, s string) []byte {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	return append(appendHead(b, majorText, len(s)), s...)
}

// appendMember appends a member of a map whose value is a text, if there is one.
func appendMember(b []byte, name string, value *string) []byte {
	if value == nil {
		return b
	}
	return appendTextCBOR(appendTextCBOR(b, name), *value)
}

// members counts the values that are there.
func members(values ...*string) (n int) {
	for _, v := range values {
		if v != nil {
			n++
		}
	}
	return n
}

// putRecordsSizeCBOR is about how long the body is without what goes into it by reference, in bytes.
func putRecordsSizeCBOR(in *kinesis.PutRecordsInput) int {
	size := overhead
	for i := range in.Records {
		r := &in.Records[i]
		size += overhead
		if len(r.Data) < byReference {
			size += len(r.Data)
		}
		if r.PartitionKey != nil {
			size += len(*r.PartitionKey)
		}
	}
	return size
}

// writePutRecordsCBOR writes the body of a PutRecords call.
func writePutRecordsCBOR(w *bodyWriter, in *kinesis.PutRecordsInput) {
	b := appendHead(w.small, majorMap, 1+members(in.StreamName, in.StreamARN))
	b = appendMember(b, "StreamName", in.StreamName)
	b = appendMember(b, "StreamARN", in.StreamARN)
	b = appendHead(appendTextCBOR(b, "Records"), majorList, len(in.Records))
	for i := range in.Records {
		r := &in.Records[i]
		b = appendHead(b, majorMap, 1+members(r.PartitionKey, r.ExplicitHashKey))
		b = append(b, "\x64Data"...)
		w.small = appendHead(b, majorBytes, len(r.Data))
		w.data(r.Data)
		b = w.small
		if r.PartitionKey != nil {
			b = appendTextCBOR(append(b, "\x6cPartitionKey"...), *r.PartitionKey)
		}
		if r.ExplicitHashKey != nil {
			b = appendTextCBOR(append(b, "\x6fExplicitHashKey"...), *r.ExplicitHashKey)
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

// text reads a text that may be null. same holds those met before, for a few shards answer for all.
func (d *decoder) text(same map[string]*string) *string {
	if len(d.b) > 0 && d.b[0] == cborNull {
		d.b = d.b[1:]
		return nil
	}
	b := d.bytes(majorText)
	if s, ok := same[string(b)]; ok {
		return s
	}
	s := string(b)
	same[s] = &s
	return &s
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

// parsePutRecordsCBOR fills in the shard, or code and message, of each record, as parsePutRecords does. expected is
// how many there should be.
func parsePutRecordsCBOR(answer []byte, expected int, out *kinesis.PutRecordsOutput) error {
	d := &decoder{b: answer}
	same := map[string]*string{}
	out.FailedRecordCount = new(int32)
	found := false
	d.each(majorMap, func(int) {
		if string(d.bytes(majorText)) != "Records" {
			d.skip(0)
			return
		}
		out.Records = make([]types.PutRecordsResultEntry, 0, expected)
		found = d.each(majorList, func(int) {
			var r types.PutRecordsResultEntry
			if !d.each(majorMap, func(int) { d.result(&r, same) }) {
				d.fail()
			}
			*out.FailedRecordCount = failed(*out.FailedRecordCount, r.ErrorCode)
			out.Records = append(out.Records, r)
		})
	})
	if d.err == nil && !found {
		return errNoRecords
	}
	return d.err
}

var errNoRecords = errors.New("it has no Records")

func (d *decoder) result(r *types.PutRecordsResultEntry, same map[string]*string) {
	switch string(d.bytes(majorText)) {
	case "ErrorCode":
		r.ErrorCode = d.text(same)
	case "ErrorMessage":
		r.ErrorMessage = d.text(same)
	case "ShardId":
		r.ShardId = d.text(same)
	default:
		d.skip(0)
	}
}

// parseErrorCBOR is what the service says of a whole call.
func parseErrorCBOR(answer []byte) (code, message string, ok bool) {
	d := &decoder{b: answer}
	same := map[string]*string{}
	d.each(majorMap, func(int) {
		var s *string
		switch string(d.bytes(majorText)) {
		case "__type", "code":
			if s = d.text(same); s != nil && code == "" {
				code = *s
			}
		case "message", "Message":
			if s = d.text(same); s != nil && message == "" {
				message = *s
			}
		default:
			d.skip(0)
		}
	})
	return code, message, d.err == nil && code != ""
}
