package awscall

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/traits"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/aws/smithy-go/transport/http/protocol/rpcv2"
	"github.com/klauspost/compress/gzip"
)

// CloudWatch is a client of Amazon CloudWatch.
type CloudWatch struct{ c *client }

// CloudWatchID is the SDK's name for the service.
const CloudWatchID = "CloudWatch"

var cloudwatch = &service{id: CloudWatchID, env: "AWS_ENDPOINT_URL_CLOUDWATCH", host: "monitoring", signing: "monitoring", govFIPS: true}

// NewCloudWatch makes a client of cfg.
func NewCloudWatch(cfg aws.Config, opts ...func(*Options)) *CloudWatch {
	schema := smithy.NewServiceSchema(shape("GraniteServiceVersion20100801", smithy.ShapeTypeService, &traits.AWSQueryCompatible{}), "2010-08-01")
	var p smithyhttp.ClientProtocol = rpcv2.NewCBOR(schema)
	if !cfg.DisableRequestCompression {
		p = compressing{p, cfg.RequestMinCompressSizeBytes}
	}
	return &CloudWatch{newClient(cfg, cloudwatch, p, opts)}
}

// PutMetricDataInput is of https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
type PutMetricDataInput struct {
	Namespace  *string
	MetricData []MetricDatum
}

// MetricDatum is a value of a metric, or values and how often each was.
type MetricDatum struct {
	MetricName        *string
	Dimensions        []Dimension
	Unit              StandardUnit
	Timestamp         *time.Time
	StorageResolution *int32
	Value             *float64
	Values, Counts    []float64
}

// Dimension is a part of a metric's name.
type Dimension struct{ Name, Value *string }

// StandardUnit is the unit of a metric.
type StandardUnit string

// The units in use.
const (
	StandardUnitCount        StandardUnit = "Count"
	StandardUnitBytes        StandardUnit = "Bytes"
	StandardUnitSeconds      StandardUnit = "Seconds"
	StandardUnitMilliseconds StandardUnit = "Milliseconds"
)

// The shapes of the call, as far as they are needed.
var (
	floatShape = shape("Double", smithy.ShapeTypeDouble)

	dimensionShape = shape("Dimension", smithy.ShapeTypeStructure)
	dimensionName  = dimensionShape.AddMember("Name", textShape)
	dimensionValue = dimensionShape.AddMember("Value", textShape)

	datumShape      = shape("MetricDatum", smithy.ShapeTypeStructure)
	datumName       = datumShape.AddMember("MetricName", textShape)
	datumDimensions = datumShape.AddMember("Dimensions", list(dimensionShape))
	datumUnit       = datumShape.AddMember("Unit", textShape)
	datumTime       = datumShape.AddMember("Timestamp", shape("Timestamp", smithy.ShapeTypeTimestamp))
	datumResolution = datumShape.AddMember("StorageResolution", intShape)
	datumValue      = datumShape.AddMember("Value", floatShape)
	datumValues     = datumShape.AddMember("Values", list(floatShape))
	datumCounts     = datumShape.AddMember("Counts", list(floatShape))

	metricInput     = shape("PutMetricDataInput", smithy.ShapeTypeStructure)
	metricNamespace = metricInput.AddMember("Namespace", textShape)
	metricData      = metricInput.AddMember("MetricData", list(datumShape))

	putMetricData = smithy.NewOperationSchema(shape("PutMetricData", smithy.ShapeTypeOperation), metricInput, nil)
)

// PutMetricData publishes metrics.
func (c *CloudWatch) PutMetricData(ctx context.Context, in *PutMetricDataInput) error {
	return c.c.call(ctx, putMetricData, in, nothing{})
}

// nothing is an answer without content.
type nothing struct{}

func (nothing) Deserialize(smithy.ShapeDeserializer) error { return nil }

// Serialize implements smithy.Serializable.
func (in *PutMetricDataInput) Serialize(s smithy.ShapeSerializer) {
	s.WriteStruct(metricInput)
	text(s, metricNamespace, in.Namespace)
	s.WriteList(metricData)
	for i := range in.MetricData {
		s.WriteStruct(metricData.ListMember())
		in.MetricData[i].members(s)
		s.CloseStruct()
	}
	s.CloseList()
	s.CloseStruct()
}

func (d *MetricDatum) members(s smithy.ShapeSerializer) {
	text(s, datumName, d.MetricName)
	if d.Dimensions != nil {
		s.WriteList(datumDimensions)
		for _, dim := range d.Dimensions {
			s.WriteStruct(datumDimensions.ListMember())
			text(s, dimensionName, dim.Name)
			text(s, dimensionValue, dim.Value)
			s.CloseStruct()
		}
		s.CloseList()
	}
	if d.Unit != "" {
		s.WriteString(datumUnit, string(d.Unit))
	}
	if d.Timestamp != nil {
		s.WriteTime(datumTime, *d.Timestamp)
	}
	if d.StorageResolution != nil {
		s.WriteInt32(datumResolution, *d.StorageResolution)
	}
	if d.Value != nil {
		s.WriteFloat64(datumValue, *d.Value)
	}
	floats(s, datumValues, d.Values)
	floats(s, datumCounts, d.Counts)
}

func floats(s smithy.ShapeSerializer, member *smithy.Schema, values []float64) {
	if values == nil {
		return
	}
	s.WriteList(member)
	for _, v := range values {
		s.WriteFloat64(member.ListMember(), v)
	}
	s.CloseList()
}

// compressing compresses bodies of at least atLeast bytes.
type compressing struct {
	smithyhttp.ClientProtocol
	atLeast int64
}

// SerializeRequest writes the request of a call.
func (p compressing) SerializeRequest(ctx context.Context, schema *smithy.OperationSchema, in smithy.Serializable, req *smithyhttp.Request) error {
	if err := p.ClientProtocol.SerializeRequest(ctx, schema, in, req); err != nil {
		return err
	}
	size, known, err := req.StreamLength()
	if err != nil || !known || size < p.atLeast {
		return err
	}
	var small bytes.Buffer
	w := gzip.NewWriter(&small)
	if _, err := io.Copy(w, req.GetStream()); err != nil {
		return fmt.Errorf("compress the request: %w", err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("compress the request: %w", err)
	}
	compressed, err := req.SetStream(bytes.NewReader(small.Bytes()))
	if err != nil {
		return fmt.Errorf("compress the request: %w", err)
	}
	compressed.Header.Set("Content-Encoding", "gzip")
	*req = *compressed
	return nil
}
