package awscall

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Options are what a client may have beside its aws.Config. They begin as that says.
type Options struct {
	Endpoint   string // the URL to send to; empty means AWS' own
	HTTPClient aws.HTTPClient
	Protocol   smithyhttp.ClientProtocol
	// APIOptions change the stack of each call, which has the SDK's steps under the SDK's names.
	APIOptions []func(*middleware.Stack) error
}

// client calls one service. Safe for concurrent use.
type client struct {
	Options
	service   *service
	cfg       aws.Config
	retryer   aws.Retryer
	logger    logging.Logger
	endpoints kinesis.EndpointResolverOptions
	signer    *v4.Signer
	skew      atomic.Int64 // of the service's clock against ours, in nanoseconds
}

func newClient(cfg aws.Config, s *service, p smithyhttp.ClientProtocol, opts []func(*Options)) *client {
	// What defaults, environment and profile come to is the same for all services.
	resolved := kinesis.NewFromConfig(cfg).Options()
	c := &client{
		Options: Options{Endpoint: s.configured(cfg), HTTPClient: resolved.HTTPClient, Protocol: p, APIOptions: slices.Clone(cfg.APIOptions)},
		service: s, cfg: cfg, retryer: resolved.Retryer, logger: resolved.Logger, endpoints: resolved.EndpointOptions,
		signer: v4.NewSigner(func(o *v4.SignerOptions) { o.Logger = resolved.Logger }),
	}
	for _, o := range opts {
		o(&c.Options)
	}
	return c
}

// call makes one call. Its errors are the SDK's: a smithy.OperationError around what went wrong.
func (c *client) call(ctx context.Context, op *smithy.OperationSchema, in smithy.Serializable, out smithy.Deserializable) error {
	name := op.ID().Name
	ctx = middleware.ClearStackValues(ctx)
	ctx = middleware.WithServiceID(ctx, c.service.id)
	ctx = middleware.WithOperationName(ctx, name)
	ctx = middleware.SetLogger(ctx, c.logger)
	stack := middleware.NewStack(name, smithyhttp.NewStackRequest)
	err := c.steps(stack, op, out)
	for _, o := range c.APIOptions {
		if err == nil {
			err = o(stack)
		}
	}
	if err == nil {
		_, _, err = middleware.DecorateHandler(smithyhttp.NewClientHandlerWithOptions(c.HTTPClient), stack).Handle(ctx, in)
	}
	if err != nil {
		return &smithy.OperationError{ServiceID: c.service.id, OperationName: name, Err: err}
	}
	return nil
}

// steps are those of the SDK's clients, in the same order.
func (c *client) steps(stack *middleware.Stack, op *smithy.OperationSchema, out smithy.Deserializable) error {
	serialize := middleware.SerializeMiddlewareFunc("OperationSerializer", func(ctx context.Context, in middleware.SerializeInput, next middleware.SerializeHandler) (
		middleware.SerializeOutput, middleware.Metadata, error,
	) {
		if err := c.Protocol.SerializeRequest(ctx, op, in.Parameters.(smithy.Serializable), in.Request.(*smithyhttp.Request)); err != nil {
			return middleware.SerializeOutput{}, middleware.Metadata{}, err
		}
		return next.HandleSerialize(ctx, in)
	})
	attempts := retry.NewAttemptMiddleware(c.retryer, smithyhttp.RequestCloner, func(a *retry.Attempt) {
		a.ClientSkew = &c.skew
		a.DisableClockSkewCorrection = c.cfg.DisableClockSkewCorrection
	})
	route := middleware.FinalizeMiddlewareFunc("ResolveEndpointV2", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (
		middleware.FinalizeOutput, middleware.Metadata, error,
	) {
		if err := c.route(ctx, in.Request.(*smithyhttp.Request).URL); err != nil {
			return middleware.FinalizeOutput{}, middleware.Metadata{}, fmt.Errorf("failed to resolve service endpoint, %w", err)
		}
		return next.HandleFinalize(ctx, in)
	})
	sign := middleware.FinalizeMiddlewareFunc("Signing", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (
		middleware.FinalizeOutput, middleware.Metadata, error,
	) {
		if err := c.sign(ctx, in.Request.(*smithyhttp.Request)); err != nil {
			return middleware.FinalizeOutput{}, middleware.Metadata{}, err
		}
		return next.HandleFinalize(ctx, in)
	})
	deserialize := middleware.DeserializeMiddlewareFunc("OperationDeserializer", func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (
		middleware.DeserializeOutput, middleware.Metadata, error,
	) {
		got, meta, err := next.HandleDeserialize(ctx, in)
		resp, ok := got.RawResponse.(*smithyhttp.Response)
		if !ok {
			return got, meta, err // it did not come to an answer
		}
		if err == nil {
			err = c.Protocol.DeserializeResponse(ctx, op, &smithy.TypeRegistry{}, resp, out)
		}
		smithyhttp.CloseResponseBody(ctx, resp, false, err)
		return got, meta, err
	})
	for _, err := range []error{
		stack.Serialize.Add(serialize, middleware.After),
		stack.Build.Add(&awsmiddleware.ClientRequestID{}, middleware.After),
		c.name(stack),
		stack.Finalize.Add(attempts, middleware.After),
		stack.Finalize.Add(route, middleware.After),
		stack.Finalize.Add(&v4.ComputePayloadSHA256{}, middleware.After),
		stack.Finalize.Add(sign, middleware.After),
		stack.Deserialize.Add(&awshttp.ResponseErrorWrapper{}, middleware.After),
		stack.Deserialize.Add(&awsmiddleware.RequestIDRetriever{}, middleware.After),
		stack.Deserialize.Add(deserialize, middleware.After),
		stack.Deserialize.Add(&awsmiddleware.RecordResponseTiming{DisableClockSkewCorrection: c.cfg.DisableClockSkewCorrection}, middleware.After),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

// name has the request say who sends it, as the SDK's do.
func (c *client) name(stack *middleware.Stack) error {
	if c.cfg.AppID != "" {
		return awsmiddleware.AddSDKAgentKey(awsmiddleware.ApplicationIdentifier, c.cfg.AppID)(stack)
	}
	return stack.Build.Add(awsmiddleware.NewRequestUserAgent(), middleware.After)
}

// sign signs with the service's clock, as far as its answers have told it.
func (c *client) sign(ctx context.Context, req *smithyhttp.Request) error {
	credentials, err := c.cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return fmt.Errorf("get identity: %w", err)
	}
	at := time.Now().Add(time.Duration(c.skew.Load()))
	if err := c.signer.SignHTTP(ctx, credentials, req.Request, v4.GetPayloadHash(ctx), c.service.signing, c.cfg.Region, at); err != nil {
		return fmt.Errorf("sign request: %w", err)
	}
	return nil
}
