package wire

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/smithy-go/middleware"
	"github.com/google/go-cmp/cmp"

	"github.com/kinetail/kinetail/emit/awslocal"
	"github.com/kinetail/kinetail/emit/retry"
)

// recorder keeps the last request and answers nothing.
type recorder struct {
	req  *http.Request
	hash string // of its body
}

var errRecorded = errors.New("recorded")

func (r *recorder) Do(req *http.Request) (*http.Response, error) {
	r.req = req
	text, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	r.hash = fmt.Sprintf("%x", sha256.Sum256(text))
	return nil, errRecorded
}

// Where a request goes and what its head says is what the SDK says, but for what is made for each request.
func TestHeadsAreTheSDKs(t *testing.T) {
	const arn = "arn:aws:kinesis:eu-west-1:123456789012:stream/s"
	seen := map[string]bool{}
	for _, region := range []string{"eu-west-1", "cn-north-1", "us-gov-west-1", "us-isob-east-1", ""} {
		for _, endpoint := range []string{"", "https://k.example.com:8443/some/p%20th", "http://localhost:4567", "https://k.example.com:443", "http://[::1]:4567", "http://[fe80::1%25lo]:80/a/../b//c"} {
			for flags := range 8 {
				var name, by *string
				if flags&4 == 0 {
					name = aws.String("s")
				} else {
					by = aws.String(arn)
				}
				var rec recorder
				token := ""
				if flags&1 == 0 {
					token = "a/token=="
				}
				cfg := aws.Config{
					Region: region, HTTPClient: &rec, Credentials: credentials.NewStaticCredentialsProvider("AKIDTEST", "b", token),
					Retryer: func() aws.Retryer { return aws.NopRetryer{} }, AppID: "app",
					APIOptions: []func(*middleware.Stack) error{awsmiddleware.AddUserAgentKeyValue("kinetail", "1")},
				}
				client := kinesis.NewFromConfig(cfg, func(o *kinesis.Options) {
					if endpoint != "" {
						o.BaseEndpoint = &endpoint
					}
					if flags&1 > 0 {
						o.EndpointOptions.UseFIPSEndpoint = aws.FIPSEndpointStateEnabled
					}
					if flags&2 > 0 {
						o.EndpointOptions.UseDualStackEndpoint = aws.DualStackEndpointStateEnabled
					}
				})
				_, theirErr := client.PutRecords(t.Context(), &kinesis.PutRecordsInput{StreamName: name, StreamARN: by, Records: records(1)})
				theirs := rec.req
				rec.req = nil
				ourErr := NewStream(client, name, by).Put(t.Context(), requestOf(records(1), nil))
				ours := rec.req
				if (theirs == nil) != (ours == nil) || errors.Is(theirErr, errRecorded) != errors.Is(ourErr, errRecorded) {
					t.Fatalf("%s %s %d: the SDK says %v, we say %v", region, endpoint, flags, theirErr, ourErr)
				}
				if ours == nil {
					if theirErr.Error() != ourErr.Error() {
						t.Errorf("%s %s %d: the SDK says %v, we say %v", region, endpoint, flags, theirErr, ourErr)
					}
					continue
				}
				seen[ours.URL.String()] = true
				if ours.Method != theirs.Method || ours.URL.String() != theirs.URL.String() || ours.Host != theirs.Host {
					t.Errorf("%s %s with host %q, the SDK sends %s %s with host %q", ours.Method, ours.URL, ours.Host, theirs.Method, theirs.URL, theirs.Host)
				}
				a, b := theirs.Header.Clone(), ours.Header.Clone()
				for _, h := range perRequest {
					if (a.Get(h) == "") != (b.Get(h) == "") && !strings.HasPrefix(h, "Amz-Sdk-") && h != "Content-Length" {
						t.Errorf("%s: %q, the SDK says %q", h, b.Get(h), a.Get(h))
					}
					a.Del(h)
					b.Del(h)
				}
				if diff := cmp.Diff(a, b); diff != "" {
					t.Errorf("the head is another:\n%s", diff)
				}
				if err := signedAsTheSDK(t, ours, rec.hash); err != nil {
					t.Error(err)
				}
				of, want := scopeOf(ours), scopeOf(theirs)
				if of.service != want.service || of.region != want.region || of.service != "kinesis" || !slices.Equal(of.names, want.names) {
					t.Errorf("signed for %s in %s with %v, the SDK for %s in %s with %v", of.service, of.region, of.names, want.service, want.region, want.names)
				}
			}
		}
	}
	if len(seen) < 15 {
		t.Errorf("only %d different URLs: %v", len(seen), seen)
	}
}

// signedAsTheSDK says whether the SDK's signer makes the same of a request.
func signedAsTheSDK(t *testing.T, req *http.Request, hash string) error {
	t.Helper()
	again := req.Clone(t.Context())
	at, err := time.Parse(dateTime, req.Header.Get("X-Amz-Date"))
	if err != nil {
		return err
	}
	for _, h := range []string{"Authorization", "X-Amz-Date", "X-Amz-Security-Token"} {
		again.Header.Del(h)
	}
	of := scopeOf(req)
	who := aws.Credentials{AccessKeyID: "AKIDTEST", SecretAccessKey: "b", SessionToken: req.Header.Get("X-Amz-Security-Token")}
	if err := v4.NewSigner().SignHTTP(t.Context(), who, again, hash, of.service, of.region, at); err != nil {
		return err
	}
	if diff := cmp.Diff(again.Header, req.Header); diff != "" {
		return fmt.Errorf("%s is signed otherwise:\n%s", req.URL, diff)
	}
	return nil
}

// The service verifies our signatures. Credentials are those of the moment, and without any nothing is sent.
func TestSignatures(t *testing.T) {
	srv, err := awslocal.New(awslocal.Options{Streams: []awslocal.StreamConfig{{Name: "s"}}, Credentials: []awslocal.Credential{
		{AccessKeyID: "AKIAGOOD", SecretAccessKey: "good"},
		{AccessKeyID: "ASIASHORT", SecretAccessKey: "short", SessionToken: "token", Expires: time.Now().Add(time.Hour)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	url, err := srv.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	var who aws.Credentials
	var none error
	stream := NewStream(kinesis.NewFromConfig(aws.Config{
		Region: "us-east-1", BaseEndpoint: &url, HTTPClient: srv.Client(), Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return who, none }),
	}), aws.String("s"), nil)
	defer srv.Client().CloseIdleConnections()
	try := func() retry.Fault {
		var results []types.PutRecordsResultEntry
		return retry.Classify(stream.Put(t.Context(), requestOf(records(3), &results)))
	}
	none = errors.New("nobody")
	for _, when := range []string{"before the first request", "later"} {
		if f := try(); f.Class != retry.Credentials || f.Code != "no credentials" || !strings.Contains(f.Message, "nobody") {
			t.Errorf("without credentials, %s: %+v", when, f)
		}
		none = nil
		for _, c := range []struct {
			who  aws.Credentials
			want string
		}{
			{aws.Credentials{AccessKeyID: "AKIAGOOD", SecretAccessKey: "good"}, ""},
			{aws.Credentials{AccessKeyID: "ASIASHORT", SecretAccessKey: "short", SessionToken: "token"}, ""},
			{aws.Credentials{AccessKeyID: "AKIAGOOD", SecretAccessKey: "bad"}, "InvalidSignatureException"},
			{aws.Credentials{AccessKeyID: "ASIASHORT", SecretAccessKey: "short", SessionToken: "other"}, "UnrecognizedClientException"},
			{aws.Credentials{AccessKeyID: "AKIAGOOD", SecretAccessKey: "good"}, ""},
		} {
			who = c.who
			if f := try(); f.Code != c.want {
				t.Errorf("%s: %q, want %q", c.who.AccessKeyID, f.Code, c.want)
			}
		}
		none = errors.New("nobody")
	}
	if n := srv.Counters().Requests["kinesis.PutRecords"]; n != 10 {
		t.Errorf("%d requests were sent", n)
	}
}

// A clock that is wrong costs one request, and so does one that is set right again.
func TestClockSkew(t *testing.T) {
	srv, cfg := serve(t)
	stream := NewStream(kinesis.NewFromConfig(cfg), aws.String("s"), nil)
	for _, off := range []time.Duration{time.Hour, -time.Hour, time.Second} {
		srv.SetFaults(awslocal.Fault{Kind: awslocal.ClockSkew, Delay: off})
		for i := range 3 {
			var results []types.PutRecordsResultEntry
			err := stream.Put(t.Context(), requestOf(records(1), &results))
			if (err == nil) != (i > 0) {
				t.Errorf("the service's clock is off by %v, request %d: %v", off, i, err)
			}
		}
	}
}

// What the SDK's error means and what ours means is the same.
func TestFailuresMeanTheSame(t *testing.T) {
	faults := map[string]awslocal.Fault{
		"cut":       {Kind: awslocal.CutAnswer},
		"lost":      {Kind: awslocal.LostAnswer},
		"reset":     {Kind: awslocal.Reset},
		"slow":      {Kind: awslocal.Latency, Delay: time.Minute},
		"no stream": {Kind: awslocal.Error, Code: "ResourceNotFoundException"},
		"throttled": {Kind: awslocal.Error, Code: "LimitExceededException"},
		"new":       {Kind: awslocal.Error, Code: "NewException"},
		"500":       {Kind: awslocal.Error},
		"503":       {Kind: awslocal.Error, Code: "ServiceUnavailable", Status: 503},
		"a limit":   {Kind: awslocal.BodyLimit, Limit: 10},
	}
	for name, fault := range faults {
		for _, jsonOnly := range []bool{false, true} {
			_, cfg := serveIn(t, jsonOnly, fault)
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			_, theirs := kinesis.NewFromConfig(cfg).PutRecords(ctx, &kinesis.PutRecordsInput{StreamName: aws.String("s"), Records: records(10)})
			cancel()
			ctx, cancel = context.WithTimeout(t.Context(), 200*time.Millisecond)
			_, ours := put(ctx, cfg, "s", records(10))
			cancel()
			want, got := retry.Classify(theirs), retry.Classify(ours)
			if want.Class != got.Class || want.Code != got.Code || want.Unknown != got.Unknown || want.TooLarge != got.TooLarge {
				t.Errorf("%s: %+v (%v), the SDK's is %+v (%v)", name, got, ours, want, theirs)
			}
		}
	}
}

// An answer that comes before the request is read, as a proxy gives one to a body that it will not have, leaves nobody with a freed body.
func TestAnswersBeforeTheBodyIsRead(t *testing.T) {
	var n atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1)%2 == 0 {
			_, _ = io.CopyN(io.Discard, r.Body, 300_000)
		}
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	}))
	defer srv.Close()
	stream := NewStream(kinesis.NewFromConfig(aws.Config{
		Region: "us-east-1", BaseEndpoint: &srv.URL, HTTPClient: srv.Client(), Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}), aws.String("s"), nil)
	data := make([]byte, 3000) // copied into the body
	for range 50 {
		err := stream.Put(t.Context(), &Request{
			Len:    500,
			Record: func(i int) Record { return Record{Data: data, Key: []byte("a")} },
			Result: func(int, *Result) { t.Error("a result") },
		})
		if f := retry.Classify(err); f.Class == retry.None {
			t.Fatalf("%+v", f)
		}
	}
}
