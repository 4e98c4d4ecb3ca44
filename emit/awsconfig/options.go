package awsconfig

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
)

// Options is an aws block with everything merged, and who asks. The zero value means the SDK's own chain throughout.
type Options struct {
	Region        string // else AWS_REGION, the profile, then the instance metadata service
	Profile       string // of the shared configuration files; else AWS_PROFILE
	Endpoint      string // URL for all services
	Endpoints     Endpoints
	FIPS          bool
	DualStack     bool
	Proxy         string // URL with scheme http, https or socks5; else HTTPS_PROXY and NO_PROXY
	CAFile        string // PEM; added to the system's authorities
	AllowInsecure bool   // plain HTTP to other hosts than this one
	AssumeRole    *AssumeRole

	// Destination names the default role session, "kinetail-<Destination>", so that CloudTrail tells destinations apart.
	Destination string
	// Version is told to AWS in the user agent as "kinetail/<Version>".
	Version string
	// Logger gets the SDK's own lines, for debugging. Nil means slog.Default.
	Logger *slog.Logger
	// Contacted is told the host (and port, if one is named) of every request, those of the credentials' sources included. It may be nil, and
	// is called by many goroutines.
	Contacted func(host string)
}

// Endpoints are URLs per service; empty means Options.Endpoint, else what the SDK finds.
type Endpoints struct{ Kinesis, Firehose, CloudWatch, STS string }

// AssumeRole names a role to assume with the credentials of the chain. SessionName may be empty.
type AssumeRole struct{ ARN, ExternalID, SessionName string }

// endpoint is what the options say for one service.
func (o *Options) endpoint(own string) string {
	if own != "" {
		return own
	}
	return o.Endpoint
}

// endpoints lists every configured URL under its name in the configuration.
func (o *Options) endpoints() map[string]string {
	return map[string]string{
		"endpoint":             o.Endpoint,
		"endpoints.kinesis":    o.Endpoints.Kinesis,
		"endpoints.firehose":   o.Endpoints.Firehose,
		"endpoints.cloudwatch": o.Endpoints.CloudWatch,
		"endpoints.sts":        o.Endpoints.STS,
	}
}

// Check reports everything that is wrong with the options by themselves, without touching the network or any file.
func (o *Options) Check() error {
	var errs []error
	custom := false
	for name, raw := range o.endpoints() {
		if raw == "" {
			continue
		}
		custom = true
		if err := checkURL(raw, "http", "https"); err != nil {
			errs = append(errs, fmt.Errorf("aws %s: %w", name, err))
			continue
		}
		if u, _ := url.Parse(raw); u.Scheme == "http" && !o.AllowInsecure && !isLoopback(u.Hostname()) {
			errs = append(errs, fmt.Errorf("aws %s: %w", name, insecureError(u.Host)))
		}
	}
	if custom && (o.FIPS || o.DualStack) {
		errs = append(errs, errors.New("aws: fips and dual_stack choose a host name and so cannot go with an endpoint of your own: "+
			"remove them, or name the FIPS or dual-stack host in the endpoint"))
	}
	if o.Proxy != "" {
		if err := checkURL(o.Proxy, "http", "https", "socks5"); err != nil {
			errs = append(errs, fmt.Errorf("aws proxy: %w", err))
		}
	}
	if o.AssumeRole != nil && !strings.HasPrefix(o.AssumeRole.ARN, "arn:") {
		errs = append(errs, fmt.Errorf("aws assume_role: arn %q is not an ARN: write it like arn:aws:iam::123456789012:role/logs", o.AssumeRole.ARN))
	}
	return errors.Join(errs...)
}

func checkURL(raw string, schemes ...string) error {
	u, err := url.Parse(raw)
	if err != nil {
		return err
	}
	for _, s := range schemes {
		if u.Scheme == s && u.Hostname() != "" {
			return nil
		}
	}
	return fmt.Errorf("%q is not a URL with a host and the scheme %s", raw, strings.Join(schemes, ", "))
}

func insecureError(host string) error {
	return fmt.Errorf("plain HTTP to %s would show records and identity to the network: use https, or set allow_insecure = true", host)
}

// isLoopback says whether host, a name or an address without a port, is this machine by its form alone: no name is looked up.
func isLoopback(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// sessionName is the role session's name: at most 64 characters of [A-Za-z0-9_=,.@-], as AssumeRole asks for.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
func (o *Options) sessionName() string {
	name := o.AssumeRole.SessionName
	if name == "" {
		name = "kinetail"
		if o.Destination != "" {
			name += "-" + o.Destination
		}
	}
	name = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("_=,.@-", r):
			return r
		default:
			return '-'
		}
	}, name)
	return name[:min(len(name), 64)]
}
