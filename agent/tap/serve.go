package tap

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/kinetail/kinetail/agent/status"
)

// Request is what a client asks for.
type Request struct {
	Flow, Step string
	// Where is an expression; empty shows all.
	Where      string
	Unredacted bool
	// Limit ends it after so many records; 0 is none.
	Limit int64
}

// Message is a line of the answer: an event of a record, or how many records have gone by unseen so far.
type Message struct {
	*Event
	Missed int64 `json:"missed,omitempty"`
}

const route = "/v1/tap"

// tellMissed is how often a client is told what goes by unseen.
const tellMissed = time.Second

// Route lets the control socket show records. Only root sees what is not redacted yet.
func Route(open func(Request) (*Viewer, error)) status.Route {
	return status.Route{Pattern: "GET " + route, Handler: func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		limit, _ := strconv.ParseInt(q.Get("limit"), 10, 64)
		ask := Request{Flow: q.Get("flow"), Step: q.Get("step"), Where: q.Get("where"), Unredacted: q.Get("unredacted") != "", Limit: limit}
		if uid, ok := status.PeerUID(r); ask.Unredacted && (!ok || uid != 0) {
			http.Error(w, "only root sees what is not redacted yet: run it as root, or leave out --unredacted", http.StatusForbidden)
			return
		}
		v, err := open(ask)
		if err != nil {
			http.Error(w, words(err), http.StatusBadRequest)
			return
		}
		defer v.Close()
		serve(w, r, v, ask.Limit)
	}}
}

// words are an error's without the kind of it.
func words(err error) string {
	for _, kind := range []error{ErrRequest, ErrRedacted} {
		if errors.Is(err, kind) {
			return err.Error()[len(kind.Error())+len(": "):]
		}
	}
	return err.Error()
}

// serve writes what the viewer sees until the client goes, or has seen enough.
func serve(w http.ResponseWriter, r *http.Request, v *Viewer, limit int64) {
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Time{}) // a client may look for hours, or not look for a while
	w.Header().Set("Content-Type", "application/x-ndjson")
	_ = control.Flush()
	lines := json.NewEncoder(w)
	tick := time.NewTicker(tellMissed)
	defer tick.Stop()
	told := int64(0)
	for shown := int64(0); limit <= 0 || shown < limit; {
		select {
		case <-r.Context().Done():
			return
		case events := <-v.seen:
			shown++
			for i := range events {
				if lines.Encode(Message{Event: &events[i]}) != nil {
					return
				}
			}
		case <-tick.C:
			missed := v.Missed()
			if missed == told {
				continue
			}
			told = missed
			if lines.Encode(Message{Missed: missed}) != nil {
				return
			}
		}
		if len(v.seen) == 0 && control.Flush() != nil {
			return
		}
	}
	if missed := v.Missed(); missed > told {
		_ = lines.Encode(Message{Missed: missed})
	}
}

// Watch asks the agent at a control address, and gives what it answers to see until ctx ends, the agent does, the limit is reached, or see
// has an error.
func Watch(ctx context.Context, address string, ask Request, see func(Message) error) error {
	q := url.Values{"flow": {ask.Flow}, "limit": {strconv.FormatInt(ask.Limit, 10)}}
	if ask.Step != "" {
		q.Set("step", ask.Step)
	}
	if ask.Where != "" {
		q.Set("where", ask.Where)
	}
	if ask.Unredacted {
		q.Set("unredacted", "1")
	}
	resp, err := status.Request(ctx, address, http.MethodGet, route+"?"+q.Encode())
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	for lines := json.NewDecoder(resp.Body); ; {
		var m Message
		err := lines.Decode(&m)
		switch {
		case ctx.Err() != nil, errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, io.ErrUnexpectedEOF):
			return errors.New("the agent has ended")
		case err != nil:
			return fmt.Errorf("read what the agent shows: %w", err)
		}
		if err := see(m); err != nil {
			return err
		}
	}
}
