package awslocal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
)

// maxBody bounds what is read of any request: a PutRecords call of 10 MiB in base64 with its JSON stays far below.
const maxBody = 32 << 20

// call is one request on its way through.
type call struct {
	srv       *Server
	w         http.ResponseWriter
	r         *http.Request
	wire      []byte // the body as it came, which is what is signed
	body      []byte // inflated
	codec     codec
	service   string // as IAM names it: kinesis, firehose, cloudwatch, sts
	operation string
	stream    string // of a Kinesis or Firehose call; "" if it names none
	accessKey string
	now       time.Time
	id        string
	put       *putRequest // parsed, for the calls that carry records
}

// resource is the ARN for messages.
func (c *call) resource() string {
	if c.stream == "" {
		return "*"
	}
	kind := "stream"
	if c.service == "firehose" {
		kind = "deliverystream"
	}
	return fmt.Sprintf("arn:aws:%s:%s:%s:%s/%s", c.service, c.srv.opts.Region, c.srv.opts.AccountID, kind, c.stream)
}

// writes reports whether the call carries records or metrics.
func (c *call) writes() bool {
	switch c.operation {
	case "PutRecord", "PutRecords", "PutRecordBatch", "PutMetricData":
		return true
	}
	return false
}

// operations by service. An operation gets the decoded call and returns what to encode.
type operation func(*Server, *call) (any, error)

func operationOf(service, name string) operation {
	switch service {
	case "kinesis":
		return kinesisOperations[name]
	case "firehose":
		return firehoseOperations[name]
	case "cloudwatch":
		return cloudwatchOperations[name]
	case "sts":
		return stsOperations[name]
	}
	return nil
}

var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// ServeHTTP answers a call to any of the services, the instance metadata (/latest/) and the control path (/_awslocal/).
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.busy.Add(1)
	defer s.busy.Done()
	switch {
	case strings.HasPrefix(r.URL.Path, "/_awslocal/"):
		s.serveControl(w, r)
		return
	case strings.HasPrefix(r.URL.Path, "/latest/"):
		s.serveMetadata(w, r)
		return
	}
	c := &call{srv: s, w: w, r: r, now: s.opts.Now()}
	c.id = fmt.Sprintf("%08x-0000-4000-8000-%012x", uint32(s.opts.Seed), s.requests.Add(1)) // #nosec G115
	s.faults.refresh(s, c.now)
	w.Header().Set("Date", c.now.Add(time.Duration(s.skew.Load())).UTC().Format(http.TimeFormat))
	w.Header().Set("x-amzn-RequestId", c.id)
	c.identify()
	c.accessKey = parseAuthorization(r.Header.Get("Authorization")).accessKey

	buf := bodies.Get().(*bytes.Buffer)
	buf.Reset()
	defer bodies.Put(buf)
	if _, err := io.Copy(buf, http.MaxBytesReader(w, r.Body, maxBody)); err != nil {
		var big *http.MaxBytesError
		if errors.As(err, &big) {
			c.refuse(&apiError{http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException", "The request is too large."})
			return
		}
		panic(http.ErrAbortHandler) // the caller is gone
	}
	if s.faults.tooLarge(c, int64(buf.Len())) {
		s.counts.fault(BodyLimit)
		tooLarge(w)
		return
	}
	c.wire = buf.Bytes()
	c.body = c.wire
	s.serveCall(c)
}

// identify reads service, operation and codec from the headers.
func (c *call) identify() {
	h, path := c.r.Header, c.r.URL.Path
	if target, name, ok := strings.Cut(h.Get("X-Amz-Target"), "."); ok {
		c.operation = name
		switch target {
		case "Kinesis_20131202":
			c.service = "kinesis"
		case "Firehose_20150804":
			c.service = "firehose"
		}
		if strings.HasPrefix(h.Get("Content-Type"), "application/x-amz-cbor") {
			c.codec = codecCBOR
		}
		return
	}
	if h.Get("Smithy-Protocol") == "rpc-v2-cbor" {
		c.codec = codecSmith
		if i := strings.LastIndex(path, "/service/"); i >= 0 {
			service, name, _ := strings.Cut(path[i+len("/service/"):], "/operation/")
			c.operation = name
			if service == "GraniteServiceVersion20100801" {
				c.service = "cloudwatch"
			}
		}
		return
	}
	if strings.HasPrefix(h.Get("Content-Type"), "application/x-www-form-urlencoded") {
		c.service, c.operation = "sts", "" // the form names the operation
	}
}

// serveCall is the order of things: what stands before the service, who calls, what is asked, faults, the service itself.
func (s *Server) serveCall(c *call) {
	defer func() {
		if c.put != nil {
			c.put.release()
		}
	}()
	if s.opts.JSONOnly && c.codec == codecCBOR {
		c.codec = codecJSON
		c.refuse(clientError("SerializationException", "the body is no JSON"))
		return
	}
	if err := c.open(); err != nil {
		c.refuse(err)
		return
	}
	run := operationOf(c.service, c.operation)
	s.counts.request(c.service + "." + c.operation)
	if run == nil {
		c.refuse(clientError("UnknownOperationException", ""))
		return
	}
	plan := s.faults.plan(c)
	if plan.delay > 0 {
		s.counts.fault(Latency)
		c.wait(plan.delay)
	}
	if plan.reset {
		s.counts.fault(Reset)
		reset(c.w)
	}
	if err := s.authenticate(c); err != nil {
		c.refuse(err)
		return
	}
	if plan.refusal != nil {
		s.counts.fault(plan.refusalKind)
		c.refuse(plan.refusal)
		return
	}
	answer, err := run(s, c)
	if plan.lost {
		s.counts.fault(LostAnswer)
		c.wait(plan.lostAfter)
		panic(http.ErrAbortHandler)
	}
	if err != nil {
		c.refuse(err)
		return
	}
	if p, ok := answer.(*putAnswer); ok && plan.miscount != 0 {
		s.counts.fault(WrongCount)
		p.miscount(plan.miscount)
	}
	c.reply(answer, plan.cut)
}

// wait holds a call back for d, or until the caller or the server has gone.
func (c *call) wait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.r.Context().Done():
		panic(http.ErrAbortHandler)
	case <-c.srv.ctx.Done():
		panic(http.ErrAbortHandler)
	}
}

// open inflates the body and reads from it what faults select by: the operation of a form, the stream, the records.
func (c *call) open() error {
	if c.r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(bytes.NewReader(c.body))
		if err != nil {
			return clientError("SerializationException", "the body is not gzip: %v", err)
		}
		if c.body, err = io.ReadAll(io.LimitReader(z, maxBody)); err != nil {
			return clientError("SerializationException", "the body is not gzip: %v", err)
		}
	}
	switch {
	case c.service == "sts":
		return c.openForm()
	case c.operation == "PutRecord" || c.operation == "PutRecords" || c.operation == "PutRecordBatch":
		return c.openPut()
	case c.service == "kinesis" || c.service == "firehose":
		var in struct{ StreamName, StreamARN, DeliveryStreamName string }
		if err := c.decode(&in); err != nil {
			return err
		}
		c.stream = streamOf(in.StreamName, in.StreamARN)
		if in.DeliveryStreamName != "" {
			c.stream = in.DeliveryStreamName
		}
	}
	return nil
}

// streamOf is the name, or the name at the end of the ARN.
func streamOf(name, arn string) string {
	if name != "" {
		return name
	}
	return arn[strings.LastIndexByte(arn, '/')+1:]
}

func (c *call) decode(into any) error {
	if err := c.codec.decode(c.body, into); err != nil {
		return clientError("SerializationException", "%v", err)
	}
	return nil
}
