package awsconfig

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
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
