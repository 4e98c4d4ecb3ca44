package command

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"github.com/kinetail/kinetail/agent/config"
)

type fmtFlags struct{ check, diff, write bool }

func newFmt() *cobra.Command {
	var f fmtFlags
	c := &cobra.Command{
		Use:   "fmt [FILE | DIR | -]...",
		Short: "Format configuration files",
		Long: `fmt brings configuration files into the usual form: indented, arguments aligned. With a directory, all its *.hcl files.
Without --write the formatted text goes to standard output, and "-" (or nothing) reads standard input. Comments and values stay as they are.`,
		Example: "  kinetail fmt kinetail.hcl\n  kinetail fmt --write /etc/kinetail/\n  kinetail fmt --check --diff .",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{"-"}
			}
			return formatAll(cmd, f, args)
		},
	}
	c.Flags().BoolVar(&f.check, "check", false, "change nothing; list what would change and exit with 1 if there is any")
	c.Flags().BoolVar(&f.diff, "diff", false, "show what would change")
	c.Flags().BoolVar(&f.write, "write", false, "write the files")
	return c
}

func formatAll(cmd *cobra.Command, f fmtFlags, args []string) error {
	var files []string
	for _, arg := range args {
		info, err := os.Stat(arg)
		if arg == "-" || err == nil && !info.IsDir() {
			files = append(files, arg)
			continue
		}
		if err != nil {
			return usageError("%w", err)
		}
		matches, err := filepath.Glob(filepath.Join(arg, "*.hcl"))
		if err != nil {
			return usageError("%w", err)
		}
		files = append(files, matches...)
	}
	changed := false
	for _, name := range files {
		c, err := formatOne(cmd, f, name)
		if err != nil {
			return err
		}
		changed = changed || c
	}
	if f.check && changed {
		return errPrinted
	}
	return nil
}

// formatOne formats one file and reports whether that changes it.
func formatOne(cmd *cobra.Command, f fmtFlags, name string) (changed bool, err error) {
	out := cmd.OutOrStdout()
	var src []byte
	if name == "-" {
		src, err = io.ReadAll(cmd.InOrStdin())
	} else {
		src, err = os.ReadFile(name)
	}
	if err != nil {
		return false, fmt.Errorf("format %s: %w", name, err)
	}
	if _, diags := hclwrite.ParseConfig(src, name, hcl.InitialPos); diags.HasErrors() {
		return false, usageError("%s can't be formatted: %w", name, diags)
	}
	formatted := config.Format(src)
	changed = !bytes.Equal(src, formatted)
	if f.diff && changed {
		if _, err := out.Write(diff.Diff(name, src, name+" formatted", formatted)); err != nil {
			return changed, err
		}
	}
	switch {
	case f.check:
		if changed {
			_, err = fmt.Fprintln(out, name)
		}
	case f.write && name != "-":
		if changed {
			err = writeOver(name, formatted)
		}
	case !f.diff:
		_, err = out.Write(formatted)
	}
	return changed, err
}

// writeOver replaces a file's content and keeps its mode and, as far as it may, its owner; the old content is there until the new one is whole.
func writeOver(name string, text []byte) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	fresh, err := os.CreateTemp(filepath.Dir(name), ".kinetail-fmt-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(fresh.Name()) }()
	if _, err := fresh.Write(text); err != nil {
		return err
	}
	if err := fresh.Chmod(info.Mode()); err != nil {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		_ = fresh.Chown(int(st.Uid), int(st.Gid))
	}
	if err := fresh.Close(); err != nil {
		return err
	}
	return os.Rename(fresh.Name(), name)
}
