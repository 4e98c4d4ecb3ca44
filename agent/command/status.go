package command

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/kinetail/kinetail/agent/status"
)

type statusFlags struct {
	path, control, output, file, listen string
	watch, all, page                    bool
}

func newStatus() *cobra.Command {
	var f statusFlags
	c := &cobra.Command{
		Use:   "status",
		Short: "Ask a running agent how far it is",
		Long: `status asks the running agent, over its control socket, how it is: first what is wrong, in words, and what to do next; then its flows, the
destinations with their rates of the last minute, and the files that have something left. -o json has all files and all counters.

With --file, it answers whether everything in that file is delivered, so that it can be deleted: exit code 0 if so, 1 if not, or if nothing is known
of it. It goes by the positions that are on disk, and so answers beside an agent that does not run, too, and for rotated files. A copy
of a body, also one made by gzip or zstd after it was read, is known by its content.

With --page, it serves the same as a page for a browser, with plots of the last 15 minutes, until it is interrupted. The address it prints is on this
host alone and holds a secret, so that other users of the host do not see it.`,
		Example: `  kinetail status
  kinetail status --watch
  kinetail status -o json | jq '.flows[].lag_seconds'
  kinetail status --file /var/log/nginx/access.log.1 && rm /var/log/nginx/access.log.1
  kinetail status --page`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runStatus(cmd, f) },
	}
	configFlag(c, &f.path)
	outputFlag(c, &f.output)
	c.Flags().StringVar(&f.control, "control", "", "control socket of the agent, as in the agent block; default: what the configuration says")
	c.Flags().StringVar(&f.file, "file", "", "say whether everything in this `PATH` is delivered")
	c.Flags().BoolVar(&f.watch, "watch", false, "show it again every second")
	c.Flags().BoolVar(&f.all, "all", false, "show all files, with their generations")
	c.Flags().BoolVar(&f.page, "page", false, "serve it as a page for a browser")
	c.Flags().StringVar(&f.listen, "listen", "127.0.0.1:0", "`ADDRESS` of the page, on this host; port 0 is any that is free")
	return c
}

func runStatus(cmd *cobra.Command, f statusFlags) error {
	stateDir := ""
	if f.control == "" {
		cfg, err := loadToAsk(f.path)
		if err != nil {
			return fmt.Errorf("%w, or name the socket with --control", err)
		}
		f.control, stateDir = controlOf(cfg), cfg.Agent.StateDir
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	switch {
	case f.file != "":
		return fileDelivered(ctx, cmd.OutOrStdout(), f, stateDir)
	case f.page:
		return servePage(ctx, cmd, f)
	}
	out := cmd.OutOrStdout()
	for first := true; ; first = false {
		s, err := status.Get(ctx, f.control)
		if f.watch && isTerminal(out) {
			_, _ = io.WriteString(out, "\033[H\033[2J")
		} else if !first && f.output != "json" {
			_, _ = io.WriteString(out, "\n")
		}
		switch {
		case err != nil && (first || !f.watch):
			return err
		case err != nil: // an agent that is started anew comes back
			_, err = io.WriteString(out, safe([]byte(err.Error()))+"\n")
		case f.output == "json":
			err = json.NewEncoder(out).Encode(struct {
				*status.Snapshot
				Problems []status.Problem `json:"problems"`
			}{s, append([]status.Problem{}, s.Problems(time.Now())...)})
		default:
			err = (&shownStatus{width: width(out), all: f.all, now: time.Now()}).print(out, s)
		}
		if err != nil || !f.watch {
			return err
		}
		if !sleep(ctx, time.Second) {
			return nil
		}
	}
}

// width is how many columns there are; 0 is without an end.
func width(out io.Writer) int {
	if f, ok := out.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil {
			return n
		}
	}
	return 0
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

func size(n int64) string { return humanize.IBytes(uint64(max(0, n))) }

func seconds(s float64) string {
	if s == 0 {
		return "0 s"
	}
	return time.Duration(s * float64(time.Second)).Round(100 * time.Millisecond).String()
}
