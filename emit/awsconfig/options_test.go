package awsconfig

import (
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		o    Options
		want string // empty: accepted
	}{
		"nothing":              {Options{}, ""},
		"https endpoint":       {Options{Endpoint: "https://kinesis.example.com"}, ""},
		"http on loopback":     {Options{Endpoint: "http://127.0.0.1:4566"}, ""},
		"http on localhost":    {Options{Endpoints: Endpoints{Kinesis: "http://localhost:4566"}}, ""},
		"http on ipv6":         {Options{Endpoint: "http://[::1]:4566"}, ""},
		"http elsewhere":       {Options{Endpoints: Endpoints{Firehose: "http://localstack:4566"}}, "endpoints.firehose: plain HTTP to localstack:4566"},
		"http disguised":       {Options{Endpoint: "http://localhost.example.com"}, "allow_insecure"},
		"http elsewhere meant": {Options{Endpoint: "http://localstack:4566", AllowInsecure: true}, ""},
		"no scheme":            {Options{Endpoint: "localhost:4566"}, "is not a URL"},
		"no host":              {Options{Endpoint: "https://"}, "is not a URL"},
		"fips and endpoint":    {Options{FIPS: true, Endpoints: Endpoints{STS: "https://sts.example.com"}}, "fips"},
		"proxy":                {Options{Proxy: "http://proxy:3128"}, ""},
		"bad proxy":            {Options{Proxy: "proxy:3128"}, "aws proxy"},
		"bad role":             {Options{AssumeRole: &AssumeRole{ARN: "logs"}}, "arn:aws:iam::"},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.o.Check()
			switch {
			case c.want == "" && err != nil:
				t.Fatal(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Fatalf("got %v, want something with %q", err, c.want)
			}
		})
	}
}

func TestSessionName(t *testing.T) {
	for _, c := range []struct{ destination, name, want string }{
		{"", "", "kinetail"},
		{"access/web logs", "", "kinetail-access-web-logs"},
		{"access", "mine", "mine"},
		{strings.Repeat("x", 100), "", "kinetail-" + strings.Repeat("x", 55)},
	} {
		o := Options{Destination: c.destination, AssumeRole: &AssumeRole{SessionName: c.name}}
		if got := o.sessionName(); got != c.want {
			t.Errorf("%+v: got %q", c, got)
		}
	}
}
