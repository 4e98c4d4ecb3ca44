package awscall

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/transport/http/protocol/awsjson"
)

// Firehose is a client of Amazon Data Firehose.
type Firehose struct{ c *client }

// FirehoseID is the SDK's name for the service.
const FirehoseID = "Firehose"

var firehose = &service{id: FirehoseID, env: "AWS_ENDPOINT_URL_FIREHOSE", host: "firehose", signing: "firehose"}

// NewFirehose makes a client of cfg.
func NewFirehose(cfg aws.Config, opts ...func(*Options)) *Firehose {
	return &Firehose{newClient(cfg, firehose, awsjson.New11(smithy.NewServiceSchema(shape("Firehose_20150804", smithy.ShapeTypeService), "2015-08-04")), opts)}
}

// PutRecordBatchInput is of https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html
type PutRecordBatchInput struct {
	DeliveryStreamName *string
	Records            []Record
}

// Record is one record to store.
type Record struct{ Data []byte }

// PutRecordBatchOutput has a result for each record, in the same order.
type PutRecordBatchOutput struct {
	FailedPutCount   *int32
	RequestResponses []PutRecordBatchResponseEntry
}

// PutRecordBatchResponseEntry is a record's id, or why it was not stored.
type PutRecordBatchResponseEntry struct{ RecordId, ErrorCode, ErrorMessage *string }

// The shapes of the calls, as far as they are needed.
var (
	textShape = shape("String", smithy.ShapeTypeString)
	intShape  = shape("Integer", smithy.ShapeTypeInteger)

	recordShape  = shape("Record", smithy.ShapeTypeStructure)
	recordData   = recordShape.AddMember("Data", shape("Data", smithy.ShapeTypeBlob))
	batchInput   = shape("PutRecordBatchInput", smithy.ShapeTypeStructure)
	batchStream  = batchInput.AddMember("DeliveryStreamName", textShape)
	batchRecords = batchInput.AddMember("Records", list(recordShape))

	resultShape   = shape("PutRecordBatchResponseEntry", smithy.ShapeTypeStructure)
	resultID      = resultShape.AddMember("RecordId", textShape)
	resultCode    = resultShape.AddMember("ErrorCode", textShape)
	resultMessage = resultShape.AddMember("ErrorMessage", textShape)
	batchOutput   = shape("PutRecordBatchOutput", smithy.ShapeTypeStructure)
	batchFailed   = batchOutput.AddMember("FailedPutCount", intShape)
	batchResults  = batchOutput.AddMember("RequestResponses", list(resultShape))

	putRecordBatch = smithy.NewOperationSchema(shape("PutRecordBatch", smithy.ShapeTypeOperation), batchInput, batchOutput)

	describeInput  = shape("DescribeDeliveryStreamInput", smithy.ShapeTypeStructure)
	describeStream = describeInput.AddMember("DeliveryStreamName", textShape)
	descriptionOf  = shape("DeliveryStreamDescription", smithy.ShapeTypeStructure)
	streamStatus   = descriptionOf.AddMember("DeliveryStreamStatus", textShape)
	describeOutput = shape("DescribeDeliveryStreamOutput", smithy.ShapeTypeStructure)
	description    = describeOutput.AddMember("DeliveryStreamDescription", descriptionOf)

	describeDeliveryStream = smithy.NewOperationSchema(shape("DescribeDeliveryStream", smithy.ShapeTypeOperation), describeInput, describeOutput)
)

// PutRecordBatch stores records in a delivery stream, or some of them, as the output tells.
func (f *Firehose) PutRecordBatch(ctx context.Context, in *PutRecordBatchInput) (*PutRecordBatchOutput, error) {
	out := &PutRecordBatchOutput{}
	if err := f.c.call(ctx, putRecordBatch, in, out); err != nil {
		return nil, err
	}
	return out, nil
}

// StreamStatus is what DescribeDeliveryStream says of the state of a delivery stream: ACTIVE, if all is well.
func (f *Firehose) StreamStatus(ctx context.Context, stream string) (string, error) {
	var out described
	err := f.c.call(ctx, describeDeliveryStream, describe(stream), &out)
	return string(out), err
}

// Serialize implements smithy.Serializable.
func (in *PutRecordBatchInput) Serialize(s smithy.ShapeSerializer) {
	s.WriteStruct(batchInput)
	text(s, batchStream, in.DeliveryStreamName)
	s.WriteList(batchRecords)
	for _, r := range in.Records {
		s.WriteStruct(batchRecords.ListMember())
		s.WriteBlob(recordData, r.Data)
		s.CloseStruct()
	}
	s.CloseList()
	s.CloseStruct()
}

// Deserialize implements smithy.Deserializable.
func (out *PutRecordBatchOutput) Deserialize(d smithy.ShapeDeserializer) error {
	return smithy.ReadStruct(d, batchOutput, func(member *smithy.Schema) error {
		switch member {
		case batchFailed:
			out.FailedPutCount = new(int32)
			return d.ReadInt32(member, out.FailedPutCount)
		case batchResults:
			return smithy.ReadList(d, member, func() error {
				var r PutRecordBatchResponseEntry
				err := smithy.ReadStruct(d, member.ListMember(), func(member *smithy.Schema) error {
					into := map[*smithy.Schema]**string{resultID: &r.RecordId, resultCode: &r.ErrorCode, resultMessage: &r.ErrorMessage}[member]
					if into == nil {
						return nil
					}
					*into = new(string)
					return d.ReadString(member, *into)
				})
				out.RequestResponses = append(out.RequestResponses, r)
				return err
			})
		}
		return nil
	})
}

type describe string

func (in describe) Serialize(s smithy.ShapeSerializer) {
	s.WriteStruct(describeInput)
	s.WriteString(describeStream, string(in))
	s.CloseStruct()
}

type described string

func (out *described) Deserialize(d smithy.ShapeDeserializer) error {
	return smithy.ReadStruct(d, describeOutput, func(member *smithy.Schema) error {
		if member != description {
			return nil
		}
		return smithy.ReadStruct(d, member, func(member *smithy.Schema) error {
			if member != streamStatus {
				return nil
			}
			return d.ReadString(member, (*string)(out))
		})
	})
}
