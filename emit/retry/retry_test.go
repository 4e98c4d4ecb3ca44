package retry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// answer is an error as the SDK returns it: an operation's error around the HTTP response's around the service's.
func answer(status int, code string) error {
	inner := errors.New("not a document of the service")
	if code != "" {
		inner = &smithy.GenericAPIError{Code: code, Message: "said so"}
	}
	return &smithy.OperationError{ServiceID: "Kinesis", OperationName: "PutRecords", Err: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}}, Err: inner,
	}}
}

func sent(err error) error {
	return &smithy.OperationError{ServiceID: "Kinesis", OperationName: "PutRecords", Err: &smithyhttp.RequestSendError{
		Err: &url.Error{Op: "Post", URL: "https://kinesis.eu-west-1.amazonaws.com/", Err: err},
	}}
}

// TestTable repeats the table in the words of DESIGN.md section 8, so that a row that changes its class by accident is seen.
func TestTable(t *testing.T) {
	want := map[Class][]string{
		Throttle: {
			"BandwidthLimitExceeded", "KMSThrottlingException", "LimitExceededException", "ProvisionedThroughputExceeded",
			"ProvisionedThroughputExceededException", "RequestLimitExceeded", "RequestThrottled", "RequestThrottledException",
			"ServiceUnavailableException", "SlowDown", "ThrottledException", "Throttling", "ThrottlingException",
			"TooManyRequestsException",
		},
		Transient: {
			"InternalError", "InternalFailure", "InternalFailureException", "InternalServerError", "InternalServiceError",
			"InternalServiceException", "InternalServiceFault", "RequestAbortedException", "RequestExpired", "RequestInTheFuture",
			"RequestTimeTooSkewed", "RequestTimeout", "RequestTimeoutException", "ResourceInUseException", "ServiceFailure",
			"ServiceUnavailable",
		},
		Credentials: {
			"AuthFailure", "CredentialsNotAvailable", "ExpiredToken", "ExpiredTokenException", "ExpiredTokenForAssumeRoleWithWebToken",
			"IncompleteSignature", "IncompleteSignatureException", "InvalidAccessKeyId", "InvalidClientTokenId",
			"InvalidSignatureException", "InvalidToken", "MissingAuthenticationToken", "MissingAuthenticationTokenException",
			"SignatureDoesNotMatch", "TokenRefreshRequired", "UnrecognizedClientException",
		},
		Configuration: {
			"AccessDenied", "AccessDeniedException", "InvalidAction", "InvalidKMSResourceException", "InvalidParameterCombination",
			"InvalidSourceException", "KMSAccessDeniedException", "KMSDisabledException", "KMSInvalidStateException",
			"KMSNotFoundException", "KMSOptInRequired", "MalformedHttpRequestException", "NotAuthorized", "OptInRequired",
			"ResourceNotFound", "ResourceNotFoundException", "SubscriptionRequiredException", "UnauthorizedOperation",
			"UnknownOperationException", "UnsupportedOperationException", "UnsupportedProtocolException",
		},
		Data: {
			"InvalidArgumentException", "InvalidParameterValue", "RequestEntityTooLargeException", "SerializationException",
			"ValidationError", "ValidationException",
		},
	}
	rows := 0
	for class, list := range want {
		for _, code := range list {
			rows++
			t.Run(code, func(t *testing.T) {
				if got := Classify(answer(400, code)); got.Class != class || got.Code != code || got.Unknown {
					t.Errorf("of the request: %+v, want class %v, outcome known", got, class)
				}
				if got := Record(code, "m"); got.Class != class {
					t.Errorf("of one record: %+v, want class %v", got, class)
				}
			})
		}
	}
	if rows != len(codes) {
		t.Errorf("%d rows are tested, the table has %d: %v", rows, len(codes), slices.Sorted(maps.Keys(codes)))
	}
}

func TestClassify(t *testing.T) {
	_, noFile := os.Open("/nonexistent/kinetail")
	tests := []struct {
		name    string
		err     error
		class   Class
		code    string
		unknown bool
		large   bool
	}{
		{"no error", nil, None, "", false, false},
		{"500 with a code", answer(500, "InternalFailure"), Transient, "InternalFailure", true, false},
		{"503 with Firehose's code", answer(503, "ServiceUnavailableException"), Throttle, "ServiceUnavailableException", false, false},
		{"bare 500", answer(500, ""), Transient, "http 500", true, false},
		{"bare 502", answer(502, ""), Transient, "http 502", true, false},
		{"bare 503", answer(503, ""), Transient, "http 503", true, false},
		{"bare 504", answer(504, ""), Transient, "http 504", true, false},
		{"bare 429", answer(429, ""), Throttle, "http 429", false, false},
		{"bare 408", answer(408, ""), Transient, "http 408", true, false},
		{"bare 413", answer(413, ""), Data, "http 413", false, true},
		{"413 with a code", answer(413, "RequestEntityTooLargeException"), Data, "RequestEntityTooLargeException", false, true},
		{"413 with a code of its own", answer(413, "BodyTooBig"), Data, "BodyTooBig", false, true},
		{"bare 400", answer(400, ""), Data, "http 400", false, false},
		{"bare 401", answer(401, ""), Configuration, "http 401", false, false},
		{"bare 403", answer(403, ""), Configuration, "http 403", false, false},
		{"bare 404", answer(404, ""), Configuration, "http 404", false, false},
		{"bare 407, a proxy", answer(407, ""), Configuration, "http 407", false, false},
		{"redirected", answer(301, ""), Configuration, "http 301", false, false},
		{"200 that cannot be read", answer(200, ""), Transient, "http 200", true, false},
		{"a code not known yet, 400", answer(400, "NewException"), Data, "NewException", false, false},
		{"a code not known yet, 500", answer(500, "NewException"), Transient, "NewException", true, false},
		{"the SDK's unknown code", answer(502, "UnknownError"), Transient, "http 502", true, false},

		{"NXDOMAIN", sent(&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", IsNotFound: true}}), Transient, "dns", false, false},
		{"refused", sent(&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}), Transient, "connection refused", false, false},
		{"no route", sent(&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EHOSTUNREACH)}), Transient, "no route", false, false},
		{"no network", sent(&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ENETUNREACH)}), Transient, "no route", false, false},
		{"connecting takes too long", sent(&net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}), Transient, "connect", false, false},
		{"proxy refuses", sent(&net.OpError{Op: "proxyconnect", Err: errors.New("Bad Gateway")}), Transient, "connect", false, false},
		{"reset", sent(&net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}), Transient, "reset", true, false},
		{"broken pipe", sent(&net.OpError{Op: "write", Err: os.NewSyscallError("write", syscall.EPIPE)}), Transient, "reset", true, false},
		{"no answer in time", sent(context.DeadlineExceeded), Transient, "timeout", true, false},
		{"read deadline", sent(&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}), Transient, "timeout", true, false},
		{"stopped", sent(context.Canceled), Transient, "canceled", true, false},
		{"cut off", sent(io.ErrUnexpectedEOF), Transient, "network", true, false},
		{"wrong count", fmt.Errorf("PutRecords: %w: 3 for 4", ErrAnswer), Transient, "answer", true, false},
		{"unknown CA", sent(&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}), Configuration, "tls", false, false},
		{"another host's certificate", sent(x509.HostnameError{Host: "h", Certificate: &x509.Certificate{}}), Configuration, "tls", false, false},
		{"no TLS there", sent(tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}), Configuration, "tls", false, false},
		{"no region", errors.New("failed to resolve service endpoint, endpoint rule error, Invalid Configuration: Missing Region"), Configuration, "endpoint", false, false},
		{"no credentials", fmt.Errorf("get identity: %w", fmt.Errorf("get credentials: %w", noFile)), Credentials, "no credentials", false, false},
		{"STS is down", fmt.Errorf("get identity: %w", answer(500, "InternalFailure")), Credentials, "InternalFailure", false, false},
		{"STS says no", fmt.Errorf("get identity: %w", answer(403, "AccessDenied")), Configuration, "AccessDenied", false, false},
		{"the role is no role", fmt.Errorf("get identity: %w", answer(400, "ValidationError")), Configuration, "ValidationError", false, false},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			got := Classify(tc.err)
			if got.Class != tc.class || got.Code != tc.code || got.Unknown != tc.unknown || got.TooLarge != tc.large {
				t.Errorf("got %+v, want class %v, code %q, unknown %v, too large %v", got, tc.class, tc.code, tc.unknown, tc.large)
			}
		})
	}
}

func TestRecord(t *testing.T) {
	if got := Record("", ""); got.Class != None {
		t.Errorf("an accepted record is %v", got.Class)
	}
	if got := Record("NeverHeardOf", ""); got.Class != Transient || got.Unknown {
		t.Errorf("an unknown code of one record is %+v: it was not stored, so it is sent again", got)
	}
}

func TestBackoff(t *testing.T) {
	b := Backoff{Base: 100 * time.Millisecond, Cap: time.Second}
	for n, ms := range []int{100, 100, 200, 400, 800, 1000, 1000} {
		most := time.Duration(ms) * time.Millisecond
		var longest time.Duration
		for range 2000 {
			d := b.Delay(n)
			if d < 0 || d > most {
				t.Fatalf("wait %d is %v, more than %v", n, d, most)
			}
			longest = max(longest, d)
		}
		if longest < most*9/10 {
			t.Errorf("wait %d: the longest of 2000 is %v, full jitter reaches %v", n, longest, most)
		}
	}
	if d := b.Delay(1 << 30); d > b.Cap {
		t.Errorf("wait 2^30 is %v", d)
	}
	for range 1000 {
		if d := Jitter(30 * time.Second); d < 24*time.Second || d > 36*time.Second {
			t.Fatalf("jittered 30s is %v", d)
		}
	}
}

// People read where it was tried and what came of it, not the SDK's account of an answer that there was not.
func TestUnreachableIsSaidShortly(t *testing.T) {
	refused := &url.Error{Op: "Post", URL: "http://127.0.0.1:9/", Err: &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}}
	err := &smithy.OperationError{ServiceID: "Kinesis", OperationName: "PutRecords", Err: &smithyhttp.RequestSendError{Err: refused}}
	want := "connection refused: http://127.0.0.1:9/: dial tcp: connect: connection refused"
	if got := Classify(fmt.Errorf("send 1 records: %w", err)).String(); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
