package convert

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"
	"time"
)

// Sizes of the Java agent, in bytes, and the longest text that is sent in a record here: room is left for a line end, and for the partition key, which
// Kinesis counts with the record.
const (
	kinesisText  = "1023KiB"
	firehoseText = "999KiB"
	smallestPack = 1 << 10
	largestPack  = 1000 << 10
)

var notInName = regexp.MustCompile(`[^0-9A-Za-z._-]+`)

// flow converts one flow, or notes why it cannot be.
func (c *converter) flow(key string, o *object) {
	before := len(c.result.Report)
	first := c.aws.first
	f := flowParts{c: c, key: key, o: o}
	if err := f.convert(); err != nil {
		err = fmt.Errorf("%s%w", c.where, err)
		c.aws.first = first
		c.result.Failed = append(c.result.Failed, err)
		c.result.Report = c.result.Report[:before]
		c.say(NoCounterpart, key, nil, "the flow is not converted: %s", strings.TrimPrefix(err.Error(), c.where+key+"."))
		c.flows.line("# Not converted: %s\n", strings.ReplaceAll(err.Error(), "\n", " "))
		return
	}
	f.write()
}

// flowParts is a flow while it is converted.
type flowParts struct {
	c       *converter
	key     string
	o       *object
	kind    string // kinesis | firehose
	stream  string
	pattern string

	tail, emit []string
	steps      steps
	multiline  string
}

func (f *flowParts) at(key string) string { return f.key + "." + key }

func (f *flowParts) say(v Verdict, key, text string) {
	f.c.say(v, f.at(key), f.o.get(key), "%s", text)
}

// byDefault is say for a setting that is not there.
func (f *flowParts) byDefault(v Verdict, key, format string, args ...any) {
	f.c.say(v, "(default) "+f.at(key), nil, format, args...)
}

func (f *flowParts) convert() error {
	if err := f.destination(); err != nil {
		return err
	}
	if err := f.files(); err != nil {
		return err
	}
	f.steps = steps{c: f.c, text: asRead}
	if err := f.options(); err != nil {
		return err
	}
	for _, each := range []func() error{f.framing, f.sizes, f.waiting, f.partitionKey, f.others} {
		if err := each(); err != nil {
			return err
		}
	}
	return nil
}

func (f *flowParts) destination() error {
	kinesis, _ := textOf(f.o.get("kinesisStream"))
	firehose, _ := textOf(f.o.get("deliveryStream"))
	switch {
	case firehose != "":
		f.kind, f.stream = "firehose", firehose
		f.say(TakenOver, "deliveryStream", `emit "firehose"`)
		if kinesis != "" {
			f.say(NotNeeded, "kinesisStream", "deliveryStream wins, there and here")
		}
	case kinesis != "":
		f.kind, f.stream = "kinesis", kinesis
		f.say(TakenOver, "kinesisStream", `emit "kinesis"`)
	default:
		return fmt.Errorf("%s names neither kinesisStream nor deliveryStream", f.key)
	}
	return nil
}

func (f *flowParts) files() error {
	pattern, _ := textOf(f.o.get("filePattern"))
	if pattern == "" {
		return fmt.Errorf("%s has no filePattern, or it is no text", f.key)
	}
	if !strings.HasPrefix(pattern, "/") {
		return fmt.Errorf("%s: %q is relative to wherever the Java agent was started: write the whole path", f.at("filePattern"), pattern)
	}
	if strings.HasSuffix(pattern, "/") {
		return fmt.Errorf("%s: %q is a directory: write a pattern for the files in it", f.at("filePattern"), pattern)
	}
	dir, name := path.Split(pattern)
	dir = path.Clean(dir)
	literal := regexp.MustCompile(`[*?\[\]{}\\]`).ReplaceAllString(dir, `\$0`)
	name = regexp.MustCompile(`\*\*+`).ReplaceAllString(name, "*")
	f.pattern = strings.TrimSuffix(literal, "/") + "/" + name
	f.say(TakenOver, "filePattern", "paths")
	if literal != dir {
		f.say(Better, "filePattern", "only the last part is a pattern there, so the others are written to mean themselves; here every part can be one, and ** stands for any directories")
	}
	if strings.ContainsAny(name, "*?[{") {
		f.say(Better, "filePattern", "all files that match are followed at the same time, and rotated ones are read to their end; the Java agent follows the newest")
	}
	f.tail = append(f.tail, argument("paths", quoteAll([]string{f.pattern})))
	switch position, _ := textOf(f.o.get("initialPosition")); position {
	case "", "END_OF_FILE":
		if f.o.has("initialPosition") {
			f.say(TakenOver, "initialPosition", `start_at = "end"`)
		}
	case "START_OF_FILE":
		f.tail = append(f.tail, `start_at = "beginning"`)
		f.say(TakenOver, "initialPosition", `start_at = "beginning"`)
		f.say(Different, "initialPosition", "at the first start all files that match are read, oldest first; the Java agent reads the newest only")
	default:
		return fmt.Errorf("%s: %q is neither START_OF_FILE nor END_OF_FILE", f.at("initialPosition"), position)
	}
	return nil
}

// options converts dataProcessingOptions.
func (f *flowParts) options() error {
	v := f.o.get("dataProcessingOptions")
	list, ok := v.([]any)
	if f.o.has("dataProcessingOptions") && !ok {
		f.say(NotNeeded, "dataProcessingOptions", "it is no list: the Java agent ignores it, and sends the lines as they are; so does the result")
		return nil
	}
	for i, v := range list {
		key := fmt.Sprintf("%s[%d]", f.at("dataProcessingOptions"), i)
		o, ok := v.(*object)
		if !ok {
			return fmt.Errorf("%s is %s, not an object", key, shown(v))
		}
		if err := f.steps.option(key, o); err != nil {
			return err
		}
	}
	return nil
}

func (f *flowParts) framing() error {
	start, _ := textOf(f.o.get("multiLineStartPattern"))
	if start != "" {
		pattern, err := translate(start)
		if err != nil {
			return fmt.Errorf("%s: %w", f.at("multiLineStartPattern"), err)
		}
		f.multiline = fmt.Sprintf("multiline { start = %s }", quote(atStart(pattern)))
		f.say(TakenOver, "multiLineStartPattern", "multiline, at the start of a line")
		f.say(Different, "multiLineStartPattern", `an event that has not grown for 2s is sent (timeout in the multiline block): nothing waits for the next event to begin`)
	}
	if n, ok := intOf(f.o.get("skipHeaderLines")); f.o.has("skipHeaderLines") {
		if !ok || n < 0 || n > 1_000_000 {
			return fmt.Errorf("%s must be a number from 0 to 1000000", f.at("skipHeaderLines"))
		}
		if n > 0 {
			f.tail = append(f.tail, argument("skip_header_lines", fmt.Sprint(n)))
		}
		f.say(TakenOver, "skipHeaderLines", "skip_header_lines")
	}
	if !f.steps.parsed || f.steps.options == 0 {
		f.tail = append(f.tail, "keep_cr = true")
		f.byDefault(Better, "dataProcessingOptions", "lines that end in CR LF keep their CR, as there (keep_cr): leave it out if no consumer needs it")
	}
	return nil
}

func (f *flowParts) sizes() error {
	text, limit := kinesisText, "1 MiB"
	if f.kind == "firehose" {
		text, limit = firehoseText, "1,000 KiB"
	}
	f.tail = append(f.tail, argument("max_record_size", quote(text)))
	f.byDefault(Different, "truncation", "a longer line is cut after %s, so that a line end and the key find room in a record of %s; on_oversize = \"split\" loses nothing of it", text, limit)
	if end, ok := textOf(f.o.get("truncatedRecordTerminator")); f.o.has("truncatedRecordTerminator") {
		if ok && end == "\n" {
			f.say(TakenOver, "truncatedRecordTerminator", "a line that is cut ends in a line end, as any other")
		} else {
			f.say(NoCounterpart, "truncatedRecordTerminator", "a line that is cut ends as any other, in a line end; truncated ones are counted (RecordsTruncated)")
		}
	}
	if f.o.has("aggregatedRecordSizeBytes") {
		n, ok := intOf(f.o.get("aggregatedRecordSizeBytes"))
		switch {
		case !ok || n < 0:
			return fmt.Errorf("%s must be a number of bytes", f.at("aggregatedRecordSizeBytes"))
		case n == 0:
			f.say(TakenOver, "aggregatedRecordSizeBytes", "records are not joined, there and here")
		case f.kind == "kinesis":
			f.say(NotNeeded, "aggregatedRecordSizeBytes", `it is for Firehose only; aggregate = "kpl" saves more, for consumers that take the KPL's format apart, as Lambda with its library and the KCL do`)
		case f.multiline != "":
			f.say(NotNeeded, "aggregatedRecordSizeBytes", `the Java agent does not join multi-line records; aggregate = "lines" does it here`)
		default:
			n = min(max(n, smallestPack), largestPack)
			f.emit = append(f.emit, `aggregate = "lines"`, argument("aggregate_size", quote(fmt.Sprintf("%dB", n))))
			f.say(TakenOver, "aggregatedRecordSizeBytes", `aggregate = "lines", aggregate_size: whole records are joined, up to that size; where a joined record begins and ends may differ`)
		}
		return nil
	}
	if f.kind == "firehose" {
		f.byDefault(Better, "aggregatedRecordSizeBytes", `Firehose bills each record rounded up to 5 KB: aggregate = "lines" joins lines, and what arrives in S3 is the same ('kinetail plan' says what it saves)`)
	} else {
		f.byDefault(Better, "aggregate", `aggregate = "kpl" needs fewer shards and PUT units, if consumers take the KPL's format apart ('kinetail plan' says what it saves)`)
	}
	return nil
}

func (f *flowParts) waiting() error {
	wait := time.Minute
	if f.o.has("maxBufferAgeMillis") {
		n, ok := intOf(f.o.get("maxBufferAgeMillis"))
		if !ok || n < 0 {
			return fmt.Errorf("%s must be a number of milliseconds", f.at("maxBufferAgeMillis"))
		}
		wait = min(max(time.Duration(n)*time.Millisecond, time.Millisecond), 15*time.Minute)
		f.say(TakenOver, "maxBufferAgeMillis", "max_wait")
	} else {
		f.byDefault(TakenOver, "maxBufferAgeMillis", "max_wait = \"1m\", which is the default there")
	}
	if wait > time.Second {
		f.byDefault(Better, "max_wait", "a record waits up to %s until a request is full; the default here is 1s, which costs nothing without aggregate", duration(wait))
	}
	f.emit = append(f.emit, argument("max_wait", quote(duration(wait))))
	for _, key := range []string{"maxBufferSizeRecords", "maxBufferSizeBytes"} {
		if f.o.has(key) {
			f.say(NotNeeded, key, "requests are filled up to the service's limits: nothing of it is to be seen in the stream")
		}
	}
	return nil
}

// duration is a time span as the configuration writes it.
func duration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	return s
}

func (f *flowParts) partitionKey() error {
	option, _ := textOf(f.o.get("partitionKeyOption"))
	switch {
	case f.kind == "firehose" && f.o.has("partitionKeyOption"):
		f.say(NotNeeded, "partitionKeyOption", "Firehose has no partition keys")
	case option == "RANDOM":
		f.say(TakenOver, "partitionKeyOption", "no partition_key: records are spread evenly over the shards")
	case option == "DETERMINISTIC":
		f.emit = append(f.emit, argument("partition_key", `md5("`+inside(f.steps.text)+`\n")`))
		f.say(TakenOver, "partitionKeyOption", "partition_key is the MD5 sum of the record and its line end, in hexadecimal")
		f.say(Better, "partitionKeyOption", "a field as the key keeps what belongs together in one shard, and in order: parse, and partition_key = record.client or the like")
	case option != "":
		return fmt.Errorf("%s: %q is neither RANDOM nor DETERMINISTIC", f.at("partitionKeyOption"), option)
	}
	return nil
}

// others says what becomes of the keys that are left.
func (f *flowParts) others() error {
	handled := map[string]bool{}
	for _, k := range []string{
		"filePattern", "kinesisStream", "deliveryStream", "initialPosition", "dataProcessingOptions", "multiLineStartPattern", "skipHeaderLines",
		"truncatedRecordTerminator", "aggregatedRecordSizeBytes", "maxBufferAgeMillis", "maxBufferSizeRecords", "maxBufferSizeBytes", "partitionKeyOption",
	} {
		handled[k] = true
	}
	var wrong []error
	for _, k := range f.o.keys {
		switch {
		case handled[k]:
		case k == "fileFooterPattern":
			f.say(NoCounterpart, k, "a file is read to its end, whatever stands in it: a filter can drop the footer, but not what follows it")
		case k == "optionName" || k == "customFieldNames" || k == "delimiter" || k == "logFormat" || k == "matchPattern":
			f.say(NotNeeded, k, "it stands beside dataProcessingOptions and not inside: the Java agent ignores it, and so does the result")
		default:
			f.c.unknown(f.at(k), f.o.get(k))
		}
	}
	return errors.Join(wrong...)
}

// write writes the flow block.
func (f *flowParts) write() {
	c := f.c
	stream := f.stream + c.opts.Dual
	base := strings.Trim(notInName.ReplaceAllString(f.stream, "-"), "._-")
	base = base[:min(len(base), 56)]
	if base == "" {
		base = "flow"
	}
	name := base
	if c.names[base]++; c.names[base] > 1 {
		name = fmt.Sprintf("%s-%d", base, c.names[base])
	}
	if c.used == nil {
		c.used = map[string]bool{}
	}
	c.used[f.kind] = true

	emit := append([]string{argument("stream", quote(stream))}, f.emit...)
	switch f.steps.text {
	case asRead:
		if f.steps.out.Len() > 0 {
			emit = append(emit, "template = record.message")
		}
	case asFields:
	default:
		emit = append(emit, argument("template", f.steps.text))
	}
	if f.kind == "kinesis" {
		emit = append(emit, `delimiter = "\n"`)
	}
	emit = append(emit, c.aws.block(f.kind))

	w := &c.flows
	w.line("flow %s {", quote(name))
	w.block("tail", append(f.tail, f.multiline)...)
	if f.steps.out.Len() > 0 {
		w.line("")
		w.WriteString(f.steps.out.String())
		w.line("")
	}
	w.block(fmt.Sprintf("emit %q", f.kind), emit...)
	w.line("}\n")
	prefix := map[string]string{"kinesis": "kinesis:", "firehose": "fh:"}[f.kind]
	pattern, _ := textOf(f.o.get("filePattern"))
	c.result.Flows = append(c.result.Flows, Flow{Name: name, ID: prefix + f.stream + ":" + pattern, Pattern: f.pattern})
}
