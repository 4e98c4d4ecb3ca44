package agent

import (
	"context"
	"fmt"

	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/emit/awsconfig"
	"github.com/kinetail/kinetail/tailer/frame"
)

// check builds of a flow what can be built without starting anything: it finds what is wrong with a flow before another is stopped for it.
func (a *Agent) check(ctx context.Context, whole *config.Config, cfg *config.Flow) error {
	b := &builder{a: a, whole: whole, cfg: cfg}
	if _, err := frame.New(b.framing()); err != nil {
		return err
	}
	if len(cfg.Steps) > 0 {
		if _, err := cfg.NewSteps(nil); err != nil {
			return err
		}
	}
	for _, e := range cfg.Emits {
		if _, err := whole.NewEncoder(e, hostname()); err != nil {
			return fmt.Errorf("emit %q: %w", e.Name, err)
		}
		if e.Kind != "kinesis" && e.Kind != "firehose" || a.opts.DryRun {
			continue
		}
		session, err := awsconfig.Load(ctx, a.awsOptions(e.AWS, e.Name))
		if err != nil {
			return fmt.Errorf("emit %q: %w", e.Name, err)
		}
		session.Close()
	}
	return nil
}
