package command

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/kinetail/kinetail/agent"
	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/agent/status"
	"github.com/kinetail/kinetail/agent/tap"
)

// listen opens the agent to those who look at it: health and metrics, the control socket, the page. What cannot be opened is a warning: logs
// are delivered all the same. close ends all of it.
func listen(f runFlags, a *agent.Agent, cfg *config.Config, h *status.History, log *slog.Logger) (closeAll func()) {
	var open []*status.Server
	add := func(without string, s *status.Server, err error) {
		if err != nil {
			log.Warn("running without "+without, "error", err)
			return
		}
		open = append(open, s)
	}
	if f.dryRun || f.once {
		return func() {}
	}
	if cfg.Agent.Listen != "off" {
		s, err := status.Listen(cfg.Agent.Listen, status.Handler(a.Summary, a.Snapshot, a.Alive), log)
		add("health and metrics", s, err)
	}
	snapshot := func() *status.Snapshot { return h.Fill(a.Snapshot(), time.Now()) }
	host, err := os.Hostname()
	if err != nil {
		host = "this host"
	}
	page := func(context.Context) ([]byte, error) { return status.Page(a.Snapshot(), h, host, time.Now()), nil }
	s, err := status.ListenControl(cfg.Agent.Control, snapshot, log, status.DrainRoute(a.Drain), status.ResumeRoute(a.Resume), tap.Route(a.Tap), status.PageRoute(page))
	add("'kinetail status'", s, err)
	if address := cfg.Agent.Page; address != "" && address != "off" {
		s, err := status.ListenPage(address, status.PageHandler("/", address, page), log)
		add("the page", s, err)
	}
	return func() {
		for _, s := range open {
			s.Close()
		}
	}
}
