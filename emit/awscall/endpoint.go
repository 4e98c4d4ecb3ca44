package awscall

import (
	"context"
	"errors"
	"net/url"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// service is what sets a service apart.
type service struct {
	id      string // the SDK's name for it, under which a profile names its endpoint
	env     string // the variable that does
	host    string // the first label of its hosts
	signing string
	// govFIPS is set where GovCloud's usual hosts are those that comply with FIPS.
	govFIPS bool
}

// configured is the endpoint that cfg, the environment or the profile name, "" without one. What is named for the service goes before
// what is named for all, and the environment before the profile.
func (s *service) configured(cfg aws.Config) string {
	base := aws.ToString(cfg.BaseEndpoint)
	_, all := os.LookupEnv("AWS_ENDPOINT_URL")
	if _, own := os.LookupEnv(s.env); all && !own {
		return base
	}
	for _, source := range cfg.ConfigSources {
		if p, ok := source.(interface {
			GetIgnoreConfiguredEndpoints(context.Context) (bool, bool, error)
		}); ok {
			if ignore, found, err := p.GetIgnoreConfiguredEndpoints(context.Background()); err == nil && found {
				if ignore {
					return base
				}
				break
			}
		}
	}
	for _, source := range cfg.ConfigSources {
		if p, ok := source.(interface {
			GetServiceBaseEndpoint(context.Context, string) (string, bool, error)
		}); ok {
			if own, found, err := p.GetServiceBaseEndpoint(context.Background(), s.id); err != nil || found {
				if err != nil {
					return base
				}
				return own
			}
		}
	}
	return base
}

// route writes where a request goes into u, which has a path. The SDK keeps its list of partitions to itself, so what follows the region in a host is
// taken from Kinesis' host there.
func (c *client) route(ctx context.Context, u *url.URL) error {
	fips := c.endpoints.UseFIPSEndpoint == aws.FIPSEndpointStateEnabled
	dual := c.endpoints.UseDualStackEndpoint == aws.DualStackEndpointStateEnabled
	if c.Endpoint != "" {
		switch {
		case fips:
			return errors.New("FIPS and a custom endpoint exclude each other")
		case dual:
			return errors.New("dual stack and a custom endpoint exclude each other")
		}
		base, err := url.Parse(c.Endpoint)
		if err != nil {
			return err
		}
		u.Scheme, u.Host = base.Scheme, base.Host
		u.Path, u.RawPath = smithyhttp.JoinPath(base.Path, u.Path), smithyhttp.JoinPath(base.RawPath, u.RawPath)
		return nil
	}
	host, err := c.service.resolve(ctx, c.cfg.Region, fips, dual)
	if err != nil {
		return err
	}
	u.Scheme, u.Host = "https", host
	return nil
}

// resolve is AWS' own host for the service.
func (s *service) resolve(ctx context.Context, region string, fips, dual bool) (string, error) {
	rules := kinesis.NewDefaultEndpointResolverV2()
	if fips { // does the partition have such hosts?
		if _, err := rules.ResolveEndpoint(ctx, kinesis.EndpointParameters{Region: &region, UseFIPS: &fips, UseDualStack: &dual}); err != nil {
			return "", err
		}
	}
	plain, err := rules.ResolveEndpoint(ctx, kinesis.EndpointParameters{Region: &region, UseDualStack: &dual})
	if err != nil {
		return "", err
	}
	host := s.host
	if fips && !(s.govFIPS && strings.HasPrefix(region, "us-gov-")) {
		host += "-fips"
	}
	return host + strings.TrimPrefix(plain.URI.Host, "kinesis"), nil
}
