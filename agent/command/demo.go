package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/kinetail/kinetail/agent/demo"
)

func newDemo() *cobra.Command {
	o := demo.Options{}
	var output string
	c := &cobra.Command{
		Use:   "demo",
		Short: "See it work: rotation, throttling, a kill -9, and what arrived; no account, no network",
		Long: `demo starts an in-process Kinesis and CloudWatch, a program that writes a rotating log, and an agent. In the middle it lets the stream
refuse half of the records for a while, kills the agent with SIGKILL and starts it again. At the end it reads the stream back and says how
many lines were lost, repeated and out of order. Everything happens on this machine, in a temporary directory.

Exit code 1 if anything was lost or out of order.`,
		Example: "  kinetail demo\n  kinetail demo --lines 200000 --rate 7000 --rotations 20\n  kinetail demo --faults kill --keep\n  kinetail demo -o json | tail -n 1 | jq .lost",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case o.Lines < 1 || o.Lines > 10_000_000:
				return usageError("--lines %d: use 1 to 10000000", o.Lines)
			case o.Rate < 1:
				return usageError("--rate %d: use 1 or more lines a second", o.Rate)
			case o.Rotations < 0 || o.Rotations > 1000:
				return usageError("--rotations %d: use 0 to 1000", o.Rotations)
			}
			if o.Aggregate != "none" && o.Aggregate != "kpl" {
				return usageError("--aggregate %s: use none or kpl", o.Aggregate)
			}
			if len(o.Faults) == 1 && o.Faults[0] == "none" {
				o.Faults = nil
			}
			for _, f := range o.Faults {
				if !slices.Contains(demo.AllFaults, f) {
					return usageError("--faults %s: use %s, or none", f, strings.Join(demo.AllFaults, ", "))
				}
			}
			return runDemo(cmd, o, output)
		},
	}
	c.Flags().IntVar(&o.Lines, "lines", 40_000, "lines to write")
	c.Flags().IntVar(&o.Rate, "rate", 5_000, "lines per second")
	c.Flags().IntVar(&o.Rotations, "rotations", 5, "how often the log is rotated")
	c.Flags().StringSliceVar(&o.Faults, "faults", demo.AllFaults, "what to do to the agent: throttle, kill, none")
	c.Flags().StringVar(&o.Aggregate, "aggregate", "none", "none: a Kinesis record for each line; kpl: many lines in one, in the KPL's format")
	c.Flags().BoolVar(&o.Keep, "keep", false, "keep the directory with the logs, the configuration, the state and the agent's log")
	outputFlag(c, &output)
	return c
}

func runDemo(cmd *cobra.Command, o demo.Options, output string) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	binary, err := os.Executable()
	if err != nil {
		return err
	}
	o.Binary = binary
	out := cmd.OutOrStdout()
	o.Screen = newScreen(out)
	v, err := demo.Run(ctx, o)
	if err != nil {
		return err
	}
	printVerdict(out, v)
	if output == "json" {
		if err := json.NewEncoder(out).Encode(v); err != nil {
			return err
		}
	}
	if !v.OK() {
		return errors.New("the promise was not kept: lines are lost, out of order, or were never written; run it again with --keep and look at agent.log")
	}
	return nil
}

// screen shows a demo on a terminal, where progress stays in one line, or elsewhere, where it is a line every two seconds.
type screen struct {
	out     io.Writer
	line    *liveLine
	started time.Time
	last    time.Time
}

func newScreen(out io.Writer) *screen {
	return &screen{out: out, line: newLiveLine(out), started: time.Now(), last: time.Now()}
}

func (s *screen) Say(format string, args ...any) {
	s.line.set("")
	_, _ = fmt.Fprintf(s.out, format+"\n", args...)
}

func (s *screen) Progress(p demo.Progress) {
	text := fmt.Sprintf("%4.1f s %s written %d  arrived %d  lag %d  throttled %d  retried %d  rotations %d",
		time.Since(s.started).Seconds(), bar(float64(p.Written)/float64(p.Lines)),
		p.Written, p.InStream, max(0, p.Written-p.InStream), p.Throttled, p.Retried, p.Rotations)
	s.line.set("%s", text)
	if !s.line.terminal && time.Since(s.last) >= 2*time.Second {
		s.last = time.Now()
		_, _ = fmt.Fprintln(s.out, text)
	}
}

func printVerdict(out io.Writer, v demo.Verdict) {
	var b strings.Builder
	row := func(name string, value any, note string) {
		b.WriteString(strings.TrimRight(fmt.Sprintf("  %-14s %10v   %s", name, value, note), " ") + "\n")
	}
	b.WriteString("\n\nThe stream, read back:\n\n")
	row("written", v.Written, "lines in the log and its rotated files")
	row("delivered", v.Delivered, "different lines in the stream")
	row("lost", v.Lost, "")
	row("out of order", v.OutOfOrder, "first copies of a user's lines that came after a later one")
	row("repeated", v.Repeated, "copies; after a kill, what was sent and not yet remembered is sent again")
	if v.Foreign > 0 {
		row("foreign", v.Foreign, "records that were never written so")
	}
	row("throttled", v.Throttled, "records refused by the stream")
	row("retried", v.Retried, "records sent again, as the agent's metrics say (a killed agent's last second is missing)")
	row("rotations", v.Rotations, "")
	row("kills", v.Kills, "")
	row("seconds", fmt.Sprintf("%.1f", v.Seconds), "")
	b.WriteString("\nWhat arrived in CloudWatch, under Destination=KinesisStream:demo where it says *:\n\n")
	for _, m := range v.Metrics {
		name, _, starred := strings.Cut(m.Name, " Destination=")
		if starred {
			name += " *"
		}
		value := fmt.Sprintf("%.0f", m.Sum)
		if strings.HasPrefix(name, "Lag") {
			value = fmt.Sprintf("at most %.1f", m.Max)
		}
		fmt.Fprintf(&b, "  %-22s %18s %s\n", name, value, m.Unit)
	}
	if v.OK() {
		b.WriteString("\n✔ Nothing lost, nothing out of order.\n")
	}
	_, _ = io.WriteString(out, b.String())
}
