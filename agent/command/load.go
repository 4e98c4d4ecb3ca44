package command

import (
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/kinetail/kinetail/agent"
	"github.com/kinetail/kinetail/agent/config"
)

// loadToRun loads the configuration for run. If it is wrong, the last one that ran is loaded instead, and what is wrong is
// returned; without one, the mistakes are shown and the error is errPrinted.
func loadToRun(cmd *cobra.Command, f runFlags) (cfg *config.Config, wrong string, err error) {
	cfg, diags := config.Load(f.path, runOptions(f.metadata))
	if !diags.HasErrors() {
		return cfg, "", nil
	}
	if good := agent.LastGood(config.StateDir(f.path, configOptions())); good != "" && !f.dryRun && !f.once {
		opts := runOptions(f.metadata)
		opts.BaseDir = filepath.Dir(f.path)
		if cfg, again := config.Load(good, opts); !again.HasErrors() {
			return cfg, plainText(diags), nil
		}
	}
	if err := show(cmd.ErrOrStderr(), diags); err != nil {
		return nil, "", err
	}
	return nil, "", fmt.Errorf("%w%w", hidden{errUsage}, errPrinted)
}

// rememberGood keeps a configuration that runs for the day when the one on disk is wrong.
func rememberGood(log *slog.Logger, f runFlags, cfg *config.Config) {
	if f.dryRun || f.once {
		return
	}
	if err := agent.RememberGood(f.path, cfg.Agent.StateDir); err != nil {
		log.Warn("if the configuration becomes wrong, there will be no older one to run with", "error", err)
	}
}
