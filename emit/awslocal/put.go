package awslocal

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"unicode/utf8"

	"github.com/valyala/fastjson"
)

// putRequest is PutRecord, PutRecords or PutRecordBatch, parsed. Its bytes are valid until release.
type putRequest struct {
	records []putEntry
	dryRun  bool
	single  bool // PutRecord: errors are of the call
	scratch *putScratch
}

type putEntry struct {
	key, data []byte // nil: absent
	explicit  string
	size      int // of the data; with Options.Discard the data may be the undecoded base64
}

// putScratch is what a parse uses up and the next one uses again.
type putScratch struct {
	parser  fastjson.Parser
	data    []byte
	records []putEntry
}

var scratches = sync.Pool{New: func() any { return new(putScratch) }}

func (p *putRequest) release() {
	clear(p.scratch.records)
	p.scratch.records = p.scratch.records[:0]
	scratches.Put(p.scratch)
}

func (c *call) openPut() error {
	sc := scratches.Get().(*putScratch)
	c.put = &putRequest{single: c.operation == "PutRecord", scratch: sc}
	if c.codec == codecCBOR {
		return c.openPutCBOR()
	}
	root, err := sc.parser.ParseBytes(c.body)
	if err != nil || root.Type() != fastjson.TypeObject {
		return clientError("SerializationException", "the body is not a JSON object: %v", err)
	}
	c.put.dryRun = root.GetBool("DryRun")
	c.stream = streamOf(string(root.GetStringBytes("StreamName")), string(root.GetStringBytes("StreamARN")))
	if name := root.GetStringBytes("DeliveryStreamName"); name != nil {
		c.stream = string(name)
	}
	sc.data = slices.Grow(sc.data[:0], base64.StdEncoding.DecodedLen(len(c.body)))
	switch {
	case !c.put.single:
		for _, v := range root.GetArray("Records") {
			if err := c.addJSON(v); err != nil {
				return err
			}
		}
	case c.service == "firehose":
		record := root.Get("Record")
		if record == nil {
			return missing("record")
		}
		err = c.addJSON(record)
	default:
		err = c.addJSON(root)
	}
	c.put.records = sc.records
	return err
}

// addJSON takes one record over.
func (c *call) addJSON(v *fastjson.Value) error {
	sc := c.put.scratch
	e := putEntry{key: v.GetStringBytes("PartitionKey"), explicit: string(v.GetStringBytes("ExplicitHashKey"))}
	if encoded := v.GetStringBytes("Data"); encoded != nil {
		if c.srv.opts.Discard && len(encoded) > 0 {
			e.data = encoded
			e.size = base64.StdEncoding.DecodedLen(len(encoded))
			for i := len(encoded) - 1; i >= 0 && encoded[i] == '='; i-- {
				e.size--
			}
		}
		if !c.srv.opts.Discard {
			start := len(sc.data)
			n, err := base64.StdEncoding.Decode(sc.data[start:cap(sc.data)], encoded)
			if err != nil {
				return clientError("SerializationException", "the data of a record is not base64: %v", err)
			}
			sc.data = sc.data[:start+n]
			e.data, e.size = sc.data[start:start+n:start+n], n
		}
		if e.data == nil {
			e.data = []byte{}
		}
	}
	sc.records = append(sc.records, e)
	return nil
}

// kept is the data to store. With Discard it is decoded only now, for the few records that are kept.
func (c *call) kept(e putEntry) []byte {
	if c.srv.opts.Discard && c.codec == codecJSON {
		if decoded, err := base64.StdEncoding.AppendDecode(nil, e.data); err == nil {
			return decoded
		}
	}
	return e.data
}

// field names a member of the n-th record as the services' validation messages do.
func (p *putRequest) field(i int, name string) string {
	if p.single {
		return name
	}
	return fmt.Sprintf("records.%d.member.%s", i+1, name)
}

// checkCount is common to both services: 1 to 500 records
// (docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html, firehose/latest/APIReference/API_PutRecordBatch.html).
func (p *putRequest) checkCount() error {
	if n := len(p.records); n == 0 {
		return constraint("[]", "records", "have length greater than or equal to 1")
	} else if n > 500 {
		return constraint("["+strconv.Itoa(n)+" records]", "records", "have length less than or equal to 500")
	}
	return nil
}

// checkKeys looks at what Kinesis asks of partition keys and explicit hash keys.
func (p *putRequest) checkKeys(keyRequired bool) error {
	for i, e := range p.records {
		switch {
		case e.data == nil:
			return missing(p.field(i, "data"))
		case e.key == nil && keyRequired:
			return missing(p.field(i, "partitionKey"))
		case keyRequired && len(e.key) == 0:
			return constraint("", p.field(i, "partitionKey"), "have length greater than or equal to 1")
		case len(e.key) > 256 && utf8.RuneCount(e.key) > 256:
			return constraint(string(e.key), p.field(i, "partitionKey"), "have length less than or equal to 256")
		}
	}
	return nil
}

// recordError is one record's refusal in an answer that is an HTTP 200.
type recordError struct {
	kind          FaultKind // "" if it was no fault
	code, message string
}

func throttledRecord(c *call, shard string) *recordError {
	if c.service == "firehose" {
		return &recordError{code: "ServiceUnavailableException", message: "Slow down."}
	}
	return &recordError{
		code:    "ProvisionedThroughputExceededException",
		message: "Rate exceeded for shard " + shard + " in stream " + c.stream + " under account " + c.srv.opts.AccountID + ".",
	}
}

// putResult is the answer to one record.
type putResult struct {
	RecordID       string `json:"RecordId,omitempty"` // Firehose
	SequenceNumber string `json:"SequenceNumber,omitempty"`
	ShardID        string `json:"ShardId,omitempty"`
	ErrorCode      string `json:"ErrorCode,omitempty"`
	ErrorMessage   string `json:"ErrorMessage,omitempty"`
}

// putAnswer is the answer to PutRecords or PutRecordBatch; the arrays' names differ.
type putAnswer struct {
	firehose bool
	failed   int
	results  []putResult
}

// miscount adds results, or takes some away: an answer that can't be matched to its request.
func (a *putAnswer) miscount(extra int) {
	if extra > 0 {
		for range extra {
			a.results = append(a.results, a.results[0])
		}
		return
	}
	a.results = a.results[:max(0, len(a.results)+extra)]
}

// count notes what became of the records.
func (a *putAnswer) count(s *counterSet, errs []*recordError, bytes int64) {
	s.update(func(c *Counters) {
		c.Records += int64(len(errs) - a.failed)
		c.Bytes += bytes
		if a.failed == 0 {
			return
		}
		for _, e := range errs {
			if e == nil {
				continue
			}
			bump(&c.RecordErrors, e.code)
			if e.kind != "" {
				bump(&c.Faults, string(e.kind))
			}
			if e.kind == Throttle || e.kind == "" {
				c.Throttled++
			}
		}
	})
}

func (a *putAnswer) appendJSON(b []byte) []byte {
	if a.firehose {
		b = append(b, `{"Encrypted":false,"FailedPutCount":`...)
	} else {
		b = append(b, `{"FailedRecordCount":`...)
	}
	b = strconv.AppendInt(b, int64(a.failed), 10)
	if a.firehose {
		b = append(b, `,"RequestResponses":[`...)
	} else {
		b = append(b, `,"Records":[`...)
	}
	for i, r := range a.results {
		if i > 0 {
			b = append(b, ',')
		}
		switch {
		case r.ErrorCode != "":
			b = append(b, `{"ErrorCode":`...)
			b = strconv.AppendQuote(b, r.ErrorCode)
			b = append(b, `,"ErrorMessage":`...)
			b = strconv.AppendQuote(b, r.ErrorMessage)
		case a.firehose:
			b = append(b, `{"RecordId":"`...)
			b = append(append(b, r.RecordID...), '"')
		default:
			b = append(b, `{"SequenceNumber":"`...)
			b = append(b, r.SequenceNumber...)
			b = append(b, `","ShardId":"`...)
			b = append(append(b, r.ShardID...), '"')
		}
		b = append(b, '}')
	}
	return append(b, ']', '}')
}
