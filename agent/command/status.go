package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/agent/status"
)

type statusFlags struct {
	path, control, output, file string
	watch                       bool
}

func newStatus() *cobra.Command {
	var f statusFlags
	c := &cobra.Command{
		Use:   "status",
		Short: "Ask a running agent how far it is",
		Long: `status asks the running agent, over its control socket, for its flows, files and destinations: how far each file is delivered, and what
is in the way.

With --file, it answers whether everything in that file is delivered: exit code 0 if so, 1 if not, or if no agent follows it.`,
		Example: "  kinetail status\n  kinetail status --watch\n  kinetail status -o json | jq '.flows[].lag_seconds'\n  kinetail status --file /var/log/nginx/access.log.1 && rm /var/log/nginx/access.log.1",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return runStatus(cmd, f) },
	}
	configFlag(c, &f.path)
	outputFlag(c, &f.output)
	c.Flags().StringVar(&f.control, "control", "", "control socket of the agent, as in the agent block; default: what the configuration says")
	c.Flags().StringVar(&f.file, "file", "", "say whether everything in this `PATH` is delivered")
	c.Flags().BoolVar(&f.watch, "watch", false, "show it again every second")
	return c
}

func runStatus(cmd *cobra.Command, f statusFlags) error {
	if f.control == "" {
		cfg, diags := config.Load(f.path, configOptions())
		if diags.HasErrors() {
			return usageError("the configuration %s is wrong (see 'kinetail validate -c %s'), so the agent's control socket is not known: name it with --control", f.path, f.path)
		}
		f.control = controlOf(cfg)
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	for {
		s, err := status.Get(ctx, f.control)
		if err != nil {
			return err
		}
		out := cmd.OutOrStdout()
		switch {
		case f.file != "":
			return fileDelivered(out, s, f.file)
		case f.output == "json":
			err = json.NewEncoder(out).Encode(s)
		default:
			if f.watch && isTerminal(out) {
				_, _ = io.WriteString(out, "\033[H\033[2J")
			}
			err = printStatus(out, s)
		}
		if err != nil || !f.watch {
			return err
		}
		if !sleep(ctx, time.Second) {
			return nil
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// printable makes a path harmless on a terminal.
func printable(path string) string {
	for _, r := range path {
		if !strconv.IsPrint(r) {
			return strconv.Quote(path)
		}
	}
	return path
}

func printStatus(out io.Writer, s *status.Snapshot) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	p := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }
	p("kinetail %s, pid %d, up %s\n", s.Version, s.PID, time.Since(s.Started).Round(time.Second))
	if trouble := s.Trouble(); len(trouble) > 0 {
		p("\nWrong now:\n")
		for _, t := range trouble {
			p("  - %s\n", strings.ReplaceAll(strings.TrimSpace(t), "\n", "\n    "))
		}
	}
	for _, f := range s.Flows {
		p("\nflow %s: %s, lag %s, %s\n", f.Name, f.State, size(f.LagBytes), seconds(f.LagSeconds))
		if f.FileGaps > 0 {
			p("  lost before it could be read: %s in %d places\n", size(f.GapBytes), f.FileGaps)
		}
		if n := f.Dropped.Total(); n > 0 {
			p("  dropped by the steps: %d records (filter %d, sample %d, limit %d, parse %d)\n", n, f.Dropped.Filtered, f.Dropped.Sampled, f.Dropped.Limited, f.Dropped.Unparsed)
		}
		for _, c := range []struct {
			n    int64
			what string
		}{
			{f.ParseErrors, "lines were not in their format"},
			{f.FilterUndecided, "records were kept by a filter whose condition was null"},
			{f.InvalidBytes, "bytes were no UTF-8 and were replaced"},
			{f.KeysTruncated, "partition keys were cut at 256 characters"},
		} {
			if c.n > 0 {
				p("  %d %s\n", c.n, c.what)
			}
		}
		if f.ExpressionErrors > 0 {
			p("  %d expressions failed and were taken for null", f.ExpressionErrors)
			if f.LastExpressionError != "" {
				p("; the last: %s", f.LastExpressionError)
			}
			p("\n")
		}
		if len(f.Files) > 0 {
			p("  FILE\tSIZE\tDELIVERED\tLAG\t\tSTATE\n")
		}
		for _, file := range f.Files {
			p("  %s\t%s\t%s\t%s\t%s\t%s\n", printable(name(file)), size(file.Size), size(file.Committed),
				size(file.Size-file.Committed), seconds(file.LagSeconds), file.State)
		}
		for _, sk := range f.Skipped {
			p("  not read: %s: %s\n", printable(sk.Path), printable(sk.Reason))
		}
		p("  DESTINATION\tSENT\tRECORDS\tRETRIED\tTHROTTLED\tDEAD LETTERS\tQUEUED\n")
		for _, d := range f.Destinations {
			p("  %s\t%s\t%d\t%d\t%d\t%d\t%s\n", d.Name, size(d.Counters["BytesSent"]), d.Counters["RecordsSent"], d.Counters["RecordsRetried"],
				d.Counters["RecordsThrottled"], d.Counters["RecordsDeadLettered"], size(d.QueuedBytes))
			if d.LastError != "" && d.LastErrorTime != nil {
				p("    last error, %s ago: %s\n", time.Since(*d.LastErrorTime).Round(time.Second), d.LastError)
			}
		}
	}
	return w.Flush()
}

// name is where a generation is now.
func name(f status.File) string {
	if len(f.Names) > 0 && !slices.Contains(f.Names, f.Path) {
		return f.Names[0]
	}
	return f.Path
}

func size(n int64) string { return humanize.IBytes(uint64(max(0, n))) }

func seconds(s float64) string {
	if s == 0 {
		return "0 s"
	}
	return time.Duration(s * float64(time.Second)).Round(100 * time.Millisecond).String()
}

// fileDelivered answers for one path; the error says what is missing.
func fileDelivered(out io.Writer, s *status.Snapshot, path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	found := false
	for _, f := range s.Flows {
		for _, file := range f.Files {
			if name(file) != path && !slices.Contains(file.Names, path) {
				continue
			}
			found = true
			if left := file.Size - file.Committed; left > 0 {
				return fmt.Errorf("%s is not delivered: flow %s has %s of %s left", printable(path), f.Name, size(left), size(file.Size))
			}
		}
	}
	if !found {
		return errors.New(printable(path) + " is not followed now: no flow matches it, or everything in it was delivered a while ago")
	}
	_, err = fmt.Fprintf(out, "%s is delivered\n", printable(path))
	return err
}
