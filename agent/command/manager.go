package command

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/kinetail/kinetail/agent/status"
	"github.com/kinetail/kinetail/agent/systemd"
)

const (
	// statusEvery is the longest time for which `systemctl status` shows an old line.
	statusEvery = 5 * time.Second
	// startingFor is how long a flow may take to look at its files before the start counts as done all the same: one that can't run must not stop the
	// others, nor what systemd has ordered after them.
	startingFor = 10 * time.Second
	// afterFlows is the time to close metrics and store, on top of shutdown_timeout.
	afterFlows = 15 * time.Second
)

// running is what is told of the agent.
type running interface {
	Snapshot() *status.Snapshot
	Alive() error
}

// manager is the service manager that runs the agent, if there is one; it is told how the agent is.
type manager struct {
	n    *systemd.Notifier
	log  *slog.Logger
	deaf sync.Once
}

func newManager(f runFlags, log *slog.Logger) *manager {
	m := &manager{log: log}
	if f.dryRun {
		return m
	}
	n, err := systemd.FromEnvironment()
	m.n = n
	m.check(err)
	return m
}

func (m *manager) close() { m.n.Close() }

// check logs the first message that did not get through: systemd will take the service for hung, so the reader needs to know why.
func (m *manager) check(err error) {
	if err != nil {
		m.deaf.Do(func() { m.log.Warn("the service manager can't be told that kinetail runs", "error", err) })
	}
}

func (m *manager) ready()     { m.check(m.n.Ready()) }
func (m *manager) reloading() { m.check(m.n.Reloading()) }

// stopping asks for the time that the configuration gives the last delivery, whatever TimeoutStopSec= says.
func (m *manager) stopping(shutdown time.Duration) {
	m.check(m.n.Stopping(shutdown + afterFlows))
	m.check(m.n.Status("stopping: delivering what was read"))
}

// follow says ready when each flow has looked at its files, or can't; then feeds the watchdog as long as the agent is alive, by the measure of /healthz, and
// keeps the status line fresh; until ctx ends.
func (m *manager) follow(ctx context.Context, a running) {
	if m.n == nil {
		return
	}
	for late := time.Now().Add(startingFor); !started(a.Snapshot()) && time.Now().Before(late); {
		if !sleep(ctx, 20*time.Millisecond) {
			return
		}
	}
	m.ready()
	every := statusEvery
	if w := m.n.Watchdog(); w > 0 {
		every = min(every, w/3)
	}
	for shown := ""; ; {
		shown = m.tell(a, shown)
		if !sleep(ctx, every) {
			return
		}
	}
}

// tell is one turn of follow; shown is the line that the service manager has.
func (m *manager) tell(a running, shown string) string {
	if m.n.Watchdog() > 0 {
		if err := a.Alive(); err == nil {
			m.check(m.n.Alive())
		} else {
			m.log.Error("no progress: the watchdog is not fed, so that systemd starts kinetail again", "error", err, "within", m.n.Watchdog())
		}
	}
	line := statusLine(a.Snapshot())
	if line != shown {
		m.check(m.n.Status(line))
	}
	return line
}

// started says that each flow has either looked at its files, so that nothing written from now on is missed, or can't run now.
func started(s *status.Snapshot) bool {
	for _, f := range s.Flows {
		// Looks is 0 in a flow without files, and 1 before its first sweep.
		if f.State == status.StateStarting || f.State == status.StateRunning && f.Looks == 1 {
			return false
		}
	}
	return len(s.Flows) > 0
}

// statusLine is the agent's state in one line: how far behind it is, and the first thing that is wrong.
func statusLine(s *status.Snapshot) string {
	var files int
	var bytes int64
	var behind float64
	for _, f := range s.Flows {
		files += len(f.Files)
		bytes += f.LagBytes
		behind = max(behind, f.LagSeconds)
	}
	line := count(len(s.Flows), "flow") + ", " + count(files, "file") + ": "
	if bytes == 0 {
		line += "everything is delivered"
	} else {
		line += size(bytes) + " to deliver, the oldest for " + seconds(behind)
	}
	if trouble := s.Trouble(time.Now()); len(trouble) > 0 {
		line += ". Wrong: " + firstMistake(trouble[0])
		if more := len(trouble) - 1; more > 0 {
			line += fmt.Sprintf(" (and %d more: see 'kinetail status')", more)
		}
	}
	return line
}

// firstMistake is the first thing that a text of several lines says, and where: of diagnostics the rest is the configuration's own text.
func firstMistake(text string) string {
	lines := strings.SplitN(strings.TrimSpace(text), "\n", 3)
	if len(lines) > 1 {
		return lines[0] + ", " + strings.TrimSpace(lines[1])
	}
	return lines[0]
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
