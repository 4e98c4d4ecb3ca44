package wire

import (
	"bytes"
	"context"
	"fmt"
	"net/http"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/kinetail/kinetail/emit/awscall"
)

// Firehose is an option of package awscall's client: its PutRecordBatch is written and read here.
func Firehose(o *awscall.Options) {
	o.Protocol = protocol{o.Protocol}
	o.APIOptions = append(o.APIOptions, lend)
}

// protocol is the SDK's, but for the one call.
type protocol struct{ smithyhttp.ClientProtocol }

// SerializeRequest writes the request of a call.
func (p protocol) SerializeRequest(ctx context.Context, schema *smithy.OperationSchema, in smithy.Serializable, req *smithyhttp.Request) error {
	batch, ok := in.(*awscall.PutRecordBatchInput)
	if !ok {
		return p.ClientProtocol.SerializeRequest(ctx, schema, in, req)
	}
	// The SDK writes the head of the request for an empty input.
	if err := p.ClientProtocol.SerializeRequest(ctx, schema, &awscall.PutRecordBatchInput{}, req); err != nil {
		return err
	}
	b, back := lease(ctx, putRecordBatchSize(batch))
	b = appendPutRecordBatch(b, batch)
	back(b)
	withBody, err := req.SetStream(bytes.NewReader(b))
	if err != nil {
		return fmt.Errorf("set the body of the request: %w", err)
	}
	*req = *withBody
	return nil
}

// DeserializeResponse reads the answer to a call. What is not a good one is left to the SDK.
func (p protocol) DeserializeResponse(ctx context.Context, schema *smithy.OperationSchema, types *smithy.TypeRegistry, resp *smithyhttp.Response, out smithy.Deserializable) error {
	if out, ok := out.(*awscall.PutRecordBatchOutput); ok && resp.StatusCode == http.StatusOK {
		return read(resp.Response, func(b []byte) error { return parsePutRecordBatch(b, out) })
	}
	return p.ClientProtocol.DeserializeResponse(ctx, schema, types, resp, out)
}
