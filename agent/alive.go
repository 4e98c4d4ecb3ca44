package agent

import (
	"fmt"
	"sync"
	"time"

	"github.com/kinetail/kinetail/agent/status"
)

// stuckAfter is how long a flow may go without a look at the file system, which it takes every few seconds (less often with very many
// files), also while its destination is down.
const stuckAfter = 5 * time.Minute

// pulse remembers when each flow was last seen to look.
type pulse struct {
	mu   sync.Mutex
	last map[string]beat
}

type beat struct {
	looks int64
	at    time.Time
}

// check is an error if a flow has stopped looking at its files: then the process is to be restarted. A destination that is down is no
// reason for that.
func (p *pulse) check(s *status.Snapshot, now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	next := map[string]beat{}
	var stuck error
	for _, f := range s.Flows {
		if f.State != status.StateRunning || f.Looks == 0 {
			continue
		}
		b, seen := p.last[f.Name]
		if !seen || b.looks != f.Looks {
			b = beat{f.Looks, now}
		}
		next[f.Name] = b
		if quiet := now.Sub(b.at); quiet > stuckAfter {
			stuck = fmt.Errorf("flow %s has not looked at its files for %s", f.Name, quiet.Round(time.Second))
		}
	}
	p.last = next
	return stuck
}

// Alive is an error when the agent no longer makes progress and should be restarted.
func (a *Agent) Alive() error { return a.pulse.check(a.Summary(), time.Now()) }
