package agent

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/agent/tap"
)

// hub is where the flow of that name is looked at. There is one as long as the agent runs.
func (a *Agent) hub(flow string) *tap.Hub {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.hubs == nil {
		a.hubs = map[string]*tap.Hub{}
	}
	if a.hubs[flow] == nil {
		a.hubs[flow] = &tap.Hub{}
	}
	return a.hubs[flow]
}

// tapped are a flow's steps as they are shown.
func tapped(cfg *config.Flow) []tap.Step {
	var all []tap.Step
	for _, s := range cfg.Steps {
		name := s.Kind
		if s.Label != "" {
			name += fmt.Sprintf(" %q", s.Label)
		}
		all = append(all, tap.Step{Kind: s.Kind, Name: name, File: s.Range.Filename, Line: s.Range.Start.Line})
	}
	return all
}

// Tap opens a viewer of a flow's records. The error says what of the request is wrong.
func (a *Agent) Tap(ask tap.Request) (*tap.Viewer, error) {
	a.mu.Lock()
	cfg := a.cfg
	a.mu.Unlock()
	var names []string
	for _, f := range cfg.Flows {
		names = append(names, f.Name)
	}
	if !slices.Contains(names, ask.Flow) {
		return nil, fmt.Errorf("%w: there is no flow %q; there is %s", tap.ErrRequest, ask.Flow, strings.Join(names, ", "))
	}
	o := tap.Options{Step: ask.Step, Unredacted: ask.Unredacted, Host: hostname()}
	if ask.Where != "" {
		where, err := cfg.Condition("--where", ask.Where)
		if err != nil {
			return nil, err
		}
		o.Where = where
	}
	return a.hub(ask.Flow).Open(o)
}
