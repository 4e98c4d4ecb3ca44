package command

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/tailer"
	"github.com/kinetail/kinetail/tailer/checkpoint"
)

func newOffsets() *cobra.Command {
	c := &cobra.Command{
		Use:   "offsets",
		Short: "List, set and forget how far each file is delivered",
		Long: `kinetail remembers in state_dir how far it has delivered each file, so that a restart neither loses nor repeats. list shows that, also
beside a running agent. set and forget change it; the agent must not run then.`,
		Example: "  kinetail offsets list\n  kinetail offsets set access /var/log/nginx/access.log end\n  kinetail offsets forget access /var/log/nginx/access.log",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(newOffsetsList(), newOffsetsSet(), newOffsetsForget())
	return c
}

type offsetsFlags struct {
	path, output string
	all, yes     bool
}

func newOffsetsList() *cobra.Command {
	var f offsetsFlags
	c := &cobra.Command{
		Use:   "list [FLOW]",
		Short: "List what is remembered of each file",
		Long: `list shows what is remembered of each file: how far it is delivered, and how large it was when the agent last looked. It reads what is
committed, up to a second behind a running agent. Files that are delivered for good (rotated away, and quiet) are listed with --all.`,
		Example: "  kinetail offsets list\n  kinetail offsets list access --all\n  kinetail offsets list -o json | jq '.[] | select(.size > .offset)'",
		Args:    usageArgs(takes(0, 1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return listOffsets(cmd, &f, append(args, "")[0])
		},
	}
	configFlag(c, &f.path)
	outputFlag(c, &f.output)
	c.Flags().BoolVar(&f.all, "all", false, "also files that are delivered for good")
	return c
}

// shownOffset is an entry with -o json.
type shownOffset struct {
	Flow        string    `json:"flow"`
	Path        string    `json:"path"`  // the followed path
	Names       []string  `json:"names"` // that the body has or had, newest last
	Generation  string    `json:"generation"`
	Offset      int64     `json:"offset"`
	Size        int64     `json:"size"`
	State       string    `json:"state"`
	Compression string    `json:"compression,omitempty"`
	Seen        time.Time `json:"seen,omitzero"`
}

func shownState(g *checkpoint.Generation) string {
	switch {
	case g.Final:
		return "final"
	case g.Drained:
		return "drained"
	}
	return "following"
}

// remembered are the generations of a flow, or of all flows, that are committed.
func remembered(path, flow string) (string, []checkpoint.Generation, error) {
	dir := config.StateDir(path, configOptions())
	all, err := checkpoint.List(dir)
	if errors.Is(err, os.ErrNotExist) {
		return dir, nil, nil
	}
	if err != nil {
		return dir, nil, err
	}
	return dir, slices.DeleteFunc(all, func(g checkpoint.Generation) bool { return flow != "" && g.Flow != flow }), nil
}

func listOffsets(cmd *cobra.Command, f *offsetsFlags, flow string) error {
	dir, all, err := remembered(f.path, flow)
	if err != nil {
		return err
	}
	shown := []shownOffset{}
	hidden := 0
	for i := range all {
		g := &all[i]
		if g.Final && !f.all {
			hidden++
			continue
		}
		shown = append(shown, shownOffset{
			Flow: g.Flow, Path: g.Path, Names: g.Names, Generation: g.ID, Offset: g.Offset, Size: g.Size, State: shownState(g),
			Compression: g.Compression, Seen: g.Seen,
		})
	}
	out := cmd.OutOrStdout()
	if f.output == "json" {
		return json.NewEncoder(out).Encode(shown)
	}
	if len(shown) > 0 {
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintln(w, "FLOW\tFILE\tSIZE\tDELIVERED\tLEFT\tSTATE\tGENERATION")
		for _, s := range shown {
			_, _ = fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%s\t%s\n", safe([]byte(s.Flow)), safe([]byte(newestName(s.Path, s.Names))), s.Size, s.Offset,
				max(0, s.Size-s.Offset), s.State, s.Generation)
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	switch {
	case hidden > 0:
		_, err = fmt.Fprintf(out, "%d more are delivered for good: --all lists them\n", hidden)
	case len(shown) == 0 && flow != "":
		_, err = fmt.Fprintf(out, "nothing is remembered of flow %s in %s\n", safe([]byte(flow)), dir)
	case len(shown) == 0:
		_, err = fmt.Fprintf(out, "nothing is remembered in %s\n", dir)
	}
	return err
}

// newestName is where a body was last.
func newestName(path string, names []string) string {
	if len(names) == 0 {
		return path
	}
	return names[len(names)-1]
}

func newOffsetsSet() *cobra.Command {
	var f offsetsFlags
	c := &cobra.Command{
		Use:   "set FLOW FILE beginning|end|N",
		Short: "Go on reading a file somewhere else",
		Long: `set moves the position of a file, while no agent runs: to its beginning, behind its last complete line, or to the byte N. It says how much
will be delivered again or skipped, and asks. A position inside a line is moved back to where the line begins; with multiline, choose a line that
begins an event. FILE may also be a generation, as list shows it.

Each change is noted in state_dir/offsets.log.`,
		Example: "  kinetail offsets set access /var/log/nginx/access.log beginning\n  kinetail offsets set access /var/log/nginx/access.log end --yes\n  kinetail offsets set access /var/log/nginx/access.log.1 1048576",
		Args:    usageArgs(takes(3, 3)),
		RunE: func(cmd *cobra.Command, args []string) error {
			to, err := parsePosition(args[2])
			if err != nil {
				return err
			}
			return changeOffsets(cmd, &f, args[0], func(o *offsets) error { return o.set(args[1], to) })
		},
	}
	configFlag(c, &f.path)
	c.Flags().BoolVarP(&f.yes, "yes", "y", false, "do not ask")
	return c
}

func parsePosition(text string) (int64, error) {
	switch text {
	case "beginning":
		return 0, nil
	case "end":
		return tailer.AtEnd, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, usageError("position %q: use beginning, end, or a number of bytes", text)
	}
	return n, nil
}

func newOffsetsForget() *cobra.Command {
	var f offsetsFlags
	c := &cobra.Command{
		Use:   "forget FLOW [FILE]",
		Short: "Forget how far a file, or a whole flow, is delivered",
		Long: `forget removes what is remembered of a file, or of all files of a flow, while no agent runs. At the next start a forgotten file that is
still there is new: it is read from its beginning. A forgotten flow has its first scan again: files start where start_at says. It says how much
will be delivered again or skipped, and asks. FILE may also be a generation, as list shows it.

Each change is noted in state_dir/offsets.log.`,
		Example: "  kinetail offsets forget access /var/log/nginx/access.log\n  kinetail offsets forget old-flow --yes",
		Args:    usageArgs(takes(1, 2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return changeOffsets(cmd, &f, args[0], func(o *offsets) error {
				if len(args) == 2 {
					return o.forget(args[1])
				}
				return o.forgetFlow()
			})
		},
	}
	configFlag(c, &f.path)
	c.Flags().BoolVarP(&f.yes, "yes", "y", false, "do not ask")
	return c
}

// offsets are those of one flow, in a state directory that is ours.
type offsets struct {
	cmd    *cobra.Command
	flags  *offsetsFlags
	name   string
	flow   *config.Flow // nil when the configuration has none of that name, or is wrong
	dir    string
	store  *checkpoint.Store
	all    []checkpoint.Generation
	change bool
}

// changeOffsets takes the state directory, which no agent may have, calls change, and makes what it changed durable.
func changeOffsets(cmd *cobra.Command, f *offsetsFlags, flow string, change func(*offsets) error) (err error) {
	dir, all, err := remembered(f.path, flow) // before Open, which would make a directory where there is none
	if err != nil {
		return err
	}
	if all == nil {
		return fmt.Errorf("nothing is remembered in %s: is that the state_dir that the agent uses?", dir)
	}
	store, err := checkpoint.Open(dir, checkpoint.Options{Log: slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))})
	var used *checkpoint.InUseError
	if errors.As(err, &used) {
		return fmt.Errorf("positions can be changed only while no agent runs: %w", err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if len(store.Flows()) == 0 {
		return fmt.Errorf("nothing is remembered in %s", dir)
	}
	if !slices.Contains(store.Flows(), flow) {
		return fmt.Errorf("nothing is remembered of flow %s; there is something of: %s", safe([]byte(flow)), safe([]byte(strings.Join(store.Flows(), ", "))))
	}
	o := &offsets{cmd: cmd, flags: f, name: flow, dir: dir, store: store}
	if o.all, err = store.Load(flow); err != nil {
		return err
	}
	for i := range o.all {
		growth(&o.all[i])
	}
	if cfg, diags := config.Load(f.path, configOptions()); !diags.HasErrors() {
		for _, c := range cfg.Flows {
			if c.Name == flow {
				o.flow = c
			}
		}
	}
	if err := change(o); err != nil || !o.change {
		return err
	}
	if err := store.Sync(cmd.Context()); err != nil {
		return fmt.Errorf("nothing is changed: %w", err)
	}
	return nil
}

// growth takes over how large a file has become since the agent last looked.
func growth(g *checkpoint.Generation) {
	info, err := os.Stat(newestName(g.Path, g.Names))
	if err == nil && inode(info) == g.Ino && g.Compression == "" && !g.Final {
		g.Size = info.Size()
	}
}

// find is the generation that is meant by a path, or by its own id.
func (o *offsets) find(file string) (*checkpoint.Generation, error) {
	abs, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	var newest, any []*checkpoint.Generation
	info, statErr := os.Stat(abs)
	for i := range o.all {
		g := &o.all[i]
		if g.ID == file {
			return g, nil
		}
		if g.Path != abs && !slices.Contains(g.Names, abs) {
			continue
		}
		if statErr == nil && inode(info) == g.Ino && !g.Final {
			return g, nil
		}
		any = append(any, g)
		if newestName(g.Path, g.Names) == abs {
			newest = append(newest, g)
		}
	}
	switch {
	case len(any) == 1:
		return any[0], nil
	case len(newest) == 1:
		return newest[0], nil
	case len(any) == 0:
		var known []string
		for _, g := range o.all {
			if name := safe([]byte(newestName(g.Path, g.Names))); !slices.Contains(known, name) && len(known) < 10 {
				known = append(known, name)
			}
		}
		return nil, fmt.Errorf("flow %s remembers nothing of %s; it does of %s ('kinetail offsets list --all' shows all)", safe([]byte(o.name)),
			safe([]byte(abs)), strings.Join(known, ", "))
	}
	var ids []string
	for _, g := range any {
		ids = append(ids, fmt.Sprintf("%s (delivered %d of %d, %s)", g.ID, g.Offset, g.Size, shownState(g)))
	}
	return nil, fmt.Errorf("%s has had several bodies: name the generation instead of the file:\n  %s", safe([]byte(abs)), strings.Join(ids, "\n  "))
}

// confirm shows what will happen and asks, unless --yes says not to.
func (o *offsets) confirm(text string) error {
	out := o.cmd.OutOrStdout()
	if _, err := fmt.Fprintln(out, text); err != nil {
		return err
	}
	if o.flags.yes {
		return nil
	}
	_, _ = fmt.Fprint(out, "Do it? [y/N] ")
	answer, _ := bufio.NewReader(o.cmd.InOrStdin()).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	_, _ = fmt.Fprintln(out)
	return errors.New("nothing is changed (--yes does it without asking)")
}
