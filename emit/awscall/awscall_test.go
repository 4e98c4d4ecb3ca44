package awscall

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdkcloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	sdkfirehose "github.com/aws/aws-sdk-go-v2/service/firehose"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/encoding/cbor"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// regions are some of each partition, and ones that nobody knows yet.
var regions = []string{
	"us-east-1", "us-west-2", "eu-central-1", "ap-southeast-7", "il-central-1", "mx-central-1", "ca-west-1", "xx-nowhere-9", "aws-global",
	"cn-north-1", "cn-northwest-1", "us-gov-east-1", "us-gov-west-1", "us-iso-east-1", "us-iso-west-1", "us-isob-east-1", "us-isob-west-1",
	"eu-isoe-west-1", "us-isof-south-1", "us-isof-east-1", "eusc-de-east-1",
}

// The hosts are the SDK's, for all partitions, with and without FIPS and dual stack; and where it knows none, neither do we.
func TestHostsAreTheSDKs(t *testing.T) {
	seen := map[string]bool{}
	for _, region := range regions {
		for flags := range 4 {
			fips, dual := flags&1 > 0, flags&2 > 0
			for _, s := range []*service{firehose, cloudwatch} {
				want := ""
				if s == firehose {
					if e, err := sdkfirehose.NewDefaultEndpointResolverV2().ResolveEndpoint(t.Context(), sdkfirehose.EndpointParameters{Region: &region, UseFIPS: &fips, UseDualStack: &dual}); err == nil {
						want = e.URI.String()
					}
				} else if e, err := sdkcloudwatch.NewDefaultEndpointResolverV2().ResolveEndpoint(t.Context(), sdkcloudwatch.EndpointParameters{Region: &region, UseFIPS: &fips, UseDualStack: &dual}); err == nil {
					want = e.URI.String()
				}
				got, err := s.resolve(t.Context(), region, fips, dual)
				if err == nil {
					got = "https://" + got
				}
				if got != want {
					t.Errorf("%s in %s, fips %v, dual stack %v: %q (%v), the SDK says %q", s.id, region, fips, dual, got, err, want)
				}
				seen[want] = true
			}
		}
	}
	if len(seen) < 2*len(regions) {
		t.Errorf("only %d different hosts: %v", len(seen), seen)
	}
}

// recorder keeps the last request and answers nothing.
type recorder struct {
	req  *http.Request
	body []byte
}

func (r *recorder) Do(req *http.Request) (*http.Response, error) {
	r.req = req
	if req.Body != nil {
		r.body, _ = io.ReadAll(req.Body)
	}
	return nil, errors.New("recorded")
}

func base() aws.Config {
	return aws.Config{Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("a", "b", "c"), Retryer: func() aws.Retryer { return aws.NopRetryer{} }}
}

// What names an endpoint goes the SDK's order.
func TestEndpointsAreTheSDKs(t *testing.T) {
	profile := func(text string) map[string]string { return map[string]string{"profile": text} }
	for name, env := range map[string]map[string]string{
		"none":                     {},
		"for all":                  {"AWS_ENDPOINT_URL": "https://all.example.com"},
		"for one":                  {"AWS_ENDPOINT_URL_FIREHOSE": "https://f.example.com", "AWS_ENDPOINT_URL_CLOUDWATCH": "https://c.example.com"},
		"for one and all":          {"AWS_ENDPOINT_URL": "https://all.example.com", "AWS_ENDPOINT_URL_FIREHOSE": "https://f.example.com/path"},
		"ignored":                  {"AWS_ENDPOINT_URL_FIREHOSE": "https://f.example.com", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
		"fips":                     {"AWS_USE_FIPS_ENDPOINT": "true"},
		"dual stack":               {"AWS_USE_DUALSTACK_ENDPOINT": "true"},
		"fips and custom":          {"AWS_USE_FIPS_ENDPOINT": "true", "AWS_ENDPOINT_URL": "https://all.example.com"},
		"profile, for all":         profile("[default]\nendpoint_url = https://all.example.com\n"),
		"profile, for one":         profile("[default]\nservices = here\n[services here]\nfirehose =\n  endpoint_url = https://f.example.com\ncloudwatch =\n  endpoint_url = https://c.example.com\n"),
		"profile, ignored":         profile("[default]\nservices = here\nignore_configured_endpoint_urls = true\n[services here]\nfirehose =\n  endpoint_url = https://f.example.com\n"),
		"profile, but environment": {"AWS_ENDPOINT_URL": "https://all.example.com", "profile": "[default]\nservices = here\n[services here]\nfirehose =\n  endpoint_url = https://f.example.com\n"},
		"no region":                profile("[default]\nregion =\n"),
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "config")
			if err := os.WriteFile(file, []byte(env["profile"]), 0o600); err != nil {
				t.Fatal(err)
			}
			t.Setenv("AWS_CONFIG_FILE", file)
			t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
			for k, v := range env {
				if k != "profile" {
					t.Setenv(k, v)
				}
			}
			cfg, err := config.LoadDefaultConfig(t.Context(), config.WithRegion("eu-west-1"), config.WithCredentialsProvider(base().Credentials))
			if err != nil {
				t.Fatal(err)
			}
			cfg.Retryer = base().Retryer
			var rec [4]recorder
			_, _ = sdkfirehose.NewFromConfig(cfg, func(o *sdkfirehose.Options) { o.HTTPClient = &rec[0] }).DescribeDeliveryStream(t.Context(), &sdkfirehose.DescribeDeliveryStreamInput{DeliveryStreamName: aws.String("s")})
			_, _ = NewFirehose(cfg, func(o *Options) { o.HTTPClient = &rec[1] }).StreamStatus(t.Context(), "s")
			_, _ = sdkcloudwatch.NewFromConfig(cfg, func(o *sdkcloudwatch.Options) { o.HTTPClient = &rec[2] }).PutMetricData(t.Context(), &sdkcloudwatch.PutMetricDataInput{Namespace: aws.String("n")})
			_ = NewCloudWatch(cfg, func(o *Options) { o.HTTPClient = &rec[3] }).PutMetricData(t.Context(), &PutMetricDataInput{Namespace: aws.String("n")})
			for i := 0; i < 4; i += 2 {
				theirs, ours := rec[i].req, rec[i+1].req
				if theirs == nil || ours == nil {
					if theirs != ours {
						t.Errorf("the SDK sends %v, we send %v", theirs, ours)
					}
					continue
				}
				if theirs.URL.String() != ours.URL.String() {
					t.Errorf("to %s, the SDK sends to %s", ours.URL, theirs.URL)
				}
			}
		})
	}
}

func fullMetrics() (*PutMetricDataInput, *sdkcloudwatch.PutMetricDataInput) {
	at := time.Date(2026, 11, 25, 12, 0, 0, 250e6, time.UTC)
	ours, theirs := &PutMetricDataInput{Namespace: aws.String("Kinetail")}, &sdkcloudwatch.PutMetricDataInput{Namespace: aws.String("Kinetail")}
	for range 100 {
		ours.MetricData = append(
			ours.MetricData,
			MetricDatum{MetricName: aws.String("LagSeconds"), Unit: StandardUnitSeconds, Timestamp: &at, Value: aws.Float64(1.5), StorageResolution: aws.Int32(1)},
			MetricDatum{
				MetricName: aws.String("SendLatency"), Unit: StandardUnitMilliseconds, Values: []float64{1, 2.5}, Counts: []float64{3, 4},
				Dimensions: []Dimension{{aws.String("Destination"), aws.String("KinesisStream:s")}},
			},
		)
		theirs.MetricData = append(
			theirs.MetricData,
			types.MetricDatum{MetricName: aws.String("LagSeconds"), Unit: types.StandardUnitSeconds, Timestamp: &at, Value: aws.Float64(1.5), StorageResolution: aws.Int32(1)},
			types.MetricDatum{
				MetricName: aws.String("SendLatency"), Unit: types.StandardUnitMilliseconds, Values: []float64{1, 2.5}, Counts: []float64{3, 4},
				Dimensions: []types.Dimension{{Name: aws.String("Destination"), Value: aws.String("KinesisStream:s")}},
			},
		)
	}
	return ours, theirs
}

// What is sent is what the SDK sends, compressed from the same size on.
func TestMetricsAreTheSDKs(t *testing.T) {
	for _, least := range []int64{0, 10 << 20} {
		cfg := base()
		cfg.RequestMinCompressSizeBytes = least
		var theirs, ours recorder
		in, theirIn := fullMetrics()
		_, _ = sdkcloudwatch.NewFromConfig(cfg, func(o *sdkcloudwatch.Options) { o.HTTPClient = &theirs }).PutMetricData(t.Context(), theirIn)
		_ = NewCloudWatch(cfg, func(o *Options) { o.HTTPClient = &ours }).PutMetricData(t.Context(), in)
		for _, h := range []string{"Content-Type", "Content-Encoding", "Smithy-Protocol", "Accept", "X-Amzn-Query-Mode", "X-Amz-Security-Token"} {
			if got, want := ours.req.Header.Get(h), theirs.req.Header.Get(h); got != want {
				t.Errorf("%s: %q, the SDK says %q", h, got, want)
			}
		}
		if ours.req.ContentLength != int64(len(ours.body)) || ours.req.Method != theirs.req.Method || ours.req.URL.String() != theirs.req.URL.String() {
			t.Errorf("%s %s with %d of %d bytes, the SDK sends %s %s", ours.req.Method, ours.req.URL, ours.req.ContentLength, len(ours.body), theirs.req.Method, theirs.req.URL)
		}
		if diff := cmp.Diff(decoded(t, &theirs), decoded(t, &ours), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("the SDK sends otherwise:\n%s", diff)
		}
	}
}

func decoded(t *testing.T, r *recorder) cbor.Value {
	t.Helper()
	body := r.body
	if r.req.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(strings.NewReader(string(body)))
		if err != nil {
			t.Fatal(err)
		}
		if body, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
	}
	v, err := cbor.Decode(body)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// serve makes a client of a server.
func serve(t *testing.T, answer http.HandlerFunc) aws.Config {
	t.Helper()
	srv := httptest.NewServer(answer)
	t.Cleanup(srv.Close)
	cfg := base()
	cfg.BaseEndpoint, cfg.HTTPClient = &srv.URL, srv.Client()
	return cfg
}

// Errors are the SDK's: with code, message, status and request ID, and one attempt.
func TestErrors(t *testing.T) {
	var calls atomic.Int32
	cfg := serve(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		w.Header().Set("X-Amzn-Requestid", "id-1")
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"__type":"com.amazonaws.firehose#ResourceNotFoundException","message":"none such"}`)
	})
	_, err := NewFirehose(cfg).StreamStatus(t.Context(), "s")
	var op *smithy.OperationError
	var api smithy.APIError
	var resp *smithyhttp.ResponseError
	if !errors.As(err, &op) || op.Service() != "Firehose" || op.Operation() != "DescribeDeliveryStream" ||
		!errors.As(err, &api) || api.ErrorCode() != "ResourceNotFoundException" || api.ErrorMessage() != "none such" ||
		!errors.As(err, &resp) || resp.HTTPStatusCode() != http.StatusBadRequest || !strings.Contains(err.Error(), "id-1") {
		t.Errorf("got %v", err)
	}
	if n := calls.Load(); n != 1 {
		t.Errorf("%d attempts", n)
	}
	cfg.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, errNobody })
	if _, err := NewFirehose(cfg).StreamStatus(t.Context(), "s"); !errors.Is(err, errNobody) || calls.Load() != 1 {
		t.Errorf("without credentials: %v, %d calls", err, calls.Load())
	}
}

var errNobody = errors.New("nobody")

func TestStreamStatus(t *testing.T) {
	cfg := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if string(body) != `{"DeliveryStreamName":"logs"}` || r.Header.Get("X-Amz-Target") != "Firehose_20150804.DescribeDeliveryStream" {
			t.Errorf("%s %s", r.Header.Get("X-Amz-Target"), body)
		}
		_, _ = io.WriteString(w, `{"DeliveryStreamDescription":{"Destinations":[{"DestinationId":"x"}],"DeliveryStreamStatus":"ACTIVE","HasMoreDestinations":false}}`)
	})
	if got, err := NewFirehose(cfg).StreamStatus(t.Context(), "logs"); got != "ACTIVE" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// A host whose clock is wrong is refused once, and signs with the service's clock from then on.
func TestClockSkew(t *testing.T) {
	var signed []string
	cfg := serve(t, func(w http.ResponseWriter, r *http.Request) {
		signed = append(signed, r.Header.Get("X-Amz-Date"))
		w.Header().Set("Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"__type":"InvalidSignatureException","message":"Signature expired"}`)
	})
	f := NewFirehose(cfg)
	for range 2 {
		if _, err := f.StreamStatus(t.Context(), "s"); err == nil {
			t.Fatal("no error")
		}
	}
	var at [2]time.Time
	for i, s := range signed {
		at[i], _ = time.Parse("20060102T150405Z", s)
	}
	if d := at[1].Sub(at[0]); d < 59*time.Minute || d > 61*time.Minute {
		t.Errorf("signed at %v, the service is an hour ahead", signed)
	}
}
