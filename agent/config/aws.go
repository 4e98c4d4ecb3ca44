package config

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// clone copies what is behind pointers too, so that an inner block can be read over the copy.
func (a AWS) clone() AWS {
	if a.AssumeRole != nil {
		role := *a.AssumeRole
		a.AssumeRole = &role
	}
	return a
}

// aws reads an aws block over what a holds already: so an inner block replaces the outer one key by key.
func (b *body) aws(a *AWS) {
	b.region(&a.Region)
	b.str("profile", &a.Profile, notEmpty("profile"))
	insecure := b.flag("allow_insecure", &a.AllowInsecure)
	endpoint := secureURL("endpoint", &a.AllowInsecure)
	b.str("endpoint", &a.Endpoint, endpoint)
	b.one("endpoints", func(b *body) {
		b.str("kinesis", &a.Endpoints.Kinesis, endpoint)
		b.str("firehose", &a.Endpoints.Firehose, endpoint)
		b.str("cloudwatch", &a.Endpoints.CloudWatch, endpoint)
		b.str("sts", &a.Endpoints.STS, endpoint)
		b.done()
	})
	if insecure != nil && !a.AllowInsecure {
		for _, e := range []string{a.Endpoint, a.Endpoints.Kinesis, a.Endpoints.Firehose, a.Endpoints.CloudWatch, a.Endpoints.STS} {
			if p := endpoint(e); e != "" && p != nil { // inherited from a block that allowed it
				b.d.error(insecure.Range, problem{summary: fmt.Sprintf("The inherited endpoint %s uses plain HTTP", e), detail: p.detail})
				break
			}
		}
	}
	b.flag("fips", &a.FIPS)
	b.flag("dual_stack", &a.DualStack)
	if custom := a.Endpoint != "" || a.Endpoints != (Endpoints{}); custom && (a.FIPS || a.DualStack) {
		b.d.error(b.at, problem{
			summary: "fips and dual_stack do not go with an endpoint",
			detail:  "They choose the host name that an endpoint gives already, here or in an outer aws block. Remove them, or name the FIPS or dual-stack host in the endpoint.",
		})
	}
	b.str("proxy", &a.Proxy, anyURL("proxy", "http", "https", "socks5"))
	b.str("ca_file", &a.CAFile, absolutePath("ca_file"))
	b.one("assume_role", func(b *body) { b.assumeRole(a) })
	b.done()
}

var (
	roleARN     = regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$`)
	sessionName = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
	externalID  = regexp.MustCompile(`^[\w+=,.@:/-]{2,}$`)
)

// assumeRole reads an assume_role block over the inherited one; enabled = false takes the role away.
func (b *body) assumeRole(a *AWS) {
	enabled := true
	b.flag("enabled", &enabled)
	role := AssumeRole{}
	if a.AssumeRole != nil {
		role = *a.AssumeRole
	}
	b.str("arn", &role.ARN, func(s string) *problem {
		if roleARN.MatchString(s) {
			return nil
		}
		return &problem{summary: fmt.Sprintf("arn cannot be %q", s), detail: `The ARN of a role looks like "arn:aws:iam::123456789012:role/logs".`}
	})
	b.str("external_id", &role.ExternalID, matches("external_id", externalID, "STS takes 2 to 1,224 letters, digits and _ + = , . @ : / -."))
	b.str("session_name", &role.SessionName, matches("session_name", sessionName, "STS takes 2 to 64 letters, digits and _ + = , . @ -."))
	if enabled && role.ARN == "" && !b.has("arn") {
		b.need("arn", "the arn of a role", `arn = "arn:aws:iam::123456789012:role/logs"`)
	}
	b.done()
	a.AssumeRole = nil
	if enabled {
		a.AssumeRole = &role
	}
}

var regionText = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// awsRegions are only suggested from, so the list may age.
var awsRegions = []string{
	"af-south-1", "ap-east-1", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-south-2", "ap-southeast-1",
	"ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ca-central-1", "ca-west-1", "cn-north-1", "cn-northwest-1", "eu-central-1",
	"eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3", "il-central-1", "me-central-1",
	"me-south-1", "mx-central-1", "sa-east-1", "us-east-1", "us-east-2", "us-gov-east-1", "us-gov-west-1", "us-west-1", "us-west-2",
}

// region reads a region. One that doesn't look like AWS's is only hinted at: other endpoints have names of their own.
func (b *body) region(dst *string) {
	a := b.str("region", dst, func(s string) *problem {
		if regionText.MatchString(s) {
			return nil
		}
		p := &problem{summary: fmt.Sprintf("region cannot be %q", s), detail: `A region looks like "eu-west-1".`}
		if near := nearest(s, awsRegions); near != "" {
			p.hint = mean(near)
		}
		return p
	})
	if a == nil {
		return
	}
	place := strings.TrimRight(*dst, "0123456789")
	if slices.ContainsFunc(awsRegions, func(r string) bool { return strings.TrimRight(r, "0123456789") == place }) {
		return // maybe one that is newer than this program
	}
	if near := nearest(*dst, awsRegions); near != "" && distance(near, *dst) == 1 {
		b.d.warning(a.Expr.Range(), problem{summary: fmt.Sprintf("%q is not the name of an AWS region", *dst), hint: mean(near)})
	}
}

func matches(name string, re *regexp.Regexp, detail string) check {
	return func(s string) *problem {
		if re.MatchString(s) {
			return nil
		}
		return &problem{summary: fmt.Sprintf("%s cannot be %q", name, s), detail: detail}
	}
}

func notEmpty(name string) check {
	return func(s string) *problem {
		if s != "" {
			return nil
		}
		return &problem{summary: fmt.Sprintf("%s is empty", name), detail: "Leave the argument out, or give it a value."}
	}
}

func anyURL(name string, schemes ...string) check {
	return func(s string) *problem {
		u, err := url.Parse(s)
		if err == nil && slices.Contains(schemes, u.Scheme) && u.Hostname() != "" {
			return nil
		}
		p := &problem{summary: fmt.Sprintf("%s cannot be %q", name, s), detail: fmt.Sprintf(`It is a URL with a host and one of the schemes %s, such as "https://host.example:4567".`, strings.Join(schemes, ", "))}
		if err == nil && u.Hostname() == "" && !strings.Contains(s, "://") && s != "" {
			p.hint = mean("https://" + s)
		}
		return p
	}
}

// secureURL refuses plain HTTP to other hosts: the requests carry a signature that can be replayed, and the logs.
func secureURL(name string, allowed *bool) check {
	return func(s string) *problem {
		if p := anyURL(name, "http", "https")(s); p != nil {
			return p
		}
		u, _ := url.Parse(s)
		if u.Scheme == "https" || *allowed || loopback(u.Hostname()) {
			return nil
		}
		return &problem{
			summary: fmt.Sprintf("%s %s uses plain HTTP", name, s),
			hint:    mean("https" + strings.TrimPrefix(s, "http")),
			detail:  "Anyone on the way could read the logs. Plain HTTP is taken only for this host itself (127.0.0.1, ::1, localhost), unless the block says allow_insecure = true.",
		}
	}
}

// loopback says whether a host is this one by its form alone: no name is looked up.
func loopback(host string) bool {
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback()
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}
