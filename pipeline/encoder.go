package pipeline

import (
	"errors"
	"fmt"
	"time"
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

// Refusal for records of which a template makes null.
var noTemplate = &Refusal{Reason: "template_null", Detail: "a part of the template is null; coalesce gives it a default"}

// EncoderOptions say how the records of a flow are written for one destination.
type EncoderOptions struct {
	// Format is "raw" (the default), "json" or "template".
	Format string
	// Template is the text of each record for format "template". A record for which it is null is refused.
	Template *expr.Program
	// InvalidUTF8 is what format "json" makes of text that is no UTF-8: "replace" (the default) puts U+FFFD for each wrong byte; "base64"
	// writes the field in base64 under its name with "_base64" appended.
	InvalidUTF8 string
	// Delimiter is appended to each record.
	Delimiter string
	// PartitionKey gives the partition key; nil spreads the records evenly.
	PartitionKey *expr.Program
	// Compression is "" (none), "gzip" or "zstd": each record is compressed by itself, its delimiter included.
	Compression string
	// Host is host.name in expressions.
	Host string
}

// EncoderCounts are what an Encoder counted since it was made.
type EncoderCounts struct {
	// Replaced is how many bytes that were no UTF-8 became U+FFFD in JSON.
	Replaced int64
	// KeysTruncated is how many partition keys were longer than 256 characters.
	KeysTruncated int64
	// Failures is how many partition keys and templates failed and were taken for null.
	Failures int64
}

// Encoder writes the records of one flow for one destination. One goroutine uses it at a time.
type Encoder struct {
	opts     EncoderOptions
	env      expr.Env
	record   record.Record
	arena    []byte
	keys     []byte
	compress *compressor
	// redacted is set when the text of a line may have changed though it is sent raw.
	redacted bool
	counts   EncoderCounts
	now      time.Time // of the batch
}

// NewEncoder makes an Encoder.
func NewEncoder(opts EncoderOptions) (*Encoder, error) {
	switch opts.Format {
	case "":
		opts.Format = "raw"
	case "raw", "json", "template":
	default:
		return nil, fmt.Errorf("format %q is unknown: use \"raw\", \"json\" or \"template\"", opts.Format)
	}
	if (opts.Format == "template") != (opts.Template != nil) {
		return nil, errors.New("format = \"template\" and template = \"...\" are needed together")
	}
	switch opts.InvalidUTF8 {
	case "", "replace", "base64":
	default:
		return nil, fmt.Errorf("invalid_utf8 %q is unknown: use \"replace\" or \"base64\"", opts.InvalidUTF8)
	}
	c, err := newCompressor(opts.Compression)
	if err != nil {
		return nil, err
	}
	e := &Encoder{opts: opts, compress: c}
	e.env.Record = &e.record
	e.env.Host = opts.Host
	e.env.Now = func() time.Time { return e.now }
	return e, nil
}

// Counts is what was counted until now.
func (e *Encoder) Counts() EncoderCounts { return e.counts }

// Encode writes the records of b, as they came, into out, which it fills anew. Where the bytes of a record are sent as they are, the
// payload aliases the batch; else it aliases the encoder's buffer, which the next Encode overwrites. Encode allocates nothing
// per record once the buffers have grown.
func (e *Encoder) Encode(b *tailer.Batch, out *Payloads) {
	e.begin(b, out)
	e.env.Path, e.env.Name, e.env.Dir = "", "", ""
	if b.Source != nil {
		e.env.Path, e.env.Name, e.env.Dir = b.Source.Path, b.Source.Name, b.Source.Dir
	}
	e.now = time.Now()
	needsRecord := e.opts.PartitionKey != nil || e.opts.Format != "raw"
	for i := range b.Records {
		if b.Records[i].Flags&tailer.Oversize != 0 {
			out.Items = append(out.Items, Payload{Data: b.Bytes(i), Record: i, Refusal: oversize})
			continue
		}
		if needsRecord {
			e.env.Reset()
			e.env.ID = identity(b, i)
			Line(&e.record, b, i)
		}
		e.add(&e.env, b, i, out)
	}
}

// identity is record.id of the i-th record of b.
func identity(b *tailer.Batch, i int) record.ID {
	if b.Source == nil {
		return record.ID{}
	}
	r := &b.Records[i]
	id := record.ID{Generation: b.Source.Generation, Start: r.Start, End: r.End}
	if r.Flags&tailer.Split != 0 {
		id.Part = int(r.Part) + 1
	}
	return id
}

// begin makes room for a batch.
func (e *Encoder) begin(b *tailer.Batch, out *Payloads) {
	out.Batch = b
	out.Items = out.Items[:0]
	if cap(out.Items) < len(b.Records) {
		out.Items = make([]Payload, 0, len(b.Records))
	}
	e.arena = emptied(e.arena)
	e.keys = emptied(e.keys)
}

// add encodes the i-th record of b, which is env.Record now.
func (e *Encoder) add(env *expr.Env, b *tailer.Batch, i int, out *Payloads) {
	p := Payload{Record: i}
	failures := env.Failures
	switch e.opts.Format {
	case "json":
		p.Data = e.json(env.Record)
	case "template":
		text, ok := e.opts.Template.Text(env)
		if !ok {
			p.Data, p.Refusal = e.json(env.Record), noTemplate
			break
		}
		start := len(e.arena)
		e.arena = append(append(e.arena, text...), e.opts.Delimiter...)
		p.Data = e.arena[start:len(e.arena):len(e.arena)]
	default:
		p.Data = e.raw(b, i)
		if e.redacted {
			p.Data = e.message(env.Record, p.Data)
		}
	}
	if e.compress != nil && p.Refusal == nil {
		start := len(e.arena)
		e.arena = e.compress.append(e.arena, p.Data)
		p.Data = e.arena[start:len(e.arena):len(e.arena)]
	}
	if e.opts.PartitionKey != nil {
		p.Key = e.key(env)
	}
	e.counts.Failures += env.Failures - failures
	out.Items = append(out.Items, p)
}

// Line makes the record that the i-th line of b is before any step: its text, and what container framing knows of it.
func Line(r *record.Record, b *tailer.Batch, i int) {
	r.Reset()
	r.Add("message", record.OfBytes(b.Bytes(i)))
	if i < len(b.Meta) {
		r.Add("stream", record.Of(b.Meta[i].Stream))
		r.Add("time", record.OfBytes(b.Meta[i].Time))
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

// message is the record's message and the delimiter; as is where that is what redaction left of it.
func (e *Encoder) message(r *record.Record, as []byte) []byte {
	m := r.Get("message").Str()
	if len(m)+len(e.opts.Delimiter) == len(as) && m == record.Alias(as[:len(m)]) {
		return as
	}
	start := len(e.arena)
	e.arena = append(append(e.arena, m...), e.opts.Delimiter...)
	return e.arena[start:len(e.arena):len(e.arena)]
}

func (e *Encoder) json(r *record.Record) []byte {
	start, replaced := len(e.arena), 0
	if e.opts.InvalidUTF8 == "base64" {
		e.arena = r.AppendJSONBase64(e.arena, &replaced)
	} else {
		e.arena = r.AppendJSON(e.arena, &replaced)
	}
	e.arena = append(e.arena, e.opts.Delimiter...)
	e.counts.Replaced += int64(replaced)
	return e.arena[start:len(e.arena):len(e.arena)]
}

// key is the record's partition key; empty where the expression is null or empty.
func (e *Encoder) key(env *expr.Env) []byte {
	s, _ := e.opts.PartitionKey.Text(env)
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
