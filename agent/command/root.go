package command

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// Exit codes, the same for every command.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2 // wrong usage or configuration
)

// DefaultConfig is where run, validate and the packages look for the configuration.
const DefaultConfig = "/etc/kinetail/"

// errUsage marks an error as wrong usage or configuration.
var errUsage = errors.New("usage")

// errPrinted marks an error that has been shown already.
var errPrinted = errors.New("printed")

// Main runs the command line and returns the exit code.
func Main(args []string, in io.Reader, out, errOut io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.Execute()
	if err == nil {
		return exitDone
	}
	if !errors.Is(err, errPrinted) {
		_, _ = fmt.Fprintf(errOut, "kinetail: %v\n", err)
	}
	if errors.Is(err, errUsage) {
		return exitUsage
	}
	return exitFailed
}

// Root is the whole command line, for those who write its manual.
func Root() *cobra.Command { return newRoot() }

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "kinetail",
		Short: "Ship rotating log files to Kinesis and Firehose",
		Long: `kinetail follows log files as they grow and rotate, and delivers every line to Amazon Kinesis Data Streams or
Amazon Data Firehose. It remembers durably how far it has delivered each file.

Start with:

  kinetail demo                       see it work, no account and no network needed
  kinetail validate -c kinetail.hcl   check a configuration
  kinetail run -c kinetail.hcl        run it`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          noArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError("%w (see '%s --help')", err, cmd.CommandPath())
	})
	root.AddCommand(newRun(), newStatus(), newValidate(), newFmt(), newTest(), newDemo(), newVersion())
	root.AddCommand(newDeadLetter(), newOffsets(), newDrain(), newRead(), newTap(), newResume(), newDoctor())
	root.AddCommand(newConvert())
	root.AddCommand(newPlan())
	root.Version = Version // --version; a template of our own for it would link text/template, and with that all methods of all types: 3 MB
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			c.Args, c.RunE = noArgs, func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		}
		c.Args = usageArgs(c.Args)
	}
	root.Args = usageArgs(root.Args)
	return root
}

// usageArgs makes a command's complaints about its arguments exit with exitUsage.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if check == nil {
			return nil
		}
		if err := check(cmd, args); err != nil {
			return usageError("%w (see '%s --help')", err, cmd.CommandPath())
		}
		return nil
	}
}

// noArgs is of commands without arguments; most who give one mean the configuration.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if cmd.HasSubCommands() {
		err := fmt.Errorf("there is no command '%s %s'", cmd.CommandPath(), args[0])
		cmd.SuggestionsMinimumDistance = 2
		if alike := cmd.SuggestionsFor(args[0]); len(alike) > 0 {
			err = fmt.Errorf("%w; did you mean '%s %s'?", err, cmd.CommandPath(), alike[0])
		}
		return err
	}
	if cmd.Flags().Lookup("config") != nil {
		return fmt.Errorf("%s takes no argument; the configuration is named with -c: %s -c %s", cmd.Name(), cmd.CommandPath(), args[0])
	}
	return fmt.Errorf("%s takes no argument, not %q", cmd.Name(), args[0])
}

// takes is of commands with so many arguments; their usage line names them.
func takes(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return fmt.Errorf("wrong number of arguments: write %s", strings.TrimSuffix(cmd.UseLine(), " [flags]"))
		}
		return nil
	}
}

func usageError(format string, args ...any) error {
	return fmt.Errorf("%w%w", hidden{errUsage}, fmt.Errorf(format, args...))
}

// hidden keeps an error's identity and not its text.
type hidden struct{ error }

func (hidden) Error() string   { return "" }
func (h hidden) Unwrap() error { return h.error }
