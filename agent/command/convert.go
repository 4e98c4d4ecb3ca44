package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/agent/convert"
	"github.com/kinetail/kinetail/agent/convert/sqlite"
	"github.com/kinetail/kinetail/tailer/checkpoint"
)

type convertFlags struct {
	dir, checkpoints, stateDir, dual, output string
	dryRun                                   bool
}

func newConvert() *cobra.Command {
	var f convertFlags
	c := &cobra.Command{
		Use:   "convert agent.json",
		Short: "Make a configuration of that of amazon-kinesis-agent, and take over its positions",
		Long: `convert writes to standard output what the Java agent's configuration is here, ready for 'kinetail run', and to standard error a report of
every key: taken over, better here, different here, not needed, or no counterpart. The flows of the files in agent.d, beside agent.json, are
appended, as there. What arrives in the streams stays the same, byte by byte. Credentials are not copied.

With --checkpoints the positions of the Java agent, which must be stopped, are taken over into the state directory: kinetail goes on where it
ended, and nothing is lost or repeated. With --dual the streams' names get an ending, so that both agents can run for a while, each into its
own streams.

Exit code 1 if a flow could not be converted; it stands in the result as a comment. docs/migrating.md is the guide.`,
		Example: `  kinetail convert /etc/aws-kinesis/agent.json > kinetail.hcl
  kinetail convert /etc/aws-kinesis/agent.json --dual=-kinetail > kinetail.hcl
  kinetail convert /etc/aws-kinesis/agent.json --checkpoints /var/run/aws-kinesis-agent/checkpoints --dry-run > /dev/null
  kinetail convert /etc/aws-kinesis/agent.json -o json | jq '.report[] | select(.verdict == "no counterpart")'`,
		Args: takes(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.dual != "" && f.checkpoints != "" {
				return usageError("--dual is to run both agents, --checkpoints to switch over: use one after the other")
			}
			if f.stateDir != "" && !filepath.IsAbs(f.stateDir) {
				return usageError("--state-dir %q must be an absolute path", f.stateDir)
			}
			return runConvert(cmd, &f, args[0])
		},
	}
	c.Flags().StringVar(&f.dir, "agent-d", "", "`DIRECTORY` with further files; by default agent.d beside agent.json, if it is there")
	c.Flags().StringVar(&f.checkpoints, "checkpoints", "", "take over the positions in this SQLite `FILE` of the Java agent")
	c.Flags().StringVar(&f.stateDir, "state-dir", "", "state `DIRECTORY` of kinetail (default /var/lib/kinetail)")
	c.Flags().StringVar(&f.dual, "dual", "", "append this `ENDING` to the streams' names, to run beside the Java agent")
	c.Flags().Lookup("dual").NoOptDefVal = "-kinetail"
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "with --checkpoints: show what would be taken over, and change nothing")
	outputFlag(c, &f.output)
	return c
}

func runConvert(cmd *cobra.Command, f *convertFlags, path string) error {
	sources, err := agentSources(path, f.dir)
	if err != nil {
		return usageError("%w", err)
	}
	r, err := convert.Convert(sources, convert.Options{Dual: f.dual, StateDir: f.stateDir})
	if err != nil {
		return usageError("%w", err)
	}
	var positions *convert.Positions
	if f.checkpoints != "" && len(r.HCL) > 0 {
		if positions, err = takePositions(cmd, f, r); err != nil {
			return err
		}
	}
	if f.output == "json" {
		err = writeConvertJSON(cmd.OutOrStdout(), r, positions)
	} else {
		err = writeConvertText(cmd, r, positions, f)
	}
	if err == nil && len(r.Failed) > 0 {
		err = fmt.Errorf("%d of %d flows could not be converted: see \"no counterpart\"", len(r.Failed), len(r.Failed)+len(r.Flows))
	}
	return err
}

// agentSources reads agent.json and the files of agent.d, by their names.
func agentSources(path, dir string) ([]convert.Source, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the configuration of the Java agent cannot be read: %w", err)
	}
	sources := []convert.Source{{Name: path, Text: text}}
	given := dir != ""
	if !given {
		dir = filepath.Join(filepath.Dir(path), "agent.d")
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) && !given {
		return sources, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the further files of the Java agent cannot be read: %w", err)
	}
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		if st, err := os.Stat(name); err != nil || !st.Mode().IsRegular() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("a further file of the Java agent cannot be read: %w", err)
		}
		sources = append(sources, convert.Source{Name: name, Text: text})
	}
	return sources, nil
}

func writeConvertJSON(w io.Writer, r *convert.Result, p *convert.Positions) error {
	out := struct {
		Config    string          `json:"config"`
		Report    convert.Report  `json:"report"`
		Failed    []string        `json:"failed"`
		Positions []convert.Taken `json:"positions,omitempty"`
	}{Config: string(r.HCL), Report: r.Report.Sorted(), Failed: []string{}}
	for _, err := range r.Failed {
		out.Failed = append(out.Failed, err.Error())
	}
	if p != nil {
		out.Positions = p.Taken
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(out)
}

func writeConvertText(cmd *cobra.Command, r *convert.Result, p *convert.Positions, f *convertFlags) error {
	if _, err := cmd.OutOrStdout().Write(r.HCL); err != nil {
		return err
	}
	w := cmd.ErrOrStderr()
	if err := r.Report.WriteText(w, columns(w, 100)); err != nil {
		return err
	}
	if p != nil {
		if err := writePositions(w, p, f.dryRun); err != nil {
			return err
		}
	}
	if f.dual != "" {
		var streams []string
		cfg, _ := config.Parse("", r.HCL, configOptions())
		for _, flow := range cfg.Flows {
			if s := flow.Emits[0].Kind + " " + flow.Emits[0].Stream; !slices.Contains(streams, s) {
				streams = append(streams, s)
			}
		}
		_, err := fmt.Fprintf(w, "\nto run both: make the streams %s;\nstart kinetail with this configuration beside the Java agent (it only reads the logs); compare what arrives in both;\nthen stop both and convert again with --checkpoints %s instead of --dual\n",
			strings.Join(streams, ", "), r.CheckpointFile)
		return err
	}
	return nil
}

// columns is how wide the terminal is that w is, else usual.
func columns(w io.Writer, usual int) int {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 20 {
			return width
		}
	}
	return usual
}

func writePositions(w io.Writer, p *convert.Positions, dry bool) error {
	what := "positions (taken over)"
	if dry {
		what = "positions (nothing is changed: --dry-run)"
	}
	_, _ = fmt.Fprintln(w, what)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	lost := int64(0)
	for _, x := range p.Taken {
		offset := "-"
		if x.Offset >= 0 {
			offset = fmt.Sprint(x.Offset)
		}
		_, _ = fmt.Fprintf(t, "  %s\t%s\tfrom %s\t%d bytes left\t%s\n", x.Flow, safe([]byte(x.Path)), offset, x.Left, safe([]byte(x.Text)))
		lost += x.Lost
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if lost > 0 {
		_, err := fmt.Fprintf(w, "  %d bytes that the Java agent had not sent are gone: neither agent can deliver them\n", lost)
		return err
	}
	return nil
}

// takePositions decides where each file goes on, and writes that into the state directory.
func takePositions(cmd *cobra.Command, f *convertFlags, r *convert.Result) (*convert.Positions, error) {
	const unchanged = "nothing is changed: %w"
	if pid, name := convert.Holder(f.checkpoints); pid != 0 && !f.dryRun {
		return nil, fmt.Errorf(unchanged, fmt.Errorf("%s is open in process %d (%s): stop the Java agent first (systemctl stop aws-kinesis-agent), so that its positions are final",
			f.checkpoints, pid, safe([]byte(name))))
	}
	cfg, diags := config.Parse("", r.HCL, configOptions())
	if diags.HasErrors() {
		return nil, fmt.Errorf(unchanged, errors.New(plainText(diags)))
	}
	positions, err := convert.TakePositions(f.checkpoints, r.Flows, cfg)
	switch {
	case errors.Is(err, sqlite.ErrBusy):
		err = fmt.Errorf("%w: stop the Java agent first (systemctl stop aws-kinesis-agent)", err)
	case errors.Is(err, sqlite.ErrHot):
		err = fmt.Errorf("%w: start and stop the Java agent once, which undoes it", err)
	case errors.Is(err, sqlite.ErrNot), errors.Is(err, sqlite.ErrNoTable):
		err = fmt.Errorf("%w: the Java agent's positions are in the file that checkpointFile names, by default %s", err, convert.DefaultCheckpointFile)
	case errors.Is(err, sqlite.ErrBroken):
		err = fmt.Errorf("%w: without it kinetail starts at start_at; 'kinetail offsets set' moves a position", err)
	}
	if err != nil {
		return nil, fmt.Errorf(unchanged, err)
	}
	if f.dryRun {
		return positions, nil
	}
	dir := cfg.Agent.StateDir
	store, err := checkpoint.Open(dir, checkpoint.Options{Log: slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))})
	var used *checkpoint.InUseError
	if errors.As(err, &used) {
		return nil, fmt.Errorf("nothing is changed: stop kinetail first: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf(unchanged, err)
	}
	err = positions.Commit(store, func() error { return store.Sync(cmd.Context()) })
	if err := errors.Join(err, store.Close()); err != nil {
		return nil, err
	}
	return positions, giveAway(dir)
}

// giveAway makes what root has put into a state directory its owner's, so that a service that runs as another user can use it.
func giveAway(dir string) error {
	st, err := os.Stat(dir)
	if err != nil || os.Geteuid() != 0 {
		return err
	}
	owner, ok := st.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid == 0 {
		return nil
	}
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		err = errors.Join(err, os.Lchown(filepath.Join(dir, e.Name()), int(owner.Uid), int(owner.Gid)))
	}
	return err
}
