package awsconfig

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"github.com/kinetail/kinetail/emit/buffer"
	"github.com/kinetail/kinetail/emit/wire"
)

// Time-outs of a request's stages. There is none for the whole: ten megabytes over a slow line may take minutes, and a caller that
// wants one sets it in the context.
const (
	dialTimeout   = 10 * time.Second
	tlsTimeout    = 10 * time.Second
	writeTimeout  = 30 * time.Second // for each write to the socket, so a slow line is fine and a dead one is noticed
	headerTimeout = 60 * time.Second // from the end of the request to the head of the answer
	bodyTimeout   = 30 * time.Second // from the head of the answer to its end
	idleTimeout   = 50 * time.Second // below the services' own, which is a minute or more
	maxConns      = 64               // per host
)

// transport says how connections are made. It is the one place where the proxy, the authorities and the time-outs are set.
func (o *Options) transport() (*http.Transport, error) {
	roots, err := o.roots()
	if err != nil {
		return nil, err
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true) // the services gain nothing by HTTP/2, and one stalled connection would hold up every lane
	return &http.Transport{
		Proxy:                  o.proxy(),
		DialContext:            dialWithWriteTimeout((&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext),
		TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    tlsTimeout,
		ResponseHeaderTimeout:  headerTimeout,
		ExpectContinueTimeout:  time.Second,
		IdleConnTimeout:        idleTimeout,
		MaxIdleConns:           maxConns,
		MaxIdleConnsPerHost:    maxConns,
		MaxConnsPerHost:        maxConns,
		MaxResponseHeaderBytes: 1 << 20,
		Protocols:              protocols,
	}, nil
}

// proxy passes by everything on this machine or its link: the metadata services live there and no proxy can reach them. It is asked about
// every request, of the credential providers too, and so it knows who is contacted.
func (o *Options) proxy() func(*http.Request) (*url.URL, error) {
	fixed, _ := url.Parse(o.Proxy)
	return func(req *http.Request) (*url.URL, error) {
		if o.Contacted != nil {
			o.Contacted(req.URL.Host)
		}
		host := req.URL.Hostname()
		if isLoopback(host) || isMetadata(host) {
			return nil, nil
		}
		if o.Proxy != "" {
			return fixed, nil
		}
		return http.ProxyFromEnvironment(req)
	}
}

// isMetadata says whether host is an address of the instance, task or pod metadata services.
func isMetadata(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && (ip.IsLinkLocalUnicast() || ip.Equal(net.ParseIP("fd00:ec2::254")) || ip.Equal(net.ParseIP("fd00:ec2::23")))
}

// roots is nil, meaning the system's, or those and the ones of CAFile.
func (o *Options) roots() (*x509.CertPool, error) {
	if o.CAFile == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(o.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read aws ca_file: %w", err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read aws ca_file %q: no certificate in it; it has to be in PEM form", o.CAFile)
	}
	return roots, nil
}

// chainClient is for the SDK's credential providers, which each adapt a client of this type to their own time-outs.
func chainClient(t *http.Transport) *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTransportOptions(func(tr *http.Transport) {
		tr.Proxy = t.Proxy
		tr.TLSClientConfig = t.TLSClientConfig.Clone()
		tr.ResponseHeaderTimeout = tlsTimeout
		tr.Protocols = t.Protocols
		tr.ForceAttemptHTTP2 = false
		tr.IdleConnTimeout = time.Second // asked once an hour: no connection is worth keeping
	})
}

// client sends requests over one transport without following redirects: a signed request is for one host.
type client struct{ http *http.Client }

func newClient(t *http.Transport) *client {
	return &client{http: &http.Client{
		Transport:     t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

var errBodyTimeout = errors.New("the answer began and did not end within " + bodyTimeout.String())

// Do sends req and gives its answer's body bodyTimeout to arrive.
func (c *client) Do(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	if _, ours := req.Body.(*wire.Body); req.Body != nil && !ours {
		req.Body = readOnly{req.Body}
	}
	resp, err := c.http.Do(req.WithContext(ctx))
	if err != nil {
		cancel(nil)
		return nil, err
	}
	timer := time.AfterFunc(bodyTimeout, func() { cancel(errBodyTimeout) })
	resp.Body = &timedBody{ReadCloser: resp.Body, ctx: ctx, done: func() { timer.Stop(); cancel(nil) }}
	return resp, nil
}

// readOnly hides a body's WriteTo. The SDK closes the body as soon as there is an answer, while http.Transport may still be about to look
// whether the body has ended; its WriteTo then says io.EOF as an error, and the transport closes the connection under the answer. That
// made every hundredth request to a fast endpoint fail, its records sent twice.
type readOnly struct{ io.ReadCloser }

type timedBody struct {
	io.ReadCloser
	ctx  context.Context
	done func()
}

func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) && errors.Is(context.Cause(b.ctx), errBodyTimeout) {
		err = errBodyTimeout
	}
	return n, err
}

func (b *timedBody) Close() error {
	err := b.ReadCloser.Close()
	b.done()
	return err
}

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

func dialWithWriteTimeout(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &writeTimeoutConn{conn}, nil
	}
}

// writeTimeoutConn gives each write writeTimeout, because http.Transport has none: a peer that stops reading would hold a request
// until the kernel gives up, a quarter of an hour later. Nothing gets past it by ReadFrom.
type writeTimeoutConn struct{ net.Conn }

func (c *writeTimeoutConn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// copyBytes is how much of a body is written at once. io.Copy takes half of that, and a new buffer for each request.
const copyBytes = 64 << 10

// ReadFrom is what http.Transport hands a body to. One of ours goes to the kernel as it is, without being copied.
func (c *writeTimeoutConn) ReadFrom(r io.Reader) (int64, error) {
	if l, ok := r.(*io.LimitedReader); ok {
		if b, ok := l.R.(*wire.Body); ok {
			return c.write(b)
		}
	}
	b := buffer.Get(copyBytes)
	defer buffer.Put(b)
	return io.CopyBuffer(struct{ io.Writer }{c}, r, (*b)[:copyBytes])
}

// write gives a body as long as it takes, while some of it gets through in each writeTimeout.
func (c *writeTimeoutConn) write(b *wire.Body) (total int64, err error) {
	for {
		if err := c.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
			return total, err
		}
		n, err := b.WriteTo(c.Conn)
		total += n
		if n == 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return total, err
		}
	}
}
