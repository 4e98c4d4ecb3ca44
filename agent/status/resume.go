package status

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
)

// Resumed is the answer to a request to resume.
type Resumed struct {
	// Destinations are those of the flow whose circuits were open, and are tried now.
	Destinations []string `json:"destinations"`
	// Error says why nothing could be resumed.
	Error string `json:"error,omitempty"`
}

const resumePath = "/v1/resume"

// ResumeRoute lets the control socket resume flows.
func ResumeRoute(resume func(flow string) ([]string, error)) Route {
	return Route{"POST " + resumePath, func(w http.ResponseWriter, r *http.Request) {
		names, err := resume(r.URL.Query().Get("flow"))
		answer := Resumed{Destinations: append([]string{}, names...)}
		if err != nil {
			answer.Error = err.Error()
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(&answer)
	}}
}

// Resume asks the agent at a control address to try at once what waits for the open circuits of a flow.
func Resume(ctx context.Context, address, flow string) (*Resumed, error) {
	var r Resumed
	if err := ask(ctx, address, http.MethodPost, resumePath+"?flow="+url.QueryEscape(flow), &r); err != nil {
		return nil, err
	}
	return &r, nil
}
