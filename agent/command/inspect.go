package command

import (
	"bytes"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/agent/conftest"
	"github.com/kinetail/kinetail/pipeline"
	"github.com/kinetail/kinetail/pipeline/record"
)

// maxSample is the most that --inspect reads, in bytes: it is for people.
const maxSample = 16 << 20

// inspect shows what each step of a flow does to each line of standard input.
func inspect(cmd *cobra.Command, f runFlags) error {
	if !f.dryRun {
		return usageError("--inspect sends nothing: write --dry-run --inspect")
	}
	cfg, diags := config.Load(f.path, configOptions())
	if diags.HasErrors() {
		if err := show(cmd.ErrOrStderr(), diags); err != nil {
			return err
		}
		return fmt.Errorf("%w%w", hidden{errUsage}, errPrinted)
	}
	flow, err := inspected(cfg, f.stdin)
	if err != nil {
		return err
	}
	data, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), maxSample+1))
	if err != nil {
		return fmt.Errorf("read standard input: %w", err)
	}
	if len(data) > maxSample {
		return fmt.Errorf("standard input has more than %d MiB: inspect a part of it, such as the output of head", maxSample>>20)
	}
	in := conftest.Input{Data: data}
	if len(flow.Tail.Paths) > 0 {
		in.Path = flow.Tail.Paths[0]
	}
	var b bytes.Buffer
	seen, before := -1, ""
	ends := map[int]*bytes.Buffer{} // what is written of each record, by its index
	out, err := conftest.Process(cfg, flow, flow.Emits[0], in, func(index int, line []byte, step int, r *record.Record, fate pipeline.Fate) {
		if index != seen {
			seen, before = index, string(line)
			ends[index] = &bytes.Buffer{}
			fmt.Fprintf(ends[index], "%4d  %s\n", index+1, printableLine(string(line)))
		}
		replaced := 0
		after := string(r.AppendJSON(nil, &replaced))
		writeStep(ends[index], flow.Steps[step], before, after, fate)
		before = after
	})
	if err != nil {
		return err
	}
	results := map[int]string{}
	for _, r := range out.Records {
		results[r.Index] = "-> " + flow.Emits[0].Name
		if r.Key != nil {
			results[r.Index] += fmt.Sprintf(" key=%s", printableLine(*r.Key))
		}
		results[r.Index] += ": " + printableLine(r.Data)
	}
	for _, r := range out.Refused {
		results[r.Index] = fmt.Sprintf("-> dead letter (%s): %s", r.Reason, printableLine(r.Data))
	}
	last := seen
	for i := range results {
		last = max(last, i)
	}
	for i := 0; i <= last; i++ {
		if text := ends[i]; text != nil {
			b.Write(text.Bytes())
		} else {
			fmt.Fprintf(&b, "%4d\n", i+1) // no step has seen it
		}
		if text := results[i]; text != "" {
			b.WriteString("      " + text + "\n")
		}
	}
	_, err = cmd.OutOrStdout().Write(b.Bytes())
	return err
}

// inspected is the flow of a name, or the only one.
func inspected(cfg *config.Config, name string) (*config.Flow, error) {
	for _, flow := range cfg.Flows {
		if flow.Name == name || name == "" && len(cfg.Flows) == 1 {
			return flow, nil
		}
	}
	if name == "" {
		return nil, usageError("there are %d flows: choose one with --stdin FLOW", len(cfg.Flows))
	}
	return nil, noFlow(cfg, "--stdin", name)
}

// writeStep writes what one step made of a record.
func writeStep(b *bytes.Buffer, s *config.Step, before, after string, fate pipeline.Fate) {
	name := s.Kind
	if s.Label != "" {
		name += fmt.Sprintf(" %q", s.Label)
	}
	name = fmt.Sprintf("%s (line %d)", name, s.Range.Start.Line)
	switch {
	case fate == pipeline.Dropped:
		after = "dropped"
	case fate == pipeline.Refused:
		after = "refused"
	case before == after:
		after = "as before"
	}
	fmt.Fprintf(b, "      %-24s %s\n", name, printableLine(after))
}
