package awslocal

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
)

// CloudWatch's limits: docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
const (
	maxMetricBody   = 1 << 20
	maxMetrics      = 1000
	maxMetricValues = 150
	maxDimensions   = 30
	metricsPast     = 14 * 24 * time.Hour
	metricsFuture   = 2 * time.Hour
)

// maxDatums bounds what is kept; the oldest half goes when it is reached.
const maxDatums = 200_000

var cloudwatchOperations = map[string]operation{
	"PutMetricData": putMetricData,
	"ListMetrics":   listMetrics,
	"GetMetricData": getMetricData,
}

// Dimension is a name and value of a metric.
type Dimension struct {
	Name  string
	Value string
}

// StatisticSet is a metric's values summed up by the caller.
type StatisticSet struct {
	SampleCount, Sum, Minimum, Maximum float64
}

// MetricDatum is one element of a PutMetricData call. Value, StatisticValues and Values exclude each other.
type MetricDatum struct {
	Namespace         string    `cbor:"-"`
	Received          time.Time `cbor:"-"` // by the server's clock
	MetricName        string
	Dimensions        []Dimension
	Timestamp         metricTime // zero if the caller gave none
	Unit              string
	StorageResolution int
	Value             *float64
	StatisticValues   *StatisticSet
	Values, Counts    []float64
}

// metricTime is a timestamp on the smithy wire: tag 1, seconds.
type metricTime struct{ time.Time }

func (t *metricTime) setCBOR(v cbor.Value) error {
	seconds, err := tagged(v)
	t.Time = time.UnixMilli(int64(math.Round(seconds * 1000)))
	return err
}

func (t metricTime) cborValue() cbor.Value {
	return &cbor.Tag{ID: 1, Value: cbor.Float64(float64(t.UnixMilli()) / 1000)}
}

// Stats sums the datum up, however it was sent.
func (d MetricDatum) Stats() StatisticSet {
	switch {
	case d.StatisticValues != nil:
		return *d.StatisticValues
	case d.Value != nil:
		return StatisticSet{1, *d.Value, *d.Value, *d.Value}
	}
	out := StatisticSet{Minimum: math.Inf(1), Maximum: math.Inf(-1)}
	for i, v := range d.Values {
		n := 1.0
		if i < len(d.Counts) {
			n = d.Counts[i]
		}
		out.SampleCount += n
		out.Sum += n * v
		out.Minimum, out.Maximum = min(out.Minimum, v), max(out.Maximum, v)
	}
	return out
}

// at is the time the datum counts for.
func (d MetricDatum) at() time.Time {
	if d.Timestamp.IsZero() {
		return d.Received
	}
	return d.Timestamp.Time
}

type metricStore struct {
	mu     sync.Mutex
	datums []MetricDatum
}

// Metrics are the data that PutMetricData brought, in the order of arrival.
func (s *Server) Metrics() []MetricDatum {
	s.metrics.mu.Lock()
	defer s.metrics.mu.Unlock()
	return append([]MetricDatum(nil), s.metrics.datums...)
}

func putMetricData(s *Server, c *call) (any, error) {
	// The documented megabyte is held against the inflated body: the stricter reading.
	if len(c.body) > maxMetricBody && !s.opts.NoCallLimits {
		return nil, &apiError{http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "The request exceeds the maximum size of 1 MB."}
	}
	var in struct {
		Namespace        string
		MetricData       []MetricDatum
		EntityMetricData []struct{ MetricData []MetricDatum }
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	for _, e := range in.EntityMetricData {
		in.MetricData = append(in.MetricData, e.MetricData...)
	}
	if err := s.checkMetrics(in.Namespace, in.MetricData, c.now); err != nil {
		return nil, err
	}
	for i := range in.MetricData {
		in.MetricData[i].Namespace, in.MetricData[i].Received = in.Namespace, c.now
	}
	s.metrics.mu.Lock()
	if len(s.metrics.datums)+len(in.MetricData) > maxDatums {
		s.metrics.datums = append([]MetricDatum(nil), s.metrics.datums[len(s.metrics.datums)/2:]...)
	}
	s.metrics.datums = append(s.metrics.datums, in.MetricData...)
	s.metrics.mu.Unlock()
	s.counts.update(func(c *Counters) { c.Metrics += int64(len(in.MetricData)) })
	return nil, nil
}

func (s *Server) checkMetrics(namespace string, data []MetricDatum, now time.Time) error {
	invalid := func(format string, args ...any) error {
		return clientError("InvalidParameterValueException", format, args...)
	}
	switch {
	case namespace == "":
		return clientError("MissingRequiredParameterException", "The parameter Namespace is required.")
	case strings.HasPrefix(namespace, "AWS/"):
		return invalid("The value AWS/ for parameter Namespace is invalid.")
	case len(namespace) > 255:
		return invalid("The parameter Namespace must not be longer than 255 characters.")
	case len(data) == 0:
		return clientError("MissingRequiredParameterException", "The parameter MetricData is required.")
	case s.opts.NoCallLimits:
		return nil
	case len(data) > maxMetrics:
		return invalid("The collection MetricData must not have a size greater than %d.", maxMetrics)
	}
	for i, d := range data {
		member := fmt.Sprintf("MetricData.member.%d", i+1)
		switch at := d.at(); {
		case d.MetricName == "" || len(d.MetricName) > 255:
			return clientError("MissingRequiredParameterException", "The parameter %s.MetricName is required, with 1 to 255 characters.", member)
		case len(d.Dimensions) > maxDimensions:
			return invalid("The collection %s.Dimensions must not have a size greater than %d.", member, maxDimensions)
		case len(d.Values) > maxMetricValues:
			return invalid("The collection %s.Values must not have a size greater than %d.", member, maxMetricValues)
		case len(d.Counts) > 0 && len(d.Counts) != len(d.Values):
			return invalid("The parameters %[1]s.Values and %[1]s.Counts must be of the same size.", member)
		case d.Value == nil && d.StatisticValues == nil && len(d.Values) == 0:
			return clientError("MissingRequiredParameterException", "At least one of the parameters %[1]s.Value, %[1]s.Values or %[1]s.StatisticValues must be specified.", member)
		case d.Value != nil && (d.StatisticValues != nil || len(d.Values) > 0) || d.StatisticValues != nil && len(d.Values) > 0:
			return clientError("InvalidParameterCombinationException", "The parameters %[1]s.Value, %[1]s.Values and %[1]s.StatisticValues are mutually exclusive.", member)
		case !d.Timestamp.IsZero() && (now.Sub(at) > metricsPast || at.Sub(now) > metricsFuture):
			return invalid("The parameter %s.Timestamp must specify a time no more than two weeks in the past and no more than two hours in the future.", member)
		}
		for _, dim := range d.Dimensions {
			if dim.Name == "" || len(dim.Name) > 255 || dim.Value == "" || len(dim.Value) > 1024 {
				return invalid("The parameter %s.Dimensions has a name or value that is empty or too long.", member)
			}
		}
		for _, v := range append([]float64{d.Stats().Sum, d.Stats().Minimum, d.Stats().Maximum}, d.Values...) {
			if math.IsNaN(v) || math.IsInf(v, 0) || math.Abs(v) > math.Pow(2, 360) {
				return invalid("The value %v for parameter %s.Value is invalid.", v, member)
			}
		}
	}
	return nil
}
