package awsconfig

import (
	"context"
	"fmt"
	"net/url"
	"reflect"
	"strings"

	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/kinetail/kinetail/emit/awscall"
)

// route is the last word on where a request goes, whatever named its endpoint: options, environment or a profile. It sends STS
// to its configured endpoint also where the SDK makes that client itself (web identity, roles of profiles), and refuses
// plain HTTP to other machines.
type route struct {
	sts           *url.URL // nil: as the SDK says
	allowInsecure bool
}

func (o *Options) route() *route {
	r := &route{allowInsecure: o.AllowInsecure}
	if e := o.endpoint(o.Endpoints.STS); e != "" {
		r.sts, _ = url.Parse(e) // Check has parsed it
	}
	return r
}

// add puts the route behind the resolved endpoint and before the signature.
func (r *route) add(stack *middleware.Stack) error {
	const resolver = "ResolveEndpointV2"
	m, ok := stack.Finalize.Get(resolver)
	if !ok || asksMetadata(m) {
		return nil
	}
	return stack.Finalize.Insert(r, resolver, middleware.After)
}

// asksMetadata says whether a resolver of endpoints is that of a client of the metadata services. They are on this machine or its link, and asked by plain
// HTTP. They name no service: what the context names is the one in whose call credentials are wanted.
func asksMetadata(resolver any) bool {
	t := reflect.TypeOf(resolver)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	path := t.PkgPath()
	return strings.Contains(path, "/feature/ec2/imds") || strings.Contains(path, "/credentials/endpointcreds")
}

// ID implements middleware.FinalizeMiddleware.
func (r *route) ID() string { return "KinetailRoute" }

// HandleFinalize implements middleware.FinalizeMiddleware.
func (r *route) HandleFinalize(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (
	middleware.FinalizeOutput, middleware.Metadata, error,
) {
	req, ok := in.Request.(*smithyhttp.Request)
	if !ok {
		return middleware.FinalizeOutput{}, middleware.Metadata{}, fmt.Errorf("unexpected transport type %T", in.Request)
	}
	service := middleware.GetServiceID(ctx)
	if service == sts.ServiceID && r.sts != nil {
		req.URL.Scheme, req.URL.Host = r.sts.Scheme, r.sts.Host
	}
	switch service {
	case kinesis.ServiceID, awscall.FirehoseID, awscall.CloudWatchID, sts.ServiceID:
		// The words are the SDK's for an endpoint that cannot be used: package retry knows them as a mistake of the configuration.
		if req.URL.Scheme != "https" && !r.allowInsecure && !isLoopback(req.URL.Hostname()) {
			return middleware.FinalizeOutput{}, middleware.Metadata{}, fmt.Errorf("failed to resolve service endpoint of %s: %w", service, insecureError(req.URL.Host))
		}
	}
	return next.HandleFinalize(ctx, in)
}
