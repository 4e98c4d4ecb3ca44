// Package inprocess calls awslocal without a network, so that tests may let time pass as they like (testing/synctest). Nothing but tests links it.
package inprocess

import (
	"io"
	"net/http"
	"net/http/httptest"
	"syscall"

	"github.com/kinetail/kinetail/emit/awslocal"
)

// Client is the SDK's HTTP client in front of a server.
type Client struct{ *awslocal.Server }

// Do answers as the server would over a connection, whatever its faults do to that.
func (p Client) Do(r *http.Request) (answer *http.Response, err error) {
	w := httptest.NewRecorder()
	defer func() {
		switch v := recover(); {
		case v == nil:
			answer = w.Result()
		case v != any(http.ErrAbortHandler):
			panic(v)
		case r.Context().Err() != nil:
			err = r.Context().Err()
		case w.Body.Len() > 0: // cut off
			answer = w.Result()
			answer.Body = io.NopCloser(io.MultiReader(w.Body, broken{}))
		default:
			err = syscall.ECONNRESET
		}
	}()
	r.RequestURI = r.URL.RequestURI()
	p.ServeHTTP(w, r)
	return nil, nil // see above
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
