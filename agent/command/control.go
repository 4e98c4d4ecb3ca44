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

// loadToAsk loads the configuration of the agent that is to be asked. If what is on disk is wrong, the agent runs with the last one that
// was right: a reload that was refused is when its status is wanted most.
func loadToAsk(path string) (*config.Config, error) {
	cfg, diags := config.Load(path, configOptions())
	if !diags.HasErrors() {
		return cfg, nil
	}
	if cfg := loadLastGood(path, configOptions()); cfg != nil {
		return cfg, nil
	}
	return nil, usageError("the configuration %s is wrong, so the agent's control socket is not known: mend what 'kinetail validate -c %s' shows", path, path)
}

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
