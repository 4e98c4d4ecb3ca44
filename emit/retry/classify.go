package retry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// ErrAnswer is what a sender returns when an answer came but cannot be understood, such as one that counts other records than
// were sent: the outcome is unknown.
var ErrAnswer = errors.New("the service's answer does not fit the request")

// Record classes the error code that a service gave for one record of a request that it otherwise accepted.
func Record(code, message string) Fault {
	f := Fault{Code: code, Message: message}
	if code == "" {
		return f
	}
	class, ok := codes[code]
	if !ok {
		// A record's code that is not known yet: the service says nothing about the others, so sending again is safe.
		class = Transient
	}
	f.Class = class
	return f
}

// Classify says what the error of a whole request means.
func Classify(err error) Fault {
	if err == nil {
		return Fault{}
	}
	// Credentials that could not be had never reached the service. The SDK has no type for it: its signing middleware
	// wraps what the provider said, which may itself be an answer of STS.
	if strings.Contains(err.Error(), "get identity: ") {
		return identity(err)
	}
	status := 0
	if re, ok := errors.AsType[*smithyhttp.ResponseError](err); ok && re.Response != nil {
		status = re.HTTPStatusCode()
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return fromAPI(api, status)
	}
	if status != 0 {
		return fromStatus(status, err)
	}
	return fromNetwork(err)
}

// identity classes what the provider of credentials said.
func identity(err error) Fault {
	f := Fault{Class: Credentials, Code: "no credentials", Message: err.Error()}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		f.Code = api.ErrorCode()
		if c := codes[f.Code]; c == Configuration || c == Data {
			f.Class = Configuration // the role, or its trust, is not what the configuration says
		}
	}
	return f
}

func fromAPI(api smithy.APIError, status int) Fault {
	f := Fault{Code: api.ErrorCode(), Message: api.ErrorMessage()}
	class, ok := codes[f.Code]
	if !ok {
		s := fromStatus(status, api)
		if f.Code == "" || f.Code == "UnknownError" {
			f.Code = s.Code
		}
		f.Class, f.Unknown, f.TooLarge = s.Class, s.Unknown, s.TooLarge
		return f
	}
	f.Class = class
	f.Unknown = class == Transient && status >= 500
	f.TooLarge = status == http.StatusRequestEntityTooLarge || f.Code == "RequestEntityTooLargeException"
	return f
}

// fromStatus decides where no code of the service is known: often something between here and the service has answered.
func fromStatus(status int, err error) Fault {
	f := Fault{Code: fmt.Sprintf("http %d", status), Message: err.Error()}
	switch {
	case status == http.StatusTooManyRequests:
		f.Class = Throttle
	case status == http.StatusRequestTimeout:
		f.Class, f.Unknown = Transient, true
	case status == http.StatusRequestEntityTooLarge:
		f.Class, f.TooLarge = Data, true
	case status == http.StatusBadRequest:
		f.Class = Data
	case status >= 300 && status < 500:
		f.Class = Configuration
	default:
		// 5xx, a 2xx whose body could not be read, and no answer at all.
		f.Class, f.Unknown = Transient, true
	}
	return f
}

// notSent are the errors after which the service cannot have seen the request.
var notSent = []struct {
	errno syscall.Errno
	code  string
}{
	{syscall.ECONNREFUSED, "connection refused"},
	{syscall.ENETUNREACH, "no route"},
	{syscall.EHOSTUNREACH, "no route"},
	{syscall.EADDRNOTAVAIL, "no address"},
	{syscall.EMFILE, "too many open files"},
}

func fromNetwork(err error) Fault {
	f := Fault{Class: Transient, Message: err.Error()}
	if at, ok := errors.AsType[*url.Error](err); ok {
		f.Message = at.URL + ": " + at.Err.Error() // without what the SDK says around it, of an answer that there was not
	}
	if certificate(err) {
		f.Class, f.Code = Configuration, "tls"
		return f
	}
	// An endpoint that cannot be made of what is configured, such as no region, has no type of its own either.
	if strings.Contains(f.Message, "failed to resolve service endpoint") {
		f.Class, f.Code = Configuration, "endpoint"
		return f
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		f.Code = "dns"
		return f
	}
	for _, n := range notSent {
		if errors.Is(err, n.errno) {
			f.Code = n.code
			return f
		}
	}
	op, isOp := errors.AsType[*net.OpError](err)
	if isOp && (op.Op == "dial" || op.Op == "proxyconnect") {
		f.Code = "connect"
		return f
	}
	f.Unknown = true
	f.Code = "network"
	ne, isNet := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, ErrAnswer):
		f.Code = "answer"
	case errors.Is(err, context.DeadlineExceeded), isNet && ne.Timeout():
		f.Code = "timeout"
	case errors.Is(err, context.Canceled):
		f.Code = "canceled"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		f.Code = "reset"
	}
	return f
}

func certificate(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return true
	}
	_, ok := errors.AsType[tls.RecordHeaderError](err)
	return ok
}
