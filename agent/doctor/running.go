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
	d.add(area, OK, "", "kinetail %s runs (pid %d) since %s", s.Version, s.PID, humanize.Time(s.Started))
	for _, why := range s.Trouble() {
		d.add(area, Problem, "", "%s", why)
	}
	for _, f := range s.Flows {
		if f.State == status.StateRunning {
			d.add(area, OK, "", "flow %s: %d files followed, %s behind (%s)", f.Name, f.FilesFollowed, humanize.IBytes(uint64(max(0, f.LagBytes))),
				(time.Duration(f.LagSeconds) * time.Second).String())
		}
		for _, s := range f.Skipped {
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
	if s.Metrics != nil && s.Metrics.Denied != "" {
		d.add(area, Warning, "allow cloudwatch:PutMetricData, or turn the metrics off: metrics \"cloudwatch\" { enabled = false }", "CloudWatch denies the metrics: %s", s.Metrics.Denied)
	}
}
