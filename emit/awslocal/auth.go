package awslocal

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxSkew is how far a signature's time may be off (docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html).
const maxSkew = 5 * time.Minute

// keyring holds the credentials that are verified.
type keyring struct {
	mu     sync.Mutex
	only   bool // callers without a key of this ring are refused
	keys   map[string]Credential
	issued int
}

func (k *keyring) init(configured []Credential) {
	k.keys = map[string]Credential{}
	for _, c := range configured {
		k.keys[c.AccessKeyID] = c
	}
	k.only = len(configured) > 0
}

// maxIssued bounds what a caller that never stops assuming roles can make the server remember.
const maxIssued = 100_000

// issue makes credentials as STS and the instance metadata do.
func (s *Server) issue() Credential {
	s.keys.mu.Lock()
	defer s.keys.mu.Unlock()
	s.keys.issued++
	c := Credential{
		AccessKeyID:     fmt.Sprintf("ASIALOCAL%011d", s.keys.issued),
		SecretAccessKey: fmt.Sprintf("secret/%033d", s.keys.issued),
		SessionToken:    fmt.Sprintf("token/%034d", s.keys.issued),
		Expires:         s.opts.Now().Add(s.opts.CredentialLifetime),
	}
	if len(s.keys.keys) < maxIssued {
		s.keys.keys[c.AccessKeyID] = c
	}
	return c
}

// authorization is what an AWS4-HMAC-SHA256 header says.
type authorization struct {
	accessKey, scope, signature string
	headers                     []string
	ok                          bool
}

func parseAuthorization(h string) authorization {
	var a authorization
	rest, ok := strings.CutPrefix(h, "AWS4-HMAC-SHA256 ")
	if !ok {
		return a
	}
	for part := range strings.SplitSeq(rest, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch key {
		case "Credential":
			a.accessKey, a.scope, _ = strings.Cut(value, "/")
		case "SignedHeaders":
			a.headers = strings.Split(value, ";")
		case "Signature":
			a.signature = value
		}
	}
	a.ok = a.accessKey != "" && strings.Count(a.scope, "/") == 3 && len(a.headers) > 0 && a.signature != ""
	return a
}

// authenticate looks at who calls: an access key id is a must, a signature is verified when its secret is known.
func (s *Server) authenticate(c *call) error {
	if c.r.Header.Get("Authorization") == "" {
		return clientError("MissingAuthenticationTokenException", "Missing Authentication Token")
	}
	a := parseAuthorization(c.r.Header.Get("Authorization"))
	if !a.ok {
		return clientError("IncompleteSignatureException", "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. Authorization=%s",
			strings.SplitN(c.r.Header.Get("Authorization"), " ", 2)[0])
	}
	s.keys.mu.Lock()
	key, known := s.keys.keys[a.accessKey]
	only := s.keys.only
	s.keys.mu.Unlock()
	if !known && only {
		return clientError("UnrecognizedClientException", "The security token included in the request is invalid.")
	}
	clock := c.now.Add(time.Duration(s.skew.Load()))
	if !known && s.skew.Load() == 0 {
		return nil
	}
	signed, err := time.Parse("20060102T150405Z", c.r.Header.Get("X-Amz-Date"))
	if err != nil {
		return clientError("IncompleteSignatureException", "Date must be in ISO-8601 'basic format'. Got '%s'. See http://en.wikipedia.org/wiki/ISO_8601", c.r.Header.Get("X-Amz-Date"))
	}
	const basic = "20060102T150405Z"
	switch off := clock.Sub(signed); {
	case off > maxSkew:
		return clientError(s.opts.SkewCode, "Signature expired: %s is now earlier than %s (%s - 5 min.)",
			signed.Format(basic), clock.Add(-maxSkew).UTC().Format(basic), clock.UTC().Format(basic))
	case off < -maxSkew:
		return clientError(s.opts.SkewCode, "Signature not yet current: %s is still later than %s (%s + 5 min.)",
			signed.Format(basic), clock.Add(maxSkew).UTC().Format(basic), clock.UTC().Format(basic))
	}
	if !known {
		return nil
	}
	if key.SessionToken != c.r.Header.Get("X-Amz-Security-Token") {
		return clientError("UnrecognizedClientException", "The security token included in the request is invalid.")
	}
	if !key.Expires.IsZero() && !c.now.Before(key.Expires) {
		return clientError("ExpiredTokenException", "The security token included in the request is expired")
	}
	if want := sign(c, a, key.SecretAccessKey); !hmac.Equal([]byte(want), []byte(a.signature)) {
		return clientError("InvalidSignatureException", "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	}
	return nil
}

// sign computes the signature that a should have
// (docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
func sign(c *call, a authorization, secret string) string {
	var canonical strings.Builder
	path := c.r.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	fmt.Fprintf(&canonical, "%s\n%s\n%s\n", c.r.Method, path, c.r.URL.RawQuery)
	headers := slices.Clone(a.headers)
	slices.Sort(headers)
	for _, name := range headers {
		fmt.Fprintf(&canonical, "%s:%s\n", name, signedHeader(c.r, name))
	}
	payload := sha256.Sum256(c.wire)
	fmt.Fprintf(&canonical, "\n%s\n%s", strings.Join(headers, ";"), hex.EncodeToString(payload[:]))
	hashed := sha256.Sum256([]byte(canonical.String()))
	toSign := fmt.Sprintf("AWS4-HMAC-SHA256\n%s\n%s\n%s", c.r.Header.Get("X-Amz-Date"), a.scope, hex.EncodeToString(hashed[:]))
	key := []byte("AWS4" + secret)
	for part := range strings.SplitSeq(a.scope, "/") {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, toSign))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// signedHeader is a header's value in its canonical form; some that were signed are not among r.Header.
func signedHeader(r *http.Request, name string) string {
	switch name {
	case "host":
		return r.Host
	case "content-length":
		return fmt.Sprint(r.ContentLength)
	}
	values := slices.Clone(r.Header.Values(name))
	for i, v := range values {
		values[i] = strings.Join(strings.Fields(v), " ")
	}
	return strings.Join(values, ",")
}
