package awsconfig

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/kinetail/kinetail/emit/retry"
	"github.com/kinetail/kinetail/emit/wire"
)

// closedBody is a request body as the SDK makes them: once closed, Read ends and WriteTo fails. It is closed as soon as its bytes are
// out, as if the answer had been quicker than the transport.
type closedBody struct {
	r      *strings.Reader
	closed atomic.Bool
}

func (b *closedBody) Read(p []byte) (int, error) { return b.r.Read(p) }
func (b *closedBody) Close() error               { b.closed.Store(true); return nil }

func (b *closedBody) WriteTo(w io.Writer) (int64, error) {
	if b.r.Len() == 0 {
		return 0, io.EOF
	}
	return b.r.WriteTo(w)
}

func TestABodyClosedByAQuickAnswerKeepsTheConnection(t *testing.T) {
	peers := map[string]bool{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peers[r.RemoteAddr] = true
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	defer srv.Close()
	o := &Options{}
	transport, err := o.transport()
	if err != nil {
		t.Fatal(err)
	}
	defer transport.CloseIdleConnections()
	for range 20 {
		const text = "a body"
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Body, req.ContentLength = &closedBody{r: strings.NewReader(text)}, int64(len(text))
		resp, err := newClient(transport).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Error(err)
		}
		_ = resp.Body.Close()
	}
	if len(peers) != 1 {
		t.Errorf("20 requests took %d connections, want 1", len(peers))
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
	transport, err := (&Options{}).transport()
	if err != nil {
		t.Fatal(err)
	}
	defer transport.CloseIdleConnections()
	stream := wire.NewStream(kinesis.New(kinesis.Options{
		Region: "us-east-1", BaseEndpoint: &srv.URL, HTTPClient: newClient(transport), Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
	}), aws.String("s"), nil)
	data := make([]byte, 3000) // copied into the body
	for range 50 {
		err := stream.Put(t.Context(), &wire.Request{
			Len:    500,
			Record: func(int) wire.Record { return wire.Record{Data: data, Key: []byte("a")} },
			Result: func(int, *wire.Result) { t.Error("a result") },
		})
		if retry.Classify(err).Class == retry.None {
			t.Fatal("it was accepted")
		}
	}
}
