package awsconfig

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"

	"github.com/kinetail/kinetail/emit/awscall"
	"github.com/kinetail/kinetail/emit/wire"
)

// regionTimeout is how long the metadata service may take to name a region that nothing else names.
const regionTimeout = 2 * time.Second

// ErrRegion is in the error of Load when nothing names a region.
var ErrRegion = errors.New("no AWS region: set region in the aws block, AWS_REGION in the environment, or region in the profile")

// Session makes clients that share one identity and one pool of connections. Safe for concurrent use.
type Session struct {
	options   Options
	cfg       aws.Config
	identity  *identity
	transport *http.Transport
}

// Load resolves o. It reads the environment and the shared files; it asks for no credentials yet, so a host whose role is not
// there yet can start. It waits for the network only where nothing names a region, and no longer than two seconds.
func Load(ctx context.Context, o Options) (*Session, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	transport, err := o.transport()
	if err != nil {
		return nil, err
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	opts := o.load(chainClient(transport))
	cfg, err := config.LoadDefaultConfig(ctx, opts...)
	if err != nil {
		return nil, fmt.Errorf("load AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		region, err := o.regionOfInstance(ctx, cfg)
		if err != nil {
			return nil, err
		}
		opts = append(opts, config.WithRegion(region))
		if cfg, err = config.LoadDefaultConfig(ctx, opts...); err != nil {
			return nil, fmt.Errorf("load AWS configuration: %w", err)
		}
	}
	if b, ok := cfg.HTTPClient.(*awshttp.BuildableClient); ok { // the loader has added AWS_CA_BUNDLE
		transport.TLSClientConfig.RootCAs = b.GetTransport().TLSClientConfig.RootCAs
	}
	s := &Session{options: o, cfg: cfg.Copy(), transport: transport}
	s.identity = o.identity(opts)
	s.cfg.Credentials = s.identity
	s.cfg.HTTPClient = newClient(transport)
	s.cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} } // the one retry loop is the destination's
	return s, nil
}

// load is the options as the SDK's loader takes them.
func (o *Options) load(client config.HTTPClient) []func(*config.LoadOptions) error {
	opts := []func(*config.LoadOptions) error{
		config.WithHTTPClient(client),
		config.WithLogger(logTo(o.Logger)),
		config.WithCredentialsCacheOptions(expiryWindow),
		config.WithAPIOptions([]func(*middleware.Stack) error{
			awsmiddleware.AddUserAgentKeyValue("kinetail", o.Version),
			o.route().add,
		}),
	}
	if o.Region != "" {
		opts = append(opts, config.WithRegion(o.Region))
	}
	if o.Profile != "" {
		opts = append(opts, config.WithSharedConfigProfile(o.Profile))
	}
	if o.local() {
		// Whoever tries things out on a laptop should not wait for a metadata service that isn't there: one try, about two seconds.
		opts = append(opts, config.WithEC2RoleCredentialOptions(func(e *ec2rolecreds.Options) {
			e.Client = imds.New(imds.Options{HTTPClient: client, Retryer: aws.NopRetryer{}})
		}))
	}
	if o.FIPS {
		opts = append(opts, config.WithUseFIPSEndpoint(aws.FIPSEndpointStateEnabled))
	}
	if o.DualStack {
		opts = append(opts, config.WithUseDualStackEndpoint(aws.DualStackEndpointStateEnabled))
	}
	return opts
}

func (o *Options) identity(opts []func(*config.LoadOptions) error) *identity {
	i := &identity{
		hint: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a profile, or give the host, task or pod a role",
		resolve: func(ctx context.Context) (aws.CredentialsProvider, error) {
			cfg, err := config.LoadDefaultConfig(ctx, opts...)
			if err != nil {
				return nil, err
			}
			if o.AssumeRole != nil {
				return o.assumed(cfg), nil
			}
			return cfg.Credentials, nil
		},
	}
	if o.local() {
		i.hint = "the endpoint is on this machine: if it takes any, set AWS_ACCESS_KEY_ID=test and AWS_SECRET_ACCESS_KEY=test"
	}
	return i
}

// local says whether every endpoint that the options name, and at least one, is on this machine.
func (o *Options) local() bool {
	named := false
	for _, raw := range o.endpoints() {
		if raw == "" {
			continue
		}
		if u, err := url.Parse(raw); err != nil || !isLoopback(u.Hostname()) {
			return false
		}
		named = true
	}
	return named
}

// regionOfInstance asks the metadata service.
func (o *Options) regionOfInstance(ctx context.Context, cfg aws.Config) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, regionTimeout)
	defer cancel()
	out, err := imds.NewFromConfig(cfg).GetRegion(ctx, &imds.GetRegionInput{})
	if err != nil {
		return "", fmt.Errorf("%w (the instance metadata service did not tell: %w)", ErrRegion, err)
	}
	return out.Region, nil
}

// Config is what all clients of the session are made of. Endpoints of the options are not in it: make clients with the methods.
func (s *Session) Config() aws.Config { return s.cfg.Copy() }

// Region is the region in force.
func (s *Session) Region() string { return s.cfg.Region }

// Invalidate forgets the credentials, so that the next request looks for new ones, shared files included. It is for answers that
// say they have expired.
func (s *Session) Invalidate() { s.identity.Invalidate() }

// Close drops idle connections. Clients go on working.
func (s *Session) Close() { s.transport.CloseIdleConnections() }

// Kinesis is a client for Kinesis Data Streams.
func (s *Session) Kinesis(opts ...func(*kinesis.Options)) *kinesis.Client {
	endpoint := s.options.endpoint(s.options.Endpoints.Kinesis)
	return kinesis.NewFromConfig(s.cfg, append([]func(*kinesis.Options){func(o *kinesis.Options) {
		if endpoint != "" {
			o.BaseEndpoint = aws.String(endpoint)
		}
	}}, opts...)...)
}

// KinesisIsAWS says whether Kinesis' endpoint is AWS' own: no URL for it is configured, in the environment, or in the profile. The SDK
// chooses such a host itself, and looks for no others.
func (s *Session) KinesisIsAWS() bool {
	own := s.Kinesis().Options().BaseEndpoint
	return own == nil || *own == ""
}

// Firehose is a client for Amazon Data Firehose. Its PutRecordBatch answers without record ids.
func (s *Session) Firehose(opts ...func(*awscall.Options)) *awscall.Firehose {
	to := s.at(s.options.Endpoints.Firehose)
	return awscall.NewFirehose(s.cfg, append([]func(*awscall.Options){wire.Firehose, to}, opts...)...)
}

// CloudWatch is a client for CloudWatch.
func (s *Session) CloudWatch(opts ...func(*awscall.Options)) *awscall.CloudWatch {
	to := s.at(s.options.Endpoints.CloudWatch)
	return awscall.NewCloudWatch(s.cfg, append([]func(*awscall.Options){to}, opts...)...)
}

// at sends a client's requests to the endpoint that the options name for its service, or for all.
func (s *Session) at(own string) func(*awscall.Options) {
	return func(o *awscall.Options) {
		if endpoint := s.options.endpoint(own); endpoint != "" {
			o.Endpoint = endpoint
		}
	}
}

// STS is a client for the Security Token Service with the session's identity, the assumed role if there is one.
func (s *Session) STS(opts ...func(*sts.Options)) *sts.Client {
	return sts.NewFromConfig(s.cfg, opts...) // route knows its endpoint
}

// logTo hands the SDK's lines to l for debugging. Its warnings are about single requests, and what those mean is logged by
// whoever sent them.
func logTo(l *slog.Logger) logging.Logger {
	return logging.LoggerFunc(func(_ logging.Classification, format string, v ...any) {
		l.Debug("message from the AWS SDK", "text", fmt.Sprintf(format, v...))
	})
}
