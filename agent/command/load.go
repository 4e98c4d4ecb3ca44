package command

import (
	"fmt"
	"log/slog"
	"os"
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
	if !f.dryRun && !f.once {
		if cfg := loadLastGood(f.path, runOptions(f.metadata)); cfg != nil {
			return cfg, plainText(diags), nil
		}
	}
	if err := show(cmd.ErrOrStderr(), diags); err != nil {
		return nil, "", err
	}
	return nil, "", fmt.Errorf("%w%w", hidden{errUsage}, errPrinted)
}

// loadLastGood loads the last configuration that ran instead of the one at path, which is wrong; nil if there is none.
func loadLastGood(path string, opts config.Options) *config.Config {
	good := agent.LastGood(config.StateDir(path, configOptions()))
	if good == "" {
		return nil
	}
	opts.BaseDir = filepath.Dir(path) // where the files are that it names
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		opts.BaseDir = path
	}
	cfg, diags := config.Load(good, opts)
	if diags.HasErrors() {
		return nil
	}
	return cfg
}

// rememberGood keeps a configuration that runs for the day when the one on disk is wrong.
func rememberGood(log *slog.Logger, f runFlags, cfg *config.Config) {
	if f.dryRun || f.once {
		return
	}
	if err := agent.RememberGood(cfg); err != nil {
		log.Warn("if the configuration becomes wrong, there will be no older one to run with", "error", err)
	}
}
