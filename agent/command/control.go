package command

import (
	"os"
	"strings"

	"github.com/kinetail/kinetail/agent/config"
)

// The packaged service's socket, and where the same configuration has it without systemd's RUNTIME_DIRECTORY, which commands are run without.
const (
	serviceControl = "unix:///run/kinetail/control.sock"
	defaultControl = "unix:///var/lib/kinetail/control.sock"
)

// controlOf is where the agent that runs with cfg answers.
func controlOf(cfg *config.Config) string { return whichControl(cfg.Agent.Control, serviceControl) }

func whichControl(configured, service string) string {
	if configured != defaultControl {
		return configured
	}
	// systemd removes the service's directory when the service ends.
	if _, err := os.Lstat(strings.TrimPrefix(service, "unix://")); err == nil {
		return service
	}
	return configured
}
