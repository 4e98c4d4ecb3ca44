package doctor

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/kinetail/kinetail/agent/status"
)

// running asks the agent, if one runs.
func (d *doctor) running(ctx context.Context) {
	const area = "agent"
	s, err := status.Get(ctx, d.control)
	switch {
	case errors.Is(err, status.ErrNoAgent):
		d.add(area, Note, "kinetail run, or systemctl enable --now kinetail", "no agent listens on %s", d.control)
		return
	case errors.Is(err, fs.ErrPermission):
		d.add(area, Note, "run doctor as root or as the agent's user", "the agent at %s does not answer to this user", d.control)
		return
	case err != nil:
		d.add(area, Problem, "", "the agent does not answer: %v", err)
		return
	}
	d.agent = s
	now := time.Now()
	d.add(area, OK, "", "kinetail %s runs (pid %d), for %s", s.Version, s.PID, status.Age(now.Sub(s.Started).Seconds()))
	for _, p := range s.Problems(now) {
		d.add(area, map[string]Level{status.Broken: Problem, status.Slow: Warning, status.Note: Note}[p.Severity], p.Next, "%s", p.What)
	}
	for _, f := range s.Flows {
		if f.State == status.StateRunning {
			behind := "nothing is left"
			if f.LagBytes > 0 {
				behind = status.Size(f.LagBytes) + " are left, the oldest of it " + status.Age(f.LagSeconds) + " old"
			}
			d.add(area, OK, "", "flow %s runs; files followed: %d; %s", f.Name, f.FilesFollowed, behind)
		}
		for _, s := range f.Skipped {
			if s.Failed {
				continue // it is among the problems
			}
			d.add(area, Warning, "", "flow %s does not follow %s: %s", f.Name, s.Path, s.Reason)
		}
		for _, dest := range f.Destinations {
			if dest.LastError != "" && !dest.CircuitOpen {
				when := ""
				if dest.LastErrorTime != nil {
					when = ", " + humanize.Time(*dest.LastErrorTime)
				}
				d.add(area, Note, "", "flow %s, %s: the last error%s: %s", f.Name, dest.Name, when, dest.LastError)
			}
		}
	}
}
