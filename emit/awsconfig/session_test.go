package awsconfig

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/kinetail/kinetail/emit/awscall"
)

func TestRegionOrder(t *testing.T) {
	imds := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPut: // IMDSv2 token
			w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "21600")
			_, _ = io.WriteString(w, "token")
		case r.Header.Get("X-Aws-Ec2-Metadata-Token") != "token":
			w.WriteHeader(http.StatusUnauthorized)
		default:
			_, _ = io.WriteString(w, `{"region":"eu-imds-1"}`)
		}
	})
	alone(t)
	want := func(region string, o Options) {
		t.Helper()
		if got := load(t, o).Region(); got != region {
			t.Errorf("region %q, want %q", got, region)
		}
	}
	if _, err := Load(t.Context(), Options{}); !errors.Is(err, ErrRegion) {
		t.Fatalf("got %v, want ErrRegion", err)
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "false")
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", imds.URL)
	want("eu-imds-1", Options{})
	writeFile(t, os.Getenv("AWS_CONFIG_FILE"), "[default]\nregion = eu-file-1\n[profile other]\nregion = eu-file-2\n")
	want("eu-file-1", Options{})
	want("eu-file-2", Options{Profile: "other"})
	t.Setenv("AWS_REGION", "eu-env-1")
	want("eu-env-1", Options{})
	want("eu-option-1", Options{Region: "eu-option-1"})

	if _, err := Load(t.Context(), Options{Profile: "missing"}); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("an unknown profile: got %v", err)
	}
}

// recorder answers nothing and keeps the URL.
type recorder struct{ url string }

func (r *recorder) Do(req *http.Request) (*http.Response, error) {
	r.url = req.URL.String()
	return nil, errors.New("recorded")
}

// hosts are where the four clients would send.
// DryRun is asked of AWS itself only: others may take it for a record.
func TestKinesisIsAWS(t *testing.T) {
	for name, c := range map[string]struct {
		o    Options
		env  map[string]string
		want bool
	}{
		"the SDK's":            {want: true},
		"fips":                 {o: Options{FIPS: true, DualStack: true}, want: true},
		"another's endpoint":   {o: Options{Endpoints: Endpoints{Firehose: "https://f.example.com"}}, want: true},
		"endpoint":             {o: Options{Endpoint: "https://k.example.com"}},
		"its endpoint":         {o: Options{Endpoints: Endpoints{Kinesis: "https://k.example.com"}}},
		"environment":          {env: map[string]string{"AWS_ENDPOINT_URL": "https://k.example.com"}},
		"environment, for one": {env: map[string]string{"AWS_ENDPOINT_URL_KINESIS": "https://k.example.com"}},
	} {
		t.Run(name, func(t *testing.T) {
			alone(t)
			withKeys(t)
			t.Setenv("AWS_REGION", "us-east-1")
			for k, v := range c.env {
				t.Setenv(k, v)
			}
			if got := load(t, c.o).KinesisIsAWS(); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func hosts(t *testing.T, o Options) [4]string {
	t.Helper()
	s := load(t, o)
	var rec recorder
	var got [4]string
	for i, call := range []func(){
		func() {
			_, _ = s.Kinesis(func(o *kinesis.Options) { o.HTTPClient = &rec }).ListStreams(t.Context(), nil)
		},
		func() {
			_, _ = s.Firehose(func(o *awscall.Options) { o.HTTPClient = &rec }).StreamStatus(t.Context(), "s")
		},
		func() {
			_ = s.CloudWatch(func(o *awscall.Options) { o.HTTPClient = &rec }).PutMetricData(t.Context(), &awscall.PutMetricDataInput{})
		},
		func() { _, _ = s.STS(func(o *sts.Options) { o.HTTPClient = &rec }).GetCallerIdentity(t.Context(), nil) },
	} {
		rec.url = ""
		call()
		got[i], _, _ = strings.Cut(strings.TrimPrefix(rec.url, "https://"), "/")
		if h, ok := strings.CutPrefix(rec.url, "http://"); ok {
			got[i], _, _ = strings.Cut("!"+h, "/") // plain HTTP shows
		}
	}
	return got
}

func TestEndpoints(t *testing.T) {
	alone(t)
	withKeys(t)
	t.Setenv("AWS_REGION", "us-east-1")
	for name, c := range map[string]struct {
		o    Options
		env  map[string]string
		want [4]string
	}{
		"the SDK's": {want: [4]string{
			"kinesis.us-east-1.amazonaws.com", "firehose.us-east-1.amazonaws.com", "monitoring.us-east-1.amazonaws.com", "sts.us-east-1.amazonaws.com",
		}},
		"fips": {o: Options{FIPS: true}, want: [4]string{
			"kinesis-fips.us-east-1.amazonaws.com", "firehose-fips.us-east-1.amazonaws.com", "monitoring-fips.us-east-1.amazonaws.com",
			"sts-fips.us-east-1.amazonaws.com",
		}},
		"dual stack": {o: Options{DualStack: true}, want: [4]string{
			"kinesis.us-east-1.api.aws", "firehose.us-east-1.api.aws", "monitoring.us-east-1.api.aws", "sts.us-east-1.api.aws",
		}},
		"one for all, one for itself": {
			o:    Options{Endpoint: "https://all.example.com", Endpoints: Endpoints{Kinesis: "https://k.example.com"}},
			want: [4]string{"k.example.com", "all.example.com", "all.example.com", "all.example.com"},
		},
		"options before environment": {
			o:    Options{Endpoints: Endpoints{CloudWatch: "https://cw.example.com"}},
			env:  map[string]string{"AWS_ENDPOINT_URL": "https://env.example.com"},
			want: [4]string{"env.example.com", "env.example.com", "cw.example.com", "env.example.com"},
		},
		"loopback": {
			o:    Options{Endpoint: "http://127.0.0.1:4566"},
			want: [4]string{"!127.0.0.1:4566", "!127.0.0.1:4566", "!127.0.0.1:4566", "!127.0.0.1:4566"},
		},
		"plain HTTP from the environment is not sent": {
			env:  map[string]string{"AWS_ENDPOINT_URL": "http://example.com"},
			want: [4]string{},
		},
		"or is, if allowed": {
			o:    Options{AllowInsecure: true},
			env:  map[string]string{"AWS_ENDPOINT_URL_KINESIS": "http://example.com"},
			want: [4]string{"!example.com", "firehose.us-east-1.amazonaws.com", "monitoring.us-east-1.amazonaws.com", "sts.us-east-1.amazonaws.com"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for k, v := range c.env {
				t.Setenv(k, v)
			}
			if os.Getenv("AWS_ENDPOINT_URL") == "" {
				unset(t, "AWS_ENDPOINT_URL")
			}
			if got := hosts(t, c.o); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestOneAttemptAndUserAgent(t *testing.T) {
	var calls atomic.Int32
	var agent atomic.Value
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		agent.Store(r.UserAgent())
		w.WriteHeader(http.StatusInternalServerError)
	})
	alone(t)
	withKeys(t)
	t.Setenv("AWS_MAX_ATTEMPTS", "5") // is for others
	s := load(t, Options{Region: "us-east-1", Endpoint: srv.URL, Version: "1.2.3"})
	for name, call := range map[string]func() error{
		"kinesis":    func() error { _, err := s.Kinesis().ListStreams(t.Context(), nil); return err },
		"firehose":   func() error { _, err := s.Firehose().StreamStatus(t.Context(), "s"); return err },
		"cloudwatch": func() error { return s.CloudWatch().PutMetricData(t.Context(), &awscall.PutMetricDataInput{}) },
	} {
		calls.Store(0)
		if err := call(); err == nil {
			t.Fatalf("%s: no error from a 500", name)
		}
		if n := calls.Load(); n != 1 {
			t.Errorf("%s: %d requests, want 1: the retry loop is the destination's", name, n)
		}
		if ua := agent.Load().(string); !strings.Contains(ua, "kinetail/1.2.3") || !strings.Contains(ua, "aws-sdk-go-v2/") {
			t.Errorf("%s: user agent %q", name, ua)
		}
	}
}

func TestProxyAndAuthorities(t *testing.T) {
	target := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_, _ = io.WriteString(w, `{"StreamNames":["`+r.Proto+`"],"HasMoreStreams":false}`)
	}))
	target.EnableHTTP2 = true
	target.StartTLS()
	t.Cleanup(target.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	writeFile(t, ca, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: target.Certificate().Raw})))

	// A proxy that tunnels whatever it is asked for to the target.
	var tunnels atomic.Int32
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		tunnels.Add(1)
		up, err := net.Dial("tcp", target.Listener.Addr().String())
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		down, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(down, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(up, down); _ = up.Close() }()
		_, _ = io.Copy(down, up)
		_ = down.Close()
	})
	alone(t)
	withKeys(t)

	list := func(o Options) (string, error) {
		o.Region = "us-east-1"
		s := load(t, o)
		defer s.Close()
		out, err := s.Kinesis().ListStreams(t.Context(), nil)
		if err != nil {
			return "", err
		}
		return out.StreamNames[0], nil
	}
	if _, err := list(Options{Endpoint: target.URL}); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("without the CA file: got %v", err)
	}
	proto, err := list(Options{Endpoint: target.URL, CAFile: ca})
	if err != nil || proto != "HTTP/1.1" {
		t.Errorf("with the CA file: got %q, %v", proto, err)
	}
	t.Setenv("AWS_CA_BUNDLE", ca)
	if _, err = list(Options{Endpoint: target.URL}); err != nil {
		t.Errorf("with AWS_CA_BUNDLE: %v", err)
	}
	if n := tunnels.Load(); n != 0 {
		t.Fatalf("%d tunnels without a proxy", n)
	}
	// example.com is in httptest's certificate; only the proxy knows a way there.
	if _, err = list(Options{Endpoint: "https://example.com", CAFile: ca, Proxy: proxy.URL}); err != nil || tunnels.Load() != 1 {
		t.Errorf("through the proxy: %v, %d tunnels", err, tunnels.Load())
	}
	if _, err = list(Options{Endpoint: target.URL, CAFile: ca, Proxy: proxy.URL}); err != nil || tunnels.Load() != 1 {
		t.Errorf("loopback goes past the proxy: %v, %d tunnels", err, tunnels.Load())
	}
	if _, err = Load(t.Context(), Options{Region: "x", CAFile: proxyFile(t)}); err == nil || !strings.Contains(err.Error(), "PEM") {
		t.Errorf("a CA file without certificates: got %v", err)
	}
}

func TestMetadataGoesPastTheProxy(t *testing.T) {
	o := Options{Proxy: "http://proxy.example.com:3128"}
	for raw, through := range map[string]bool{
		"http://169.254.169.254/latest": false, "http://169.254.170.2/v2": false, "http://[fd00:ec2::254]/": false, "http://127.0.0.1:1/": false,
		"https://kinesis.us-east-1.amazonaws.com/": true,
	} {
		req, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, raw, nil)
		if u, err := o.proxy()(req); err != nil || (u != nil) != through {
			t.Errorf("%s: proxy %v, %v", raw, u, err)
		}
	}
}

func proxyFile(t *testing.T) string {
	p := filepath.Join(t.TempDir(), "empty.pem")
	writeFile(t, p, "no certificate")
	return p
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func unset(t *testing.T, name string) {
	t.Helper()
	t.Setenv(name, "") // restores it afterwards
	if err := os.Unsetenv(name); err != nil {
		t.Fatal(err)
	}
}
