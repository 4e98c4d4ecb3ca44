package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/agent/status"
	"github.com/kinetail/kinetail/agent/tap"
)

type tapFlags struct {
	path, control, output string
	ask                   tap.Request
}

func newTap() *cobra.Command {
	var f tapFlags
	c := &cobra.Command{
		Use:   "tap FLOW",
		Short: "See the records of a running flow as they are after each step",
		Long: `tap shows the records that go through a flow of the running agent, now: each as it was read and as it is after each step, until it is stopped
(Ctrl-C) or --limit is reached.

The flow does not wait for it: of a busy flow a part is seen, and how many records went by unseen is said at the end. Where a flow redacts, only
what comes after the last redaction is shown; root sees the rest with --unredacted.`,
		Example: `  kinetail tap nginx
  kinetail tap nginx --limit 5
  kinetail tap nginx --step parse
  kinetail tap nginx --where 'record.status >= 500'
  kinetail tap nginx -o json | jq .data`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return errors.New("name one flow, as in 'kinetail tap nginx'; 'kinetail status' lists them")
			}
			return nil
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			var names []string
			if cfg, diags := config.Load(f.path, configOptions()); !diags.HasErrors() && len(args) == 0 {
				for _, flow := range cfg.Flows {
					names = append(names, flow.Name)
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			f.ask.Flow = args[0]
			return runTap(cmd, f)
		},
	}
	configFlag(c, &f.path)
	outputFlag(c, &f.output)
	c.Flags().StringVar(&f.control, "control", "", "control socket of the agent, as in the agent block; default: what the configuration says")
	c.Flags().StringVar(&f.ask.Step, "step", "", "only after this `STEP`: its number from 1 or its word; 0 or read is the line as it was read")
	c.Flags().StringVar(&f.ask.Where, "where", "", "only records for which this `EXPRESSION` is true, from the step on after which it is")
	c.Flags().Int64Var(&f.ask.Limit, "limit", 0, "end after so many records")
	c.Flags().BoolVar(&f.ask.Unredacted, "unredacted", false, "also what comes before the last redaction; for root only")
	return c
}

func runTap(cmd *cobra.Command, f tapFlags) error {
	if f.ask.Limit < 0 {
		return usageError("--limit %d: use a number of records above 0", f.ask.Limit)
	}
	if f.control == "" {
		cfg, err := loadToAsk(f.path)
		if err != nil {
			return fmt.Errorf("%w, or name the socket with --control", err)
		}
		f.control = controlOf(cfg)
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	out := cmd.OutOrStdout()
	if isTerminal(cmd.ErrOrStderr()) {
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "waiting for what comes through flow %s; Ctrl-C ends it\n", f.ask.Flow)
	}
	last, missed := int64(0), int64(0)
	err := tap.Watch(ctx, f.control, f.ask, func(m tap.Message) error {
		missed = max(missed, m.Missed)
		switch {
		case m.Event == nil && f.output != "json":
			return nil
		case f.output == "json":
			return json.NewEncoder(out).Encode(m)
		}
		err := printEvent(out, m.Event, m.Record != last)
		last = m.Record
		return err
	})
	if missed > 0 && f.output != "json" {
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "%d records went by unseen: the flow does not wait for tap\n", missed)
	}
	var refused status.Refused
	if errors.As(err, &refused) {
		return usageError("%w", err)
	}
	return err
}

// printEvent writes a record after a step; first says that it is the first of its record.
func printEvent(out io.Writer, e *tap.Event, first bool) error {
	var b bytes.Buffer
	if first {
		fmt.Fprintf(&b, "%s at byte %d\n", printable(e.File), e.Offset)
	}
	name := e.Name
	if e.ConfigLine > 0 {
		name += fmt.Sprintf(" (line %d)", e.ConfigLine)
	}
	text := e.Text
	if e.Data != nil {
		text = string(e.Data)
	}
	if e.Fate != "" {
		text = e.Fate + " " + text
	}
	if e.Hidden {
		text += "before it was redacted, so it is not shown"
	}
	fmt.Fprintf(&b, "      %-24s %s\n", name, printableLine(text))
	_, err := out.Write(b.Bytes())
	return err
}
