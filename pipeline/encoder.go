package pipeline

import (
	"fmt"
	"unicode/utf8"

	"github.com/kinetail/kinetail/pipeline/expr"
	"github.com/kinetail/kinetail/pipeline/record"
	"github.com/kinetail/kinetail/tailer"
)

// maxKey is the longest partition key, in Unicode characters (Kinesis API reference, PutRecordsRequestEntry).
const maxKey = 256

// arenaKept is the largest encoding buffer that is kept for the next batch, in bytes.
const arenaKept = 4 << 20

// Refusal for records longer than max_record_size.
var oversize = &Refusal{Reason: "oversize", Detail: "longer than max_record_size"}

// EncoderOptions say how the records of a flow are written for one destination.
type EncoderOptions struct {
	// Format is "raw" (the default) or "json".
	Format string
	// Delimiter is appended to each record.
	Delimiter string
	// PartitionKey gives the partition key; nil spreads the records evenly.
	PartitionKey *expr.Program
	// Host is host.name in expressions.
	Host string
}

// EncoderCounts are what an Encoder counted since it was made.
type EncoderCounts struct {
	// Replaced is how many bytes that were no UTF-8 became U+FFFD in JSON.
	Replaced int64
	// KeysTruncated is how many partition keys were longer than 256 characters.
	KeysTruncated int64
	// Failures is how many partition keys could not be evaluated; those records are spread evenly.
	Failures int64
}

// Encoder writes the records of one flow for one destination. One goroutine uses it at a time.
type Encoder struct {
	opts   EncoderOptions
	env    expr.Env
	record record.Record
	arena  []byte
	keys   []byte
	counts EncoderCounts
}

// NewEncoder makes an Encoder.
func NewEncoder(opts EncoderOptions) (*Encoder, error) {
	switch opts.Format {
	case "":
		opts.Format = "raw"
	case "raw", "json":
	default:
		return nil, fmt.Errorf("format %q is unknown: use \"raw\" or \"json\"", opts.Format)
	}
	e := &Encoder{opts: opts}
	e.env.Record = &e.record
	e.env.Host = opts.Host
	return e, nil
}

// Counts is what was counted until now.
func (e *Encoder) Counts() EncoderCounts {
	c := e.counts
	c.Failures = e.env.Failures
	return c
}

// Encode writes the records of b into out, which it fills anew. Where the bytes of a record are sent as they are, the payload
// aliases the batch; else it aliases the encoder's buffer, which the next Encode overwrites. Encode allocates nothing
// per record once the buffers have grown.
func (e *Encoder) Encode(b *tailer.Batch, out *Payloads) {
	out.Batch = b
	out.Items = out.Items[:0]
	e.arena = emptied(e.arena)
	e.keys = emptied(e.keys)
	e.env.Reset()
	if b.Source != nil {
		e.env.Path, e.env.Name, e.env.Dir = b.Source.Path, b.Source.Name, b.Source.Dir
	}
	if cap(out.Items) < len(b.Records) {
		out.Items = make([]Payload, 0, len(b.Records))
	}
	for i := range b.Records {
		p := Payload{Record: i}
		if b.Records[i].Flags&tailer.Oversize != 0 {
			p.Data, p.Refusal = b.Bytes(i), oversize
			out.Items = append(out.Items, p)
			continue
		}
		if e.opts.PartitionKey != nil || e.opts.Format == "json" {
			fill(&e.record, b, i)
		}
		if e.opts.Format == "json" {
			p.Data = e.json()
		} else {
			p.Data = e.raw(b, i)
		}
		if e.opts.PartitionKey != nil {
			p.Key = e.key()
		}
		out.Items = append(out.Items, p)
	}
}

// fill makes the record that a line is before any step: its text, and what container framing knows of it.
func fill(r *record.Record, b *tailer.Batch, i int) {
	r.Reset()
	r.Add("message", record.OfBytes(b.Bytes(i)))
	if i < len(b.Meta) {
		r.Add("stream", record.Of(b.Meta[i].Stream))
		r.Add("time", record.Of(b.Meta[i].Time))
	}
}

// raw is the record's bytes and the delimiter. Mostly the delimiter is the line end that follows the record in the batch anyway.
func (e *Encoder) raw(b *tailer.Batch, i int) []byte {
	d := e.opts.Delimiter
	if d == "" {
		return b.Bytes(i)
	}
	r := &b.Records[i]
	end := int(r.Off) + int(r.Len)
	if with := end + len(d); with <= len(b.Data) && string(b.Data[end:with]) == d {
		return b.Data[r.Off:with:with]
	}
	start := len(e.arena)
	e.arena = append(append(e.arena, b.Bytes(i)...), d...)
	return e.arena[start:len(e.arena):len(e.arena)]
}

func (e *Encoder) json() []byte {
	start, replaced := len(e.arena), 0
	e.arena = append(e.record.AppendJSON(e.arena, &replaced), e.opts.Delimiter...)
	e.counts.Replaced += int64(replaced)
	return e.arena[start:len(e.arena):len(e.arena)]
}

// key is the record's partition key; empty where the expression is null or empty.
func (e *Encoder) key() []byte {
	s, _ := e.opts.PartitionKey.Text(&e.env)
	if len(s) == 0 {
		return nil
	}
	cut := len(s) > maxKey*utf8.UTFMax
	if cut {
		s = s[:maxKey*utf8.UTFMax] // holds the first 256 characters in any case
	}
	start := len(e.keys)
	for len(s) > 0 { // the service takes UTF-8 only
		n := utf8Prefix(s)
		e.keys = append(e.keys, s[:n]...)
		if s = s[n:]; s != "" {
			e.keys = append(e.keys, "\ufffd"...)
			s = s[1:]
		}
	}
	key := e.keys[start:len(e.keys):len(e.keys)]
	if n := truncated(key); cut || n < len(key) {
		e.counts.KeysTruncated++
		key = key[:n:n]
	}
	return key
}

// utf8Prefix is how many bytes at the start of s are UTF-8.
func utf8Prefix(s string) int {
	if utf8.ValidString(s) {
		return len(s)
	}
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(s)
}

// truncated is the length in bytes of the first maxKey characters of key.
func truncated(key []byte) int {
	if len(key) <= maxKey {
		return len(key)
	}
	n, chars := 0, 0
	for n < len(key) && chars < maxKey {
		_, size := utf8.DecodeRune(key[n:])
		n += size
		chars++
	}
	return n
}

// emptied is the buffer without its content, or nil where it has grown larger than is kept.
func emptied(b []byte) []byte {
	if cap(b) > arenaKept {
		return nil
	}
	return b[:0]
}
