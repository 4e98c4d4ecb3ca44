package agent

import (
	"fmt"
	"slices"
	"strings"
)

// Resume tries at once what waits for open circuits of a flow, and lets go on what max_rate has stopped. It returns the names of the
// destinations whose circuits were open.
func (a *Agent) Resume(name string) ([]string, error) {
	a.mu.Lock()
	flows := slices.Clone(a.flows)
	a.mu.Unlock()
	var names []string
	for _, s := range flows {
		names = append(names, s.cfg.Name)
		if s.cfg.Name != name {
			continue
		}
		f := s.current()
		if f == nil {
			return nil, fmt.Errorf("flow %q does not run now: see 'kinetail status'", name)
		}
		return f.Resume(), nil
	}
	return nil, fmt.Errorf("there is no flow %q; there is %s", name, strings.Join(names, ", "))
}
