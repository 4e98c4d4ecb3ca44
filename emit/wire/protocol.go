package wire

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/kinetail/kinetail/emit/awscall"
	"github.com/kinetail/kinetail/emit/buffer"
)

// maxAnswer bounds what is read of an answer, in bytes: 500 results of which each may hold an error message.
const maxAnswer = 4 << 20

// Kinesis is an option of the SDK's client: its PutRecords is written and read here.
func Kinesis(o *kinesis.Options) {
	o.Protocol = protocol{o.Protocol, &dialect{}}
	o.APIOptions = append(o.APIOptions, lend)
}

// Firehose is the same for PutRecordBatch of package awscall.
func Firehose(o *awscall.Options) {
	o.Protocol = protocol{o.Protocol, nil}
	o.APIOptions = append(o.APIOptions, lend)
}

// protocol is the SDK's, but for the two calls.
type protocol struct {
	smithyhttp.ClientProtocol
	dialect *dialect // of Kinesis; nil: JSON
}

// SerializeRequest writes the request of a call.
func (p protocol) SerializeRequest(ctx context.Context, schema *smithy.OperationSchema, in smithy.Serializable, req *smithyhttp.Request) error {
	switch in := in.(type) {
	case *kinesis.PutRecordsInput:
		if in.DryRun != nil || in.StreamId != nil {
			break // it is a probe, which has time
		}
		if l := loanOf(ctx); l != nil && !p.dialect.json.Load() {
			l.cbor, l.records = true, len(in.Records)
			err := p.with(ctx, schema, &kinesis.PutRecordsInput{}, req, newGather(ctx, putRecordsSizeCBOR(in), func(w *bodyWriter) { writePutRecordsCBOR(w, in) }))
			req.Header.Set("Content-Type", cborType)
			return err
		}
		return p.with(ctx, schema, &kinesis.PutRecordsInput{}, req, newBody(ctx, putRecordsSize(in), func(b []byte) []byte { return appendPutRecords(b, in) }))
	case *awscall.PutRecordBatchInput:
		return p.with(ctx, schema, &awscall.PutRecordBatchInput{}, req, newBody(ctx, putRecordBatchSize(in), func(b []byte) []byte { return appendPutRecordBatch(b, in) }))
	}
	return p.ClientProtocol.SerializeRequest(ctx, schema, in, req)
}

// with lets the SDK write the head of the request for an empty input, and gives it our body.
func (p protocol) with(ctx context.Context, schema *smithy.OperationSchema, empty smithy.Serializable, req *smithyhttp.Request, body io.Reader) error {
	if err := p.ClientProtocol.SerializeRequest(ctx, schema, empty, req); err != nil {
		return err
	}
	withBody, err := req.SetStream(body)
	if err != nil {
		return fmt.Errorf("set the body of the request: %w", err)
	}
	*req = *withBody
	return nil
}

// DeserializeResponse reads the answer to a call. What is not a good one is left to the SDK.
func (p protocol) DeserializeResponse(ctx context.Context, schema *smithy.OperationSchema, types *smithy.TypeRegistry, resp *smithyhttp.Response, out smithy.Deserializable) error {
	if l := loanOf(ctx); l != nil && l.cbor && resp.StatusCode != http.StatusOK {
		if err := p.dialect.fault(resp); err != nil {
			return err
		}
	}
	if resp.StatusCode == http.StatusOK {
		switch out := out.(type) {
		case *kinesis.PutRecordsOutput:
			if isCBOR(resp.Header) {
				expected := 0
				if l := loanOf(ctx); l != nil {
					expected = l.records
				}
				return read(resp, func(b []byte) error { return p.dialect.understand(parsePutRecordsCBOR(b, expected, out)) })
			}
			return read(resp, func(b []byte) error { return parsePutRecords(b, out) })
		case *awscall.PutRecordBatchOutput:
			return read(resp, func(b []byte) error { return parsePutRecordBatch(b, out) })
		}
	}
	return p.ClientProtocol.DeserializeResponse(ctx, schema, types, resp, out)
}

// read hands the whole answer to parse. What can't be understood may have been carried out all the same, as the error tells.
func read(resp *smithyhttp.Response, parse func([]byte) error) error {
	buf := buffer.Get(int(min(max(resp.ContentLength, 0)+bytes.MinRead, maxAnswer)))
	defer buffer.Put(buf)
	into := bytes.NewBuffer(*buf)
	_, err := into.ReadFrom(io.LimitReader(resp.Body, maxAnswer))
	*buf = into.Bytes()
	if err == nil {
		err = parse(*buf)
	}
	if err != nil {
		return &smithy.DeserializationError{Err: fmt.Errorf("read the answer: %w", err)}
	}
	return nil
}
