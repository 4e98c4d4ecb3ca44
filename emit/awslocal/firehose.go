package awslocal

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Firehose's limits: docs.aws.amazon.com/firehose/latest/dev/limits.html. The rates are those of the large regions.
const (
	firehoseRecord  = 1000 << 10
	firehoseCall    = 4 << 20
	firehoseBytes   = 5 << 20 // per second and stream
	firehoseRecords = 500_000
	firehoseCalls   = 2000
)

var firehoseOperations = map[string]operation{
	"PutRecord":              firehosePut,
	"PutRecordBatch":         firehosePut,
	"CreateDeliveryStream":   createDeliveryStream,
	"DeleteDeliveryStream":   deleteDeliveryStream,
	"DescribeDeliveryStream": describeDeliveryStream,
	"ListDeliveryStreams":    listDeliveryStreams,
}

// DeliveryStreamConfig describes a Firehose stream to create. Its objects are closed at ObjectBytes (5 MiB by default) or
// ObjectAge (300 s by default) after their first record, as S3 buffering hints have it.
type DeliveryStreamConfig struct {
	Name        string
	Prefix      string // of object names; may hold slashes
	ObjectBytes int64
	ObjectAge   time.Duration
}

type firehoseService struct {
	mu      sync.Mutex
	streams map[string]*deliveryStream
}

// deliveryStream is one Firehose stream. mu guards everything but config and created.
type deliveryStream struct {
	config  DeliveryStreamConfig
	created time.Time

	mu         sync.Mutex
	puts       uint64
	bytes      int64
	store      recordStore
	object     object
	objects    []string // paths of finished objects
	byteRate   bucket
	recordRate bucket
	callRate   bucket
}

// CreateDeliveryStream makes a Firehose stream.
func (s *Server) CreateDeliveryStream(c DeliveryStreamConfig) error {
	if !nameRule.MatchString(c.Name) {
		return constraint(c.Name, "deliveryStreamName", "satisfy regular expression pattern: [a-zA-Z0-9_.-]+")
	}
	if len(c.Name) > 64 {
		return constraint(c.Name, "deliveryStreamName", "have length less than or equal to 64")
	}
	if c.ObjectBytes == 0 {
		c.ObjectBytes = 5 << 20
	}
	if c.ObjectAge == 0 {
		c.ObjectAge = 300 * time.Second
	}
	d := &deliveryStream{config: c, created: s.opts.Now()}
	if s.opts.FirehoseDir != "" {
		if err := d.object.init(s.opts.FirehoseDir, c); err != nil {
			return err
		}
	}
	s.firehose.mu.Lock()
	defer s.firehose.mu.Unlock()
	if s.firehose.streams[c.Name] != nil {
		return clientError("ResourceInUseException", "Firehose %s under accountId %s already exists", c.Name, s.opts.AccountID)
	}
	s.firehose.streams[c.Name] = d
	return nil
}

func (s *Server) deliveryStream(name string) (*deliveryStream, error) {
	s.firehose.mu.Lock()
	defer s.firehose.mu.Unlock()
	d := s.firehose.streams[name]
	if d == nil {
		return nil, clientError("ResourceNotFoundException", "Firehose %s under account %s not found.", name, s.opts.AccountID)
	}
	return d, nil
}

// firehosePut is PutRecordBatch and PutRecord.
func firehosePut(s *Server, c *call) (any, error) {
	if err := s.checkFirehosePut(c.put); err != nil {
		return nil, err
	}
	d, err := s.deliveryStream(c.stream)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	var (
		answer = &putAnswer{firehose: true, results: make([]putResult, len(c.put.records))}
		errs   = make([]*recordError, len(c.put.records))
		scale  = s.rateScale()
		bytes  int64
	)
	if scale > 0 {
		if d.callRate.refill(c.now, firehoseCalls*scale); !d.callRate.has(1, firehoseCalls*scale) {
			return nil, &apiError{503, "ServiceUnavailableException", "Slow down."}
		}
		d.callRate.take(1)
	}
	for i, e := range c.put.records {
		errs[i] = s.faults.record(c, "", e)
		if errs[i] == nil && !d.allow(e.size, scale, c.now) {
			errs[i] = throttledRecord(c, "")
		}
		if errs[i] != nil {
			answer.failed++
			answer.results[i] = putResult{ErrorCode: errs[i].code, ErrorMessage: errs[i].message}
			continue
		}
		if !s.opts.Discard || d.store.len() < s.opts.Samples {
			d.store.append(nil, c.kept(e), c.now)
		}
		if !s.opts.Discard {
			if err := d.object.write(e.data, c.now); err != nil {
				return nil, err
			}
			if d.object.due(c.now) {
				if err := d.finishLocked(c.now); err != nil {
					return nil, err
				}
			}
		}
		d.puts++
		d.bytes += int64(e.size)
		bytes += int64(e.size)
		answer.results[i] = putResult{RecordID: recordID(d.puts)}
	}
	answer.count(&s.counts, errs, bytes)
	if !c.put.single {
		return answer, nil
	}
	if e := errs[0]; e != nil {
		return nil, &apiError{faultStatus(e.code), e.code, e.message}
	}
	return struct {
		RecordID  string `json:"RecordId"`
		Encrypted bool
	}{answer.results[0].RecordID, false}, nil
}

// recordID looks like the service's: long and opaque.
func recordID(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	const pad = "awslocal000000000000000000000000000000000000000000000000000000000000000000000000"
	return pad[:len(pad)-len(digits)] + digits
}

func (d *deliveryStream) allow(size int, scale float64, now time.Time) bool {
	if scale <= 0 {
		return true
	}
	d.byteRate.refill(now, firehoseBytes*scale)
	d.recordRate.refill(now, firehoseRecords*scale)
	if !d.byteRate.has(float64(size), firehoseBytes*scale) || !d.recordRate.has(1, firehoseRecords*scale) {
		return false
	}
	d.byteRate.take(float64(size))
	d.recordRate.take(1)
	return true
}

func (s *Server) checkFirehosePut(p *putRequest) error {
	if !p.single {
		if err := p.checkCount(); err != nil && (len(p.records) == 0 || !s.opts.NoCallLimits) {
			return err
		}
	}
	total := 0
	for i, e := range p.records {
		if e.data == nil {
			return missing(p.field(i, "data"))
		}
		total += e.size
		if e.size > firehoseRecord && !s.opts.NoCallLimits {
			return constraint("java.nio.HeapByteBuffer", p.field(i, "data"), "have length less than or equal to 1024000")
		}
	}
	if total > firehoseCall && !s.opts.NoCallLimits {
		return invalidArgument("Records size exceeds 4 MB limit")
	}
	return nil
}

func (s *Server) deliveryStreamARN(name string) string {
	return fmt.Sprintf("arn:aws:firehose:%s:%s:deliverystream/%s", s.opts.Region, s.opts.AccountID, name)
}

func createDeliveryStream(s *Server, c *call) (any, error) {
	type s3 struct {
		Prefix         string
		BufferingHints struct{ SizeInMBs, IntervalInSeconds int64 }
	}
	var in struct {
		DeliveryStreamName                                             string
		S3DestinationConfiguration, ExtendedS3DestinationConfiguration s3
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	to := in.ExtendedS3DestinationConfiguration
	if to == (s3{}) {
		to = in.S3DestinationConfiguration
	}
	err := s.CreateDeliveryStream(DeliveryStreamConfig{
		Name: in.DeliveryStreamName, Prefix: to.Prefix, ObjectBytes: to.BufferingHints.SizeInMBs << 20,
		ObjectAge: time.Duration(to.BufferingHints.IntervalInSeconds) * time.Second,
	})
	if err != nil {
		return nil, err
	}
	return struct{ DeliveryStreamARN string }{s.deliveryStreamARN(in.DeliveryStreamName)}, nil
}

func deleteDeliveryStream(s *Server, c *call) (any, error) {
	d, err := s.deliveryStream(c.stream)
	if err != nil {
		return nil, err
	}
	s.firehose.mu.Lock()
	delete(s.firehose.streams, c.stream)
	s.firehose.mu.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	return nil, d.finishLocked(c.now)
}

func describeDeliveryStream(s *Server, c *call) (any, error) {
	d, err := s.deliveryStream(c.stream)
	if err != nil {
		return nil, err
	}
	type destination struct {
		DestinationID string `json:"DestinationId"`
	}
	return map[string]any{"DeliveryStreamDescription": struct {
		DeliveryStreamName, DeliveryStreamARN, DeliveryStreamStatus, DeliveryStreamType string
		VersionID                                                                       string `json:"VersionId"`
		CreateTimestamp                                                                 epoch
		Destinations                                                                    []destination
		HasMoreDestinations                                                             bool
	}{c.stream, s.deliveryStreamARN(c.stream), "ACTIVE", "DirectPut", "1", epoch{d.created}, []destination{{"destinationId-000000000001"}}, false}}, nil
}

func listDeliveryStreams(s *Server, c *call) (any, error) {
	var in struct {
		Limit                            int
		ExclusiveStartDeliveryStreamName string
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if in.Limit <= 0 || in.Limit > 10000 {
		in.Limit = 10
	}
	var out struct {
		DeliveryStreamNames    []string
		HasMoreDeliveryStreams bool
	}
	out.DeliveryStreamNames = []string{}
	s.firehose.mu.Lock()
	for name := range s.firehose.streams {
		if name > in.ExclusiveStartDeliveryStreamName {
			out.DeliveryStreamNames = append(out.DeliveryStreamNames, name)
		}
	}
	s.firehose.mu.Unlock()
	slices.Sort(out.DeliveryStreamNames)
	if len(out.DeliveryStreamNames) > in.Limit {
		out.DeliveryStreamNames, out.HasMoreDeliveryStreams = out.DeliveryStreamNames[:in.Limit], true
	}
	return out, nil
}
