package status

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// Left is what a drain has not delivered: of one file, or of a whole flow that does not run.
type Left struct {
	Flow  string `json:"flow"`
	Path  string `json:"path,omitempty"`
	Bytes int64  `json:"bytes"` // 0 where it is not known
	Why   string `json:"why,omitempty"`
}

// Drained is the answer to a request to drain.
type Drained struct {
	Left []Left `json:"left"`
	// Error says why it can't be said that nothing is left, though nothing is known to be.
	Error string `json:"error,omitempty"`
}

// drainPath is where a request to drain goes, with a timeout.
const drainPath = "/v1/drain"

// DrainRoute lets the control socket drain the agent. drain gets until its context ends.
func DrainRoute(drain func(context.Context) ([]Left, error)) Route {
	return Route{"POST " + drainPath, func(w http.ResponseWriter, r *http.Request) {
		timeout, err := time.ParseDuration(r.URL.Query().Get("timeout"))
		if err != nil || timeout <= 0 {
			http.Error(w, "timeout is missing", http.StatusBadRequest)
			return
		}
		// It takes longer than the server's other answers.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(timeout + time.Minute))
		ctx, cancel := context.WithTimeout(r.Context(), timeout)
		defer cancel()
		left, err := drain(ctx)
		d := Drained{Left: append([]Left{}, left...)}
		if err != nil {
			d.Error = err.Error()
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(&d)
	}}
}

// Drain asks the agent at a control address to deliver everything within timeout, and returns when it has, or has not.
func Drain(ctx context.Context, address string, timeout time.Duration) (*Drained, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout+10*time.Second)
	defer cancel()
	var d Drained
	if err := ask(ctx, address, http.MethodPost, drainPath+"?timeout="+timeout.String(), &d); err != nil {
		return nil, err
	}
	return &d, nil
}
