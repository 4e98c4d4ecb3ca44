package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/kinetail/kinetail/agent"
	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/agent/metadata"
	"github.com/kinetail/kinetail/agent/status"
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
		Args:    noArgs,
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
	known := &metadata.Store{}
	cfg, diags := config.Load(f.path, runOptions(known))
	if diags.HasErrors() {
		return usageError("the configuration %s is wrong: see 'kinetail validate -c %s'", f.path, f.path)
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	d, err := drainAgent(ctx, cmd, cfg, f.timeout)
	if errors.Is(err, status.ErrNoAgent) {
		d, err = drainHere(ctx, cmd, cfg, known, f.timeout)
	}
	if err != nil {
		return err
	}
	return tellDrained(cmd, f, d)
}

// drainAgent has the running agent do it.
func drainAgent(ctx context.Context, cmd *cobra.Command, cfg *config.Config, timeout time.Duration) (*status.Drained, error) {
	control := controlOf(cfg)
	showing, hide := context.WithCancel(ctx)
	shown := showLeft(showing, cmd, func() (*status.Snapshot, error) { return status.Get(showing, control) })
	d, err := status.Drain(ctx, control, timeout)
	hide()
	<-shown
	return d, err
}

// stopShare is the part of the timeout that is kept for what is under way at its end.
const stopShare = 10

// drainHere runs the flows until nothing is left.
func drainHere(ctx context.Context, cmd *cobra.Command, cfg *config.Config, known *metadata.Store, timeout time.Duration) (d *status.Drained, err error) {
	here := *cfg
	here.Agent.ShutdownTimeout = min(cfg.Agent.ShutdownTimeout, timeout/stopShare)
	here.Flows = nil
	for _, f := range cfg.Flows {
		if len(f.Tail.Paths) > 0 { // a pipe holds nothing by itself
			without := *f
			without.Tail.Pipes = nil
			here.Flows = append(here.Flows, &without)
		}
	}
	out, _ := cmd.OutOrStdout().(*os.File)
	if out == nil {
		out = os.Stdout
	}
	log, _ := newLogger(cmd.ErrOrStderr(), &cfg.Agent)
	a, err := agent.New(agent.Options{Config: &here, Version: Version, Output: out, Metadata: known, Log: log})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- a.Run(running) }()
	showing, hide := context.WithCancel(ctx)
	shown := showLeft(showing, cmd, func() (*status.Snapshot, error) { return a.Snapshot(), nil })
	draining, cancel := context.WithTimeout(ctx, timeout-here.Agent.ShutdownTimeout)
	_, err = a.Drain(draining)
	cancel()
	hide()
	<-shown
	stop()
	err = errors.Join(err, <-ended)
	d = &status.Drained{Left: a.Left()} // some of it may have been delivered while stopping
	if err != nil {
		d.Error = err.Error()
	}
	return d, nil
}

// showLeft draws on a terminal how much is left, until ctx ends; then it closes what it returned.
func showLeft(ctx context.Context, cmd *cobra.Command, snapshot func() (*status.Snapshot, error)) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		line := newLiveLine(cmd.ErrOrStderr())
		for line.terminal && sleep(ctx, time.Second) {
			if s, err := snapshot(); err == nil {
				var left, files int64
				for _, f := range s.Flows {
					left += f.LagBytes
					files += int64(len(f.Files))
				}
				line.set("%s left in %d files", size(left), files)
			}
		}
		line.set("")
	}()
	return done
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
		path := l.Path
		if path == "" {
			path = "-"
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", safe([]byte(l.Flow)), safe([]byte(path)), bytes, safe([]byte(l.Why)))
	}
	return w.Flush()
}
