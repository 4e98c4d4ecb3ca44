package command

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/agent/metadata"
)

func newValidate() *cobra.Command {
	var path, output string
	c := &cobra.Command{
		Use:   "validate",
		Short: "Check a configuration and show every mistake in it",
		Long: `validate reads the configuration as run does and shows every mistake with its place and what would be right, and hints about what is
right but may surprise. It needs neither the network nor the files that the configuration names. Exit code 2 if there is a mistake.`,
		Example: "  kinetail validate\n  kinetail validate -c kinetail.hcl\n  kinetail validate -c /etc/kinetail/ -o json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, diags := config.Load(path, configOptions())
			if output == "json" {
				if err := diags.WriteJSON(cmd.OutOrStdout()); err != nil {
					return err
				}
			} else if err := show(cmd.ErrOrStderr(), diags); err != nil {
				return err
			}
			if diags.HasErrors() {
				return fmt.Errorf("%w%w", hidden{errUsage}, errPrinted)
			}
			if output == "text" {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), summary(path, cfg))
				return err
			}
			return nil
		},
	}
	configFlag(c, &path)
	outputFlag(c, &output)
	return c
}

func configOptions() config.Options { return config.Options{} }

// runOptions are those of commands that run flows, whose expressions read what m comes to know.
func runOptions(m *metadata.Store) config.Options {
	return config.Options{Roots: m.Roots(), Pods: m.Pods()}
}

// summary says in a line what a good configuration does.
func summary(path string, cfg *config.Config) string {
	text := fmt.Sprintf("%s is valid: %d flows", path, len(cfg.Flows))
	if len(cfg.Flows) == 1 {
		text = path + " is valid: 1 flow"
	}
	for _, f := range cfg.Flows {
		text += "\n  " + f.Name + ":"
		for i, e := range f.Emits {
			if i > 0 {
				text += ","
			}
			target := e.Stream
			switch {
			case e.StreamARN != "":
				target = e.StreamARN
			case e.Kind == "file":
				target = e.Path
			}
			text += " " + e.Kind
			if target != "" {
				text += " " + target
			}
		}
	}
	return text
}

// show writes diagnostics for people, and after mistakes how many there are.
func show(w io.Writer, diags *config.Diagnostics) error {
	opts := config.TextOptions{}
	if isTerminal(w) {
		opts.Color = os.Getenv("NO_COLOR") == ""
		if width, _, err := term.GetSize(int(w.(*os.File).Fd())); err == nil {
			opts.Width = width
		}
	}
	if err := diags.WriteText(w, opts); err != nil {
		return err
	}
	if n, _ := diags.Count(); n > 1 {
		_, err := fmt.Fprintf(w, "%d mistakes\n", n)
		return err
	}
	return nil
}

// plainText is what show writes, for logs.
func plainText(diags *config.Diagnostics) string {
	var b bytes.Buffer
	_ = diags.WriteText(&b, config.TextOptions{})
	return b.String()
}
