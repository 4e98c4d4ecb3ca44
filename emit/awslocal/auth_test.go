package awslocal

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

type fixed aws.Credentials

func (f fixed) Retrieve(context.Context) (aws.Credentials, error) { return aws.Credentials(f), nil }

func TestSignatures(t *testing.T) {
	at := newClock()
	at.now = time.Now()
	s := start(t, Options{Now: at.Now, Streams: []StreamConfig{{Name: "s"}}, Credentials: []Credential{
		{AccessKeyID: "AKIAGOOD", SecretAccessKey: "good"},
		{AccessKeyID: "ASIASHORT", SecretAccessKey: "short", SessionToken: "token", Expires: at.now.Add(time.Minute)},
	}})
	try := func(c fixed) string {
		cfg := s.Copy()
		cfg.Credentials = c
		_, err := kinesis.NewFromConfig(cfg).PutRecords(t.Context(), &kinesis.PutRecordsInput{StreamName: aws.String("s"), Records: entries(3, 30)})
		return code(err)
	}
	good := fixed{AccessKeyID: "AKIAGOOD", SecretAccessKey: "good"}
	short := fixed{AccessKeyID: "ASIASHORT", SecretAccessKey: "short", SessionToken: "token"}
	for _, tt := range []struct {
		who  fixed
		want string
	}{
		{good, ""},
		{short, ""},
		{fixed{AccessKeyID: "AKIAGOOD", SecretAccessKey: "bad"}, "InvalidSignatureException"},
		{fixed{AccessKeyID: "AKIANOBODY", SecretAccessKey: "good"}, "UnrecognizedClientException"},
		{fixed{AccessKeyID: "ASIASHORT", SecretAccessKey: "short", SessionToken: "other"}, "UnrecognizedClientException"},
	} {
		if got := try(tt.who); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.who.AccessKeyID, got, tt.want)
		}
	}
	// Compressed bodies are signed as they are sent.
	cfg := s.Copy()
	cfg.Credentials = good
	data := make([]cwtypes.MetricDatum, 900)
	for i := range data {
		data[i] = cwtypes.MetricDatum{MetricName: aws.String("M"), Value: aws.Float64(1)}
	}
	if _, err := cloudwatch.NewFromConfig(cfg).PutMetricData(t.Context(), &cloudwatch.PutMetricDataInput{Namespace: aws.String("N"), MetricData: data}); err != nil {
		t.Error(err)
	}
	at.move(time.Minute)
	if got := try(short); got != "ExpiredTokenException" {
		t.Errorf("after its end: %q", got)
	}
	at.move(5 * time.Minute)
	if got := try(good); got != "InvalidSignatureException" {
		t.Errorf("six minutes off: %q", got)
	}
}

// TestClockSkew: the service's clock is off, and the SDK finds out from the Date of the refusal.
func TestClockSkew(t *testing.T) {
	s := start(t, Options{SkewCode: "RequestTimeTooSkewed", Streams: []StreamConfig{{Name: "s"}}})
	for _, off := range []time.Duration{time.Hour, -time.Hour} {
		s.SetFaults(Fault{Kind: ClockSkew, Delay: off})
		client := kinesis.NewFromConfig(s.Config)
		try := func() string {
			_, err := client.PutRecords(t.Context(), &kinesis.PutRecordsInput{StreamName: aws.String("s"), Records: entries(1, 1)})
			return code(err)
		}
		if got := try(); got != "RequestTimeTooSkewed" {
			t.Errorf("%v: got %q", off, got)
		}
		if got := try(); got != "" {
			t.Errorf("%v: the SDK did not correct its clock: %q", off, got)
		}
	}
}

func TestCallersWithoutAName(t *testing.T) {
	s := start(t, Options{})
	for header, want := range map[string]string{
		"":                               "MissingAuthenticationTokenException",
		"Basic abc":                      "IncompleteSignatureException",
		"AWS4-HMAC-SHA256 Credential=AK": "IncompleteSignatureException",
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL(), strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Amz-Target", "Kinesis_20131202.ListStreams")
		req.Header.Set("Authorization", header)
		resp, err := s.HTTPClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != http.StatusBadRequest || s.Counters().Refused[want] == 0 {
			t.Errorf("%q: status %d, %v", header, resp.StatusCode, s.Counters().Refused)
		}
	}
}

// TestTemporaryCredentials takes the SDK's own way through STS and the instance metadata.
func TestTemporaryCredentials(t *testing.T) {
	at := newClock()
	at.now = time.Now()
	s := start(t, Options{Now: at.Now, Streams: []StreamConfig{{Name: "s"}}, CredentialLifetime: 20 * time.Minute})
	metadata := imds.New(imds.Options{Endpoint: s.URL(), HTTPClient: s.HTTPClient})
	for name, provider := range map[string]aws.CredentialsProvider{
		"sts":  stscreds.NewAssumeRoleProvider(sts.NewFromConfig(s.Config), "arn:aws:iam::123456789012:role/logs"),
		"imds": ec2rolecreds.New(func(o *ec2rolecreds.Options) { o.Client = metadata }),
	} {
		got, err := provider.Retrieve(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		cfg := s.Copy()
		cfg.Credentials = fixed(got)
		if _, err := kinesis.NewFromConfig(cfg).ListStreams(t.Context(), nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		got.SecretAccessKey += "x"
		cfg.Credentials = fixed(got)
		if _, err := kinesis.NewFromConfig(cfg).ListStreams(t.Context(), nil); code(err) != "InvalidSignatureException" {
			t.Errorf("%s: a wrong secret: %v", name, err)
		}
	}
	who, err := sts.NewFromConfig(s.Config).GetCallerIdentity(t.Context(), nil)
	if err != nil || *who.Account != "000000000000" {
		t.Errorf("%v %+v", err, who)
	}
	s.SetFaults(Fault{Kind: Error, Service: "sts", Operation: "*", Code: "AccessDeniedException"})
	if _, err = sts.NewFromConfig(s.Config).GetCallerIdentity(t.Context(), nil); code(err) != "AccessDenied" {
		t.Errorf("got %v", err)
	}
	region, err := metadata.GetRegion(t.Context(), nil)
	if err != nil || region.Region != "us-east-1" {
		t.Errorf("%v %+v", err, region)
	}
}
