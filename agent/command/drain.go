package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/kinetail/kinetail/agent"
	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/agent/status"
	"github.com/kinetail/kinetail/tailer/checkpoint"
)

type drainFlags struct {
	path, output string
	timeout      time.Duration
}

func newDrain() *cobra.Command {
	var f drainFlags
	c := &cobra.Command{
		Use:   "drain",
		Short: "Deliver everything that the files hold, before a host goes away",
		Long: `drain has every file read to its end, delivered and committed: by the running agent, which goes on afterwards, or, where none runs, by
itself. It ends as soon as nothing is left, or after --timeout.

Exit code 0 only if nothing is left; else 1, and the files with what is left of them. Stop what writes the logs first: a file that grows faster
than it is delivered is never done, and a last line without its line end is left.`,
		Example: "  kinetail drain --timeout 110s\n  kinetail drain && systemctl poweroff\n  kinetail drain -o json | jq '.left[].path'",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.timeout <= 0 {
				return usageError("--timeout %s: use a time above 0, as 110s", f.timeout)
			}
			return drain(cmd, &f)
		},
	}
	configFlag(c, &f.path)
	outputFlag(c, &f.output)
	c.Flags().DurationVar(&f.timeout, "timeout", 110*time.Second, "how long to try")
	return c
}

func drain(cmd *cobra.Command, f *drainFlags) error {
	cfg, diags := config.Load(f.path, configOptions())
	if diags.HasErrors() {
		return usageError("the configuration %s is wrong: see 'kinetail validate -c %s'", f.path, f.path)
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	d, err := drainAgent(ctx, cmd, cfg, f.timeout)
	if errors.Is(err, status.ErrNoAgent) {
		d, err = drainHere(ctx, cmd, cfg, f.timeout)
	}
	if err != nil {
		return err
	}
	return tellDrained(cmd, f, d)
}

// drainAgent has the running agent do it, and shows its progress on a terminal.
func drainAgent(ctx context.Context, cmd *cobra.Command, cfg *config.Config, timeout time.Duration) (*status.Drained, error) {
	watching, cancel := context.WithCancel(ctx)
	line := newLiveLine(cmd.ErrOrStderr())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for line.terminal && sleep(watching, time.Second) {
			if s, err := status.Get(watching, cfg.Agent.Control); err == nil {
				line.set("%s", leftInAll(s))
			}
		}
	}()
	d, err := status.Drain(ctx, cfg.Agent.Control, timeout)
	cancel()
	<-done
	line.set("")
	return d, err
}

func leftInAll(s *status.Snapshot) string {
	var left, files int64
	for _, f := range s.Flows {
		left += f.LagBytes
		files += int64(len(f.Files))
	}
	return fmt.Sprintf("%s left in %d files", size(left), files)
}

// stopShare is the part of the timeout that is kept for what is under way when reading has to end.
const stopShare = 10

// drainHere runs the flows to the ends of their files.
func drainHere(ctx context.Context, cmd *cobra.Command, cfg *config.Config, timeout time.Duration) (d *status.Drained, err error) {
	log := newLogger(cmd.ErrOrStderr(), &cfg.Agent)
	here := *cfg
	here.Agent.ShutdownTimeout = min(cfg.Agent.ShutdownTimeout, timeout/stopShare)
	if here.Flows, err = drainable(log, cfg); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout-here.Agent.ShutdownTimeout)
	defer cancel()
	out, _ := cmd.OutOrStdout().(*os.File)
	if out == nil {
		out = os.Stdout
	}
	a, err := agent.New(agent.Options{Config: &here, Version: Version, Once: true, Output: out, Log: log})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	line, progress := newLiveLine(cmd.ErrOrStderr()), make(chan struct{})
	running, ended := context.WithCancel(context.WithoutCancel(ctx))
	started := time.Now()
	go func() {
		defer close(progress)
		for line.terminal && sleep(running, 200*time.Millisecond) {
			line.set("%s", onceProgress(a.Snapshot(), started))
		}
	}()
	runErr := a.Run(ctx)
	ended()
	<-progress
	line.done()
	d = &status.Drained{Left: agent.Remaining(a.Snapshot())}
	if runErr != nil {
		d.Error = runErr.Error()
	} else if ctx.Err() != nil {
		d.Error = "there was no time to read all files to their end"
	}
	return d, nil
}

// drainable are the flows that have something to drain. A flow that never ran and starts at the end of its files has nothing; a pipe
// holds nothing by itself.
func drainable(log *slog.Logger, cfg *config.Config) ([]*config.Flow, error) {
	var known []string
	if _, err := checkpoint.List(cfg.Agent.StateDir); err == nil {
		store, err := checkpoint.Open(cfg.Agent.StateDir, checkpoint.Options{Log: log})
		if err != nil {
			return nil, err
		}
		known = store.Flows()
		if err := store.Close(); err != nil {
			return nil, err
		}
	}
	var flows []*config.Flow
	for _, f := range cfg.Flows {
		ran := slices.Contains(known, f.Name) || f.RenamedFrom != "" && slices.Contains(known, f.RenamedFrom)
		if len(f.Tail.Paths) == 0 || !ran && f.Tail.StartAt == "end" {
			log.Info("nothing to drain: the flow has only pipes, or has never run and starts at the end of its files", "flow", f.Name)
			continue
		}
		without := *f
		without.Tail.Pipes = nil
		flows = append(flows, &without)
	}
	return flows, nil
}

func tellDrained(cmd *cobra.Command, f *drainFlags, d *status.Drained) error {
	out := cmd.OutOrStdout()
	switch {
	case f.output == "json":
		d.Left = append([]status.Left{}, d.Left...)
		if err := json.NewEncoder(out).Encode(d); err != nil {
			return err
		}
	case len(d.Left) > 0:
		if err := printLeft(out, d.Left); err != nil {
			return err
		}
	case d.Error == "":
		if _, err := fmt.Fprintln(out, "nothing is left: every file is read to its end, delivered and committed"); err != nil {
			return err
		}
	}
	if len(d.Left) == 0 && d.Error == "" {
		return nil
	}
	if d.Error != "" {
		return fmt.Errorf("not everything is delivered: %s", d.Error)
	}
	return errors.New("not everything is delivered")
}

func printLeft(out io.Writer, left []status.Left) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "FLOW\tFILE\tBYTES LEFT\tWHY")
	for _, l := range left {
		bytes := "?"
		if l.Bytes > 0 {
			bytes = fmt.Sprint(l.Bytes)
		}
		path, why := l.Path, l.Why
		if path == "" {
			path = "-"
		}
		if why == "" {
			why = "not delivered in time, or a line without its end"
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", safe([]byte(l.Flow)), safe([]byte(path)), bytes, safe([]byte(why)))
	}
	return w.Flush()
}
