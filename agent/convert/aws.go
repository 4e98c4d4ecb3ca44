package convert

import (
	"fmt"
	"regexp"
	"strings"
)

// usualRegion is where the Java agent sends to if no endpoint is configured, as its documentation says.
const usualRegion = "us-east-1"

// service is how one service is reached.
type service struct {
	region string
	url    string // "" is the region's usual endpoint
}

// amazon is what becomes aws blocks.
type amazon struct {
	services   map[string]service // kinesis, firehose, cloudwatch, sts
	first      string             // the region of the outer aws block
	role, ext  string
	allowPlain bool
}

// awsHost finds the region in the names of AWS's own endpoints.
var (
	awsHost    = regexp.MustCompile(`^(?:kinesis|firehose|monitoring|sts)\.([a-z0-9-]+)\.(?:amazonaws\.com|amazonaws\.com\.cn)$`)
	anyAWSHost = regexp.MustCompile(`\.([a-z]{2}(?:-[a-z]+)+-[0-9]+)\.(?:vpce\.)?(?:amazonaws\.com|amazonaws\.com\.cn|api\.aws)$`)
)

// endpoint reads what is configured for a service.
func (c *converter) endpoint(o *object, name string) {
	key := name + ".endpoint"
	s := service{region: usualRegion}
	if name == "kinesis" {
		if region, _ := textOf(o.get("kinesis.region")); region != "" {
			s.region = region
		}
	}
	text, _ := textOf(o.get(key))
	text = strings.TrimSpace(text)
	host, plain := text, false
	if rest, ok := strings.CutPrefix(host, "https://"); ok {
		host = rest
	} else if rest, ok := strings.CutPrefix(host, "http://"); ok {
		host, plain = rest, true
	}
	host = strings.TrimRight(strings.TrimSuffix(strings.TrimRight(host, "/"), ":443"), "/")
	switch m := awsHost.FindStringSubmatch(host); {
	case text == "" && o.has(key):
		c.say(TakenOver, key, o.get(key), "empty is the default there: region %s", s.region)
	case text == "":
	case host == "sts.amazonaws.com":
		s.url = "https://" + host
		c.say(TakenOver, key, text, "endpoints.sts")
	case m != nil && !plain:
		if name == "kinesis" && o.has("kinesis.region") && s.region != m[1] {
			s.url = "https://" + host
			c.say(TakenOver, key, text, "endpoints.kinesis")
			break
		}
		s.region = m[1]
		c.say(TakenOver, key, text, "region = %q, whose endpoint it is", m[1])
	default:
		s.url = text
		if !strings.Contains(text, "://") {
			s.url = "https://" + text
		}
		if m := anyAWSHost.FindStringSubmatch(host); m != nil {
			s.region = m[1]
		}
		c.say(TakenOver, key, text, "endpoints.%s", name)
		if plain && !loopback(host) {
			c.aws.allowPlain = true
			c.say(Different, key, text, "it is plain HTTP, so that records and metrics can be read on the way: allow_insecure = true keeps it so; write https:// if you can")
		}
	}
	if c.aws.services == nil {
		c.aws.services = map[string]service{}
	}
	c.aws.services[name] = s
}

func loopback(host string) bool {
	name, _, _ := strings.Cut(host, ":")
	return name == "localhost" || strings.HasPrefix(name, "127.") || strings.HasPrefix(host, "[::1]")
}

// writeAWS writes the outer aws block: the region of the first flow's service, and endpoints.
func (c *converter) writeAWS(out *writer) {
	a := &c.aws
	for _, name := range []string{"kinesis", "firehose"} {
		if c.used[name] && !c.configured[name] {
			c.say(Different, "(default) "+name+".endpoint", nil, "without an endpoint the Java agent sends to us-east-1, and so does the result; remove region to use that of the instance or the environment")
		}
	}
	var endpoints []string
	for _, name := range []string{"kinesis", "firehose", "cloudwatch", "sts"} {
		if s := a.services[name]; s.url != "" {
			endpoints = append(endpoints, argument(name, quote(s.url)))
		}
	}
	var inner writer
	inner.block("endpoints", endpoints...)
	if a.role != "" {
		ext := ""
		if a.ext != "" {
			ext = argument("external_id", quote(a.ext))
		}
		inner.block("assume_role", argument("arn", quote(a.role)), ext)
		if a.services["sts"].url == "" {
			c.say(Better, "(default) sts.endpoint", nil, "the role is assumed at the region's endpoint, which works in a VPC without a way out, and not at sts.amazonaws.com")
		}
	}
	insecure := ""
	if a.allowPlain {
		insecure = "allow_insecure = true"
	}
	out.block("aws", argument("region", quote(a.first)), insecure, strings.TrimRight(inner.String(), "\n"))
	out.line("")
}

// block is the aws block of an emit block whose service is in another region than the outer one.
func (a *amazon) block(name string) string {
	if a.first == "" {
		a.first = a.services[name].region
	}
	if a.services[name].region == a.first {
		return ""
	}
	return fmt.Sprintf("aws { region = %s }", quote(a.services[name].region))
}

func (a *amazon) metricsBlock() string { return a.block("cloudwatch") }
