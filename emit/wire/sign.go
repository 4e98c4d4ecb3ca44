package wire

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go/encoding/httpbinding"
)

// scope is for what a head's requests are signed, and which of its headers. The SDK's signer sorts, escapes and joins for each request what is the
// same in all, in ninety allocations: that was a fifteenth of what 500 lines take. It is the judge in the tests.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
type scope struct {
	service, region string
	path            string
	names           []string // of headers, in lower case and sorted; without the session token

	mu  sync.Mutex
	day string // of key
	key []byte
	of  string // the secret that it is of
}

const (
	algorithm = "AWS4-HMAC-SHA256"
	token     = "x-amz-security-token"
	dateTime  = "20060102T150405Z"
)

// scopeOf is what the SDK has signed a request for, which its Authorization tells; nil where it has not signed it.
func scopeOf(req *http.Request) *scope {
	_, rest, _ := strings.Cut(req.Header.Get("Authorization"), "Credential=")
	credential, rest, _ := strings.Cut(rest, ",")
	_, rest, _ = strings.Cut(rest, "SignedHeaders=")
	names, _, _ := strings.Cut(rest, ",")
	parts := strings.Split(credential, "/")
	if len(parts) < 5 || names == "" {
		return nil
	}
	path := req.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	return &scope{
		service: parts[len(parts)-2], region: parts[len(parts)-3], path: httpbinding.EscapePath(path, false),
		names: slices.DeleteFunc(strings.Split(names, ";"), func(name string) bool { return name == token || strings.HasPrefix(name, "amz-sdk-") }),
	}
}

// sign sets the headers that make req one of who's, whose body has the hash.
func (s *scope) sign(req *http.Request, who aws.Credentials, hash [sha256.Size]byte, at time.Time) {
	date := at.UTC().Format(dateTime)
	day := date[:8]
	req.Header["X-Amz-Date"] = []string{date}
	var room [2048]byte
	names := s.names
	if who.SessionToken != "" {
		req.Header["X-Amz-Security-Token"] = []string{who.SessionToken}
		i, _ := slices.BinarySearch(names, token)
		names = slices.Insert(slices.Clone(names), i, token)
	}
	b := append(room[:0], req.Method...)
	b = append(append(append(b, '\n'), s.path...), "\n\n"...) // there is no query
	for _, name := range names {
		b = append(append(b, name...), ':')
		switch name {
		case "host":
			b = append(b, cmp.Or(req.Host, req.URL.Host)...)
		case "content-length":
			b = strconv.AppendInt(b, req.ContentLength, 10)
		default:
			b = append(b, strings.TrimSpace(req.Header.Get(name))...)
		}
		b = append(b, '\n')
	}
	b = appendJoined(append(b, '\n'), names)
	b = hex.AppendEncode(append(b, '\n'), hash[:])
	canonical := sha256.Sum256(b)

	b = append(append(append(b[:0], algorithm...), '\n'), date...)
	b = s.append(append(b, '\n'), day)
	b = hex.AppendEncode(append(b, '\n'), canonical[:])
	signature := mac(s.derived(who.SecretAccessKey, day), b)

	b = append(append(b[:0], algorithm+" Credential="...), who.AccessKeyID...)
	b = s.append(append(b, '/'), day)
	b = appendJoined(append(b, ", SignedHeaders="...), names)
	b = hex.AppendEncode(append(b, ", Signature="...), signature)
	req.Header["Authorization"] = []string{string(b)}
}

func (s *scope) append(b []byte, day string) []byte {
	b = append(append(append(b, day...), '/'), s.region...)
	return append(append(append(b, '/'), s.service...), "/aws4_request"...)
}

func appendJoined(b []byte, names []string) []byte {
	for i, name := range names {
		if i > 0 {
			b = append(b, ';')
		}
		b = append(b, name...)
	}
	return b
}

// derived is the key of a day, which is made once.
func (s *scope) derived(secret, day string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.key == nil || s.day != day || s.of != secret {
		key := mac([]byte("AWS4"+secret), []byte(day))
		for _, next := range []string{s.region, s.service, "aws4_request"} {
			key = mac(key, []byte(next))
		}
		s.day, s.of, s.key = day, secret, key
	}
	return s.key
}

func mac(key, text []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(text)
	return h.Sum(nil)
}
