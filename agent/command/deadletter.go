package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/emit"
)

// letterFlags say which dead letters are meant.
type letterFlags struct {
	path, output      string
	flow, destination string // empty: all
	reasons           []string
}

func newDeadLetter() *cobra.Command {
	c := &cobra.Command{
		Use:   "dead-letter",
		Short: "List, show and send again the records that a destination refused",
		Long: `A record that its destination will never accept (too large, or refused by the service), or that a step refuses, is kept in
state_dir/dead-letter/FLOW/DESTINATION.jsonl, one JSON object a line, with the reason, the file and the byte range. Nothing removes it from there
but 'kinetail dead-letter send', or you: the files may be moved or removed while the agent runs.`,
		Example: "  kinetail dead-letter list\n  kinetail dead-letter show access\n  kinetail dead-letter send access kinesis",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(newDeadLetterList(), newDeadLetterShow(), newDeadLetterSend())
	return c
}

// letterCommand makes a subcommand whose arguments are [FLOW [DESTINATION]].
func letterCommand(c *cobra.Command, f *letterFlags, args cobra.PositionalArgs, run func(*cobra.Command) error) *cobra.Command {
	c.Args = usageArgs(args)
	c.RunE = func(cmd *cobra.Command, args []string) error {
		args = append(args, "", "")
		f.flow, f.destination = args[0], args[1]
		return run(cmd)
	}
	configFlag(c, &f.path)
	return c
}

func newDeadLetterList() *cobra.Command {
	f := &letterFlags{}
	c := letterCommand(&cobra.Command{
		Use:   "list [FLOW [DESTINATION]]",
		Short: "Count the dead letters of each flow and destination",
		Long: `list counts the dead letters of each flow and destination (the name of an emit block), with their reasons, the oldest and the newest, and
the size of their file, which max_size bounds.`,
		Example: "  kinetail dead-letter list\n  kinetail dead-letter list -o json | jq '.[] | select(.letters > 0)'",
	}, f, takes(0, 2), func(cmd *cobra.Command) error { return listLetters(cmd, f) })
	outputFlag(c, &f.output)
	return c
}

// paths are the dead-letter files that are meant. None at all is an error only where one is named.
func (f *letterFlags) paths() ([]emit.LetterPath, error) {
	dir := config.StateDir(f.path, configOptions())
	all, err := emit.LetterPaths(dir)
	if err != nil {
		return nil, err
	}
	chosen := slices.DeleteFunc(slices.Clone(all), func(p emit.LetterPath) bool {
		return f.flow != "" && p.Flow != f.flow || f.destination != "" && p.Destination != f.destination
	})
	if len(chosen) > 0 || f.flow == "" {
		return chosen, nil
	}
	what := "flow " + f.flow
	if f.destination != "" {
		what += ", destination " + f.destination
	}
	var there []string
	for _, p := range all {
		there = append(there, printable(p.Flow+" "+p.Destination))
	}
	if len(there) == 0 {
		return nil, fmt.Errorf("%s has no dead letters, and nobody else has any in %s", printable(what), dir)
	}
	return nil, fmt.Errorf("%s has no dead letters in %s; there are some of: %s", printable(what), dir, strings.Join(there, ", "))
}

// means says whether --reason takes a letter in.
func (f *letterFlags) means(l *emit.StoredLetter) bool {
	return len(f.reasons) == 0 || slices.Contains(f.reasons, l.Reason)
}

// unreadable is the reason shown for a line that is no letter.
const unreadable = "unreadable"

// letterCount is what list says of one file.
type letterCount struct {
	Flow        string         `json:"flow"`
	Destination string         `json:"destination"`
	Path        string         `json:"path"`
	Letters     int            `json:"letters"`
	Bytes       int64          `json:"bytes"`      // of the records
	FileBytes   int64          `json:"file_bytes"` // what max_size bounds
	Reasons     map[string]int `json:"reasons"`
	Oldest      *time.Time     `json:"oldest,omitempty"`
	Newest      *time.Time     `json:"newest,omitempty"`
}

func countLetters(p emit.LetterPath) (*letterCount, error) {
	c := &letterCount{Flow: p.Flow, Destination: p.Destination, Path: p.Path, Reasons: map[string]int{}}
	f, err := emit.OpenLetterFile(p.Path)
	if errors.Is(err, os.ErrNotExist) {
		return c, nil // removed since it was listed
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return c, f.Each(0, func(l *emit.StoredLetter) bool {
		c.FileBytes = l.To
		if l.Err != nil {
			c.Reasons[unreadable]++
			return true
		}
		c.Letters++
		c.Bytes += int64(len(l.Data))
		c.Reasons[l.Reason]++
		if c.Oldest == nil || l.Time.Before(*c.Oldest) {
			c.Oldest = &l.Time
		}
		if c.Newest == nil || l.Time.After(*c.Newest) {
			c.Newest = &l.Time
		}
		return true
	})
}

func listLetters(cmd *cobra.Command, f *letterFlags) error {
	paths, err := f.paths()
	if err != nil {
		return err
	}
	counts := []*letterCount{}
	for _, p := range paths {
		c, err := countLetters(p)
		if err != nil {
			return err
		}
		if len(c.Reasons) > 0 {
			counts = append(counts, c)
		}
	}
	out := cmd.OutOrStdout()
	if f.output == "json" {
		return json.NewEncoder(out).Encode(counts)
	}
	if len(counts) == 0 {
		_, err := fmt.Fprintf(out, "no dead letters in %s\n", config.StateDir(f.path, configOptions()))
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "FLOW\tDESTINATION\tLETTERS\tSIZE\tOLDEST\tNEWEST\tREASONS")
	for _, c := range counts {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\t%s\n", safe([]byte(c.Flow)), safe([]byte(c.Destination)), c.Letters, size(c.FileBytes),
			moment(c.Oldest), moment(c.Newest), reasonList(c.Reasons))
	}
	return w.Flush()
}

func moment(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

func reasonList(reasons map[string]int) string {
	var all []string
	for reason, n := range reasons {
		all = append(all, fmt.Sprintf("%s %d", safe([]byte(reason)), n))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func newDeadLetterShow() *cobra.Command {
	f := &letterFlags{}
	var raw bool
	var limit int
	c := letterCommand(&cobra.Command{
		Use:   "show [FLOW [DESTINATION]]",
		Short: "Print dead letters",
		Long: `show prints dead letters: what was refused, why, and where it came from. What could do something to a terminal is quoted.
With --raw it prints the bytes of the records as they are, each with a line end if it has none.`,
		Example: "  kinetail dead-letter show access\n  kinetail dead-letter show access kinesis --reason too_large --limit 1\n  kinetail dead-letter show access --raw > refused.log\n  kinetail dead-letter show -o json | jq -r .reason | sort | uniq -c",
	}, f, takes(0, 2), func(cmd *cobra.Command) error {
		if raw && f.output == "json" {
			return usageError("--raw and -o json say different things: use one")
		}
		if limit < 0 {
			return usageError("--limit %d: use 1 or more, or 0 for all", limit)
		}
		return showLetters(cmd, f, raw, limit)
	})
	outputFlag(c, &f.output)
	c.Flags().StringSliceVar(&f.reasons, "reason", nil, "only letters with this `REASON`, as in list")
	c.Flags().BoolVar(&raw, "raw", false, "print the bytes of the records and nothing else")
	c.Flags().IntVar(&limit, "limit", 0, "print so many at most, oldest first; 0 is all")
	return c
}

func showLetters(cmd *cobra.Command, f *letterFlags, raw bool, limit int) error {
	paths, err := f.paths()
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	left := limit
	for _, p := range paths {
		file, err := emit.OpenLetterFile(p.Path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		var failed error
		err = file.Each(0, func(l *emit.StoredLetter) bool {
			if l.Err != nil {
				_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "kinetail: %s: the line at byte %d is no letter: %v\n", printable(p.Path), l.From, l.Err)
				return true
			}
			if !f.means(l) {
				return true
			}
			failed = showLetter(out, l, raw, f.output)
			left--
			return failed == nil && left != 0
		})
		_ = file.Close()
		if err := errors.Join(err, failed); err != nil {
			return err
		}
		if limit > 0 && left == 0 {
			return nil
		}
	}
	return nil
}

func showLetter(out io.Writer, l *emit.StoredLetter, raw bool, output string) error {
	if raw {
		return writeLine(out, l.Data)
	}
	if output == "json" {
		return json.NewEncoder(out).Encode(l)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s  flow %s  %s  %s\n", moment(&l.Time), safe([]byte(l.Flow)), safe([]byte(l.Destination)), safe([]byte(l.Reason)))
	if l.Detail != "" {
		fmt.Fprintf(&b, "  why     %s\n", safe([]byte(l.Detail)))
	}
	if l.File != "" {
		fmt.Fprintf(&b, "  from    %s, bytes %d to %d\n", safe([]byte(l.File)), l.Start, l.End)
	}
	if l.Key != "" {
		fmt.Fprintf(&b, "  key     %s\n", safe([]byte(l.Key)))
	}
	fmt.Fprintf(&b, "  record  %s\n\n", safe(l.Data))
	_, err := io.WriteString(out, b.String())
	return err
}

func newDeadLetterSend() *cobra.Command {
	f := &letterFlags{}
	var o sendOptions
	c := letterCommand(&cobra.Command{
		Use:   "send FLOW [DESTINATION]",
		Short: "Send dead letters again, and remove what is accepted",
		Long: `send delivers dead letters through the flow's destination as it is configured now, with the same partition key and the bytes as they were
refused, and waits for the service's answer. What is accepted is removed from the file, and nothing else; what is refused again stays. An
agent may run meanwhile. Ctrl-C stops it: what was accepted until then is removed. Killed in the middle, it may send some twice.

Letters that a step refused (parse_error, oversize, ...) were never encoded for the destination: they are sent, as they are, only if --reason
names their reason. Exit code 1 if any letter that was meant is left.`,
		Example: "  kinetail dead-letter send access --dry-run\n  kinetail dead-letter send access kinesis\n  kinetail dead-letter send access kinesis --reason refused --timeout 10m",
	}, f, takes(1, 2), func(cmd *cobra.Command) error {
		if o.timeout <= 0 {
			return usageError("--timeout %s: use a time above 0, as 5m", o.timeout)
		}
		ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
		defer stop()
		return sendLetters(ctx, cmd, f, o)
	})
	c.Flags().StringSliceVar(&f.reasons, "reason", nil, "only letters with this `REASON`, as in list")
	c.Flags().BoolVar(&o.dryRun, "dry-run", false, "say what would be sent; send and remove nothing")
	c.Flags().DurationVar(&o.timeout, "timeout", 5*time.Minute, "how long to try; what is not accepted by then stays")
	return c
}

type sendOptions struct {
	dryRun  bool
	timeout time.Duration
}

func sendLetters(ctx context.Context, cmd *cobra.Command, f *letterFlags, o sendOptions) error {
	cfg, diags := config.Load(f.path, configOptions())
	if diags.HasErrors() {
		return usageError("the configuration %s is wrong, so the destinations are not known: see 'kinetail validate -c %s'", f.path, f.path)
	}
	paths, err := f.paths()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	var all []error
	for _, p := range paths {
		s := &letterSender{cmd: cmd, cfg: cfg, flags: f, path: p, line: newLiveLine(cmd.ErrOrStderr())}
		if o.dryRun {
			err = s.dryRun()
		} else {
			err = s.run(ctx)
		}
		if err != nil {
			err = fmt.Errorf("flow %s, %s: %w", printable(p.Flow), printable(p.Destination), err)
		}
		all = append(all, err)
	}
	return errors.Join(all...)
}
