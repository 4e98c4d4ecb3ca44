package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
)

// emitKinds are the kinds of emit blocks, each with what reads the arguments that only it takes.
var emitKinds = map[string]func(*body, *Emit, AWS){
	"kinesis":  (*body).kinesis,
	"firehose": (*body).firehose,
	"stdout":   (*body).stdout,
	"file":     (*body).file,
}

// The services' limits for one record, in bytes (AWS documentation: PutRecords, PutRecordBatch).
const (
	kinesisRecord  = 10 << 20 // where the stream is set up for it; 1 MiB otherwise
	usualRecord    = 1 << 20
	firehoseRecord = 1000 << 10
)

// packedSize is the default aggregate_size: two of the 25,600 bytes that a record is billed in, and the KPL's default.
const packedSize = 50 << 10

// emit reads an emit block; nil if its kind is unknown.
func (d *decoder) emit(blk *hcl.Block, aws AWS) (*Emit, *body) {
	kind := blk.Labels[0]
	read, ok := emitKinds[kind]
	if !ok {
		d.unknownKind(kind, blk)
		return nil, nil
	}
	b := d.body(blk, "flow")
	e := &Emit{
		Kind: kind, Name: kind, Range: blk.DefRange,
		Order: "none", Aggregate: "none", MaxUnacked: 64 << 20,
		DeadLetter: DeadLetter{MaxSize: 256 << 20, OnFull: "wait", MaxRate: 100},
	}
	b.str("name", &e.Name, name("name"))
	b.enum("format", &e.Format, "raw", "json", "template")
	e.Template = trimmed(b.expression("template"))
	b.enum("invalid_utf8", &e.InvalidUTF8, "replace", "base64")
	read(b, e, aws.clone())
	b.one("dead_letter", func(b *body) {
		b.size("max_size", &e.DeadLetter.MaxSize, 1<<20, 1<<40)
		b.enum("on_full", &e.DeadLetter.OnFull, "wait", "drop")
		b.integer("max_rate", &e.DeadLetter.MaxRate, 1, 1_000_000)
		b.done()
	})
	b.done()
	return e, b
}

// output fills in what records look like, which depends on the steps, and checks it.
func (b *body) output(e *Emit, f *Flow) {
	var shaping *Step
	for _, s := range f.Steps {
		if stepKinds[s.Kind].shapes {
			shaping = s
			break
		}
	}
	format, template := b.written["format"], b.written["template"]
	switch {
	case template != nil && format != nil && e.Format != "template":
		b.d.conflict(problem{summary: fmt.Sprintf("A template, and format = %q", e.Format), hint: "this says what a record looks like", detail: "Leave one of them out."},
			template.NameRange, "and so does this", format.NameRange)
	case template != nil:
		e.Format = "template"
	case e.Format == "template":
		b.d.error(format.Range, problem{summary: "format = \"template\" without a template", hint: `add template = "${record.level} ${record.text}"`})
	case format == nil:
		e.Format = "raw"
		if shaping != nil {
			e.Format = "json"
		}
	case e.Format == "raw" && shaping != nil:
		b.d.conflict(problem{
			summary: "format = \"raw\" sends the line as it came", hint: "what the steps make of it would be lost",
			detail: "Leave it out for JSON, or write template = record.message, or what else is to be sent.",
		}, format.Range, "this step makes another record of the line", shaping.Range)
	}
	if a := b.written["invalid_utf8"]; a != nil && e.Format != "json" {
		b.d.error(a.NameRange, problem{
			summary: fmt.Sprintf("invalid_utf8 with format = %q", e.Format), hint: "leave it out",
			detail: "It says what becomes of bytes that JSON cannot hold. Other formats send all bytes as they are.",
		})
	}
	if c := b.written["compression"]; c != nil && e.Aggregate == "lines" {
		b.d.error(c.Range, problem{
			summary: "compression of records that are joined into lines", hint: "leave it out, or aggregate",
			detail: "Each record would be compressed by itself, and nobody could tell where in the lines one ends.",
		})
	}
}

func (d *decoder) unknownKind(kind string, blk *hcl.Block) {
	kinds := slices.Sorted(maps.Keys(emitKinds))
	p := problem{summary: fmt.Sprintf("Unknown kind of destination %q", kind), detail: fmt.Sprintf("There are %s.", quoteAll(kinds))}
	if k := neighbourKinds[flat(kind)]; k != "" {
		p.hint = mean(k)
	} else if k := nearest(kind, kinds); k != "" {
		p.hint = mean(k)
	}
	d.error(blk.LabelRanges[0], p)
}

var (
	streamName         = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,128}$`)
	deliveryStreamName = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,64}$`)
	streamARN          = regexp.MustCompile(`^arn:aws[a-z-]*:kinesis:([a-z0-9-]+):[0-9]{12}:stream/[a-zA-Z0-9_.-]{1,128}$`)
)

func (b *body) kinesis(e *Emit, aws AWS) {
	e.AWS = aws
	e.MaxWait, e.MaxRequests, e.ShardRateLimit, e.AggregateSize = time.Second, 8, 1.5, packedSize
	stream := b.str("stream", &e.Stream, func(s string) *problem {
		if streamName.MatchString(s) {
			return nil
		}
		p := &problem{summary: fmt.Sprintf("stream cannot be %q", s), detail: "A stream's name has 1 to 128 letters, digits and _ . -."}
		if strings.HasPrefix(s, "arn:") {
			p.hint = "this is an ARN: write stream_arn = ..."
		}
		return p
	})
	b.str("stream_arn", &e.StreamARN, matches("stream_arn", streamARN, `It looks like "arn:aws:kinesis:eu-west-1:123456789012:stream/clickstream".`))
	b.partitionKey(e)
	b.enum("aggregate", &e.Aggregate, "none", "kpl", "lines")
	b.aggregation(e, kinesisRecord)
	b.enum("compression", &e.Compression, "gzip", "zstd")
	b.enum("order", &e.Order, "none", "key")
	b.percent("shard_rate_limit", &e.ShardRateLimit, 1, 1000)
	b.sending(e)
	switch {
	case stream != nil && b.has("stream_arn"):
		b.d.conflict(problem{summary: "stream and stream_arn in one emit block", hint: "this names a stream", detail: "Leave one of them out."},
			b.written["stream_arn"].NameRange, "and so does this", stream.NameRange)
	case !b.has("stream") && !b.has("stream_arn"):
		b.need("stream", "the name of a stream", `stream = "..."`)
	}
	if m := streamARN.FindStringSubmatch(e.StreamARN); m != nil && e.AWS.Region != "" && e.AWS.Region != m[1] {
		b.d.error(b.written["stream_arn"].Expr.Range(), problem{
			summary: fmt.Sprintf("The stream is in %s, but region is %q", m[1], e.AWS.Region),
			detail:  fmt.Sprintf("Write aws { region = %q } in this emit block, or correct the ARN.", m[1]),
		})
	}
	b.ordering(e)
}

// ordering fills in order's default and checks it against what it needs.
func (b *body) ordering(e *Emit) {
	order := b.written["order"]
	if order == nil {
		if e.Aggregate == "kpl" && e.PartitionKey != nil {
			e.Order = "key"
		}
		return
	}
	if e.Order != "key" {
		return
	}
	if !b.has("partition_key") {
		b.d.error(order.Range, problem{
			summary: `order = "key" without a partition_key`, hint: "add partition_key = ...",
			detail: "Order is kept among the records of one partition key. Without one the records are spread evenly, and have no order.",
		})
		return
	}
	if e.Aggregate == "none" {
		b.d.warning(order.Range, problem{
			summary: `order = "key" without aggregation sends one record per key at a time`, hint: `aggregate = "kpl" lifts this`,
			detail: "PutRecords promises no order among the records of a request, so a key's next record waits for the answer to the one before: at most one record per key and round trip, which is about 30 a second and key at 30 ms.",
		})
	}
}

func (b *body) firehose(e *Emit, aws AWS) {
	const noShards = "Firehose has no shards and no partition keys: it stores records in about the order in which they arrive."
	b.refuse(noShards, "partition_key", "shard_rate_limit")
	b.refuse("Firehose promises no order among records, only inside one. Send to Kinesis Data Streams where order matters.", "order")
	b.refuse("PutRecordBatch takes the name only: write stream = \"...\", and the region in the aws block.", "stream_arn")
	e.AWS, e.Delimiter = aws, "\n"
	e.MaxWait, e.MaxRequests, e.AggregateSize = time.Second, 8, packedSize
	b.str("stream", &e.Stream, func(s string) *problem {
		if deliveryStreamName.MatchString(s) {
			return nil
		}
		p := &problem{summary: fmt.Sprintf("stream cannot be %q", s), detail: "A delivery stream's name has 1 to 64 letters, digits and _ . -."}
		if i := strings.LastIndex(s, ":deliverystream/"); i >= 0 {
			p.hint = mean(s[i+len(":deliverystream/"):])
		}
		return p
	})
	if !b.has("stream") {
		b.need("stream", "the name of a stream", `stream = "..."`)
	}
	b.enum("aggregate", &e.Aggregate, "none", "lines")
	b.aggregation(e, firehoseRecord)
	b.enum("compression", &e.Compression, "gzip", "zstd")
	b.sending(e)
}

// aggregation reads aggregate_size and delimiter.
func (b *body) aggregation(e *Emit, largest int64) {
	size := b.size("aggregate_size", &e.AggregateSize, 1<<10, largest)
	if size != nil && e.Aggregate == "none" {
		b.d.error(size.NameRange, problem{summary: "aggregate_size without aggregate", hint: `add aggregate = "lines"`, detail: "Records are packed together only if aggregate says how."})
	}
	delimiter := b.delimiter(e)
	if e.Aggregate == "lines" && e.Delimiter == "" {
		if delimiter != nil {
			b.d.error(delimiter.Range, problem{summary: `aggregate = "lines" needs a delimiter`, hint: `write "\n"`, detail: "Without one nobody could tell where a record ends."})
			return
		}
		e.Delimiter = "\n"
	}
}

func (b *body) delimiter(e *Emit) *hcl.Attribute {
	return b.str("delimiter", &e.Delimiter, func(s string) *problem {
		if len(s) <= 16 {
			return nil
		}
		return &problem{summary: "delimiter is too long", detail: "It has 16 bytes at most."}
	})
}

// sending reads what the two services have in common.
func (b *body) sending(e *Emit) {
	b.duration("max_wait", &e.MaxWait, time.Millisecond, 15*time.Minute)
	b.integer("max_requests", &e.MaxRequests, 1, 256)
	b.size("max_unacked", &e.MaxUnacked, 1<<20, 1<<40)
	b.one("aws", func(b *body) { b.aws(&e.AWS) })
}

const notRemote = "It is about requests to a service; this destination is on this host."

func (b *body) local(e *Emit) {
	b.refuse(notRemote, "stream", "stream_arn", "aws", "max_requests", "shard_rate_limit", "max_wait", "max_unacked")
	b.refuse("Partition keys choose a shard; there are none here.", "partition_key")
	b.refuse("Records are written in the order in which they are read.", "order")
	b.refuse("Records are written one by one.", "aggregate", "aggregate_size")
	b.refuse("Records are written as lines, and nobody could tell where a compressed one ends.", "compression")
	e.Delimiter = "\n"
	if a := b.delimiter(e); a != nil && e.Delimiter == "" {
		b.d.error(a.Range, problem{summary: "delimiter is empty", hint: `write "\n"`, detail: "Nobody could tell where a record ends."})
	}
}

func (b *body) stdout(e *Emit, _ AWS) {
	b.refuse(`Write emit "file" to write to a file.`, "path")
	b.local(e)
}

func (b *body) file(e *Emit, _ AWS) {
	b.local(e)
	b.str("path", &e.Path, absolutePath("path"), func(s string) *problem {
		if !strings.HasSuffix(s, "/") {
			return nil
		}
		return &problem{summary: fmt.Sprintf("path %q is a directory", s), detail: "Write the path of a file in it."}
	})
	if !b.has("path") {
		b.need("path", "the path of a file", `path = "/var/log/..."`)
	}
}
