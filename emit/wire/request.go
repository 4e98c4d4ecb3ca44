package wire

import (
	"encoding/base64"

	"github.com/kinetail/kinetail/emit/awscall"
	"github.com/kinetail/kinetail/pipeline/record"
)

// overhead is at least what stands around a record's data and key, in bytes, and around all records.
const overhead = 128

// jsonType is what the services call awsJson1.1.
const jsonType = "application/x-amz-json-1.1"

// size is about how long the body is without what goes into it by reference, in bytes.
func (r *Request) size(cbor bool) int {
	size := overhead
	for i := range r.Len {
		one := r.Record(i)
		n := len(one.Data)
		switch {
		case !cbor:
			n = base64.StdEncoding.EncodedLen(n)
		case n >= byReference:
			n = 0
		}
		size += n + len(one.Key) + overhead
	}
	return size
}

// putRecordBatchSize is about how long the body is, in bytes.
func putRecordBatchSize(in *awscall.PutRecordBatchInput) int {
	size := overhead
	for i := range in.Records {
		size += base64.StdEncoding.EncodedLen(len(in.Records[i].Data)) + overhead
	}
	return size
}

// appendPutRecords appends the body of a PutRecords call in awsJson1.1.
func appendPutRecords(b []byte, name, arn *string, r *Request) []byte {
	replaced := 0
	b = append(b, `{"Records":[`...)
	for i := range r.Len {
		one := r.Record(i)
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"Data":"`...)
		b = appendBase64(b, one.Data)
		b = append(b, `","PartitionKey":`...)
		b = record.AppendString(b, string(one.Key), &replaced)
		if one.HashKey != "" {
			b = record.AppendString(append(b, `,"ExplicitHashKey":`...), one.HashKey, &replaced)
		}
		b = append(b, '}')
	}
	b = append(b, ']')
	b = appendText(b, `,"StreamName":`, name)
	b = appendText(b, `,"StreamARN":`, arn)
	return append(b, '}')
}

// appendPutRecordBatch appends the body of a PutRecordBatch call in awsJson1.1.
func appendPutRecordBatch(b []byte, in *awscall.PutRecordBatchInput) []byte {
	b = append(b, `{"Records":[`...)
	for i := range in.Records {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"Data":"`...)
		b = appendBase64(b, in.Records[i].Data)
		b = append(b, `"}`...)
	}
	b = append(b, ']')
	b = appendText(b, `,"DeliveryStreamName":`, in.DeliveryStreamName)
	return append(b, '}')
}

// appendText appends a member whose value is a string, if there is one.
func appendText(b []byte, name string, value *string) []byte {
	if value == nil {
		return b
	}
	replaced := 0
	return record.AppendString(append(b, name...), *value, &replaced)
}
