// Man writes the manual pages and shell completions of the packages, from the command line itself and from the configuration's reference. It is
// a program of its own, so that what it needs is not in the binary that is shipped.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cpuguy83/go-md2man/v2/md2man"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/kinetail/kinetail/agent/command"
)

func main() {
	out := flag.String("o", "", "`DIRECTORY` to write man1, man5, bash, zsh and fish into")
	date := flag.Int64("date", 0, "the pages' date, in seconds since 1970")
	reference := flag.String("reference", "docs/reference.md", "the configuration's reference")
	flag.Parse()
	if err := write(*out, *reference, time.Unix(*date, 0).UTC()); err != nil {
		fmt.Fprintln(os.Stderr, "man:", err)
		os.Exit(1)
	}
}

func write(out, reference string, date time.Time) error {
	if out == "" {
		return errors.New("name a directory with -o")
	}
	for _, dir := range []string{"man1", "man5", "bash", "zsh", "fish"} {
		if err := os.MkdirAll(filepath.Join(out, dir), 0o755); err != nil {
			return err
		}
	}
	root := command.Root()
	root.DisableAutoGenTag = true
	header := &doc.GenManHeader{Section: "1", Source: "kinetail", Manual: "kinetail manual", Date: &date}
	if err := doc.GenManTree(root, header, filepath.Join(out, "man1")); err != nil {
		return fmt.Errorf("manual of the commands: %w", err)
	}
	if err := configurationPage(filepath.Join(out, "man5", "kinetail.hcl.5"), reference, date); err != nil {
		return fmt.Errorf("manual of the configuration: %w", err)
	}
	return completions(root, out)
}

// configurationPage is kinetail.hcl(5).
func configurationPage(file, reference string, date time.Time) error {
	text, err := os.ReadFile(reference)
	if err != nil {
		return err
	}
	head := fmt.Sprintf("%% %q %q %q %q %q\n", "KINETAIL.HCL", "5", date.Format("Jan 2006"), "kinetail", "kinetail manual")
	const name = `# NAME

kinetail.hcl - configuration of kinetail

# DESCRIPTION

All *.hcl and *.hcl.json files in /etc/kinetail are one configuration. kinetail(1) says how it is checked and run.

`
	_, body, _ := strings.Cut(string(text), "\n\n")           // the title
	_, body, ok := strings.Cut(body, "keeps it current.\n\n") // how the page is made
	if !ok {
		return fmt.Errorf("%s does not begin as it used to: renew what is cut off here", reference)
	}
	return os.WriteFile(file, md2man.Render([]byte(head+name+lists(body))), 0o644)
}

// lists makes a list of each table, a row being a term and what is said of it: a terminal has no room for more columns.
func lists(markdown string) string {
	var out strings.Builder
	var head []string
	for line := range strings.Lines(markdown) {
		switch cells := row(line); {
		case cells == nil:
			head = nil
			out.WriteString(line)
		case head == nil:
			head = cells
		case strings.Trim(strings.Join(cells, ""), "-: ") == "":
		default:
			out.WriteString(term(head, cells))
		}
	}
	return out.String()
}

// row is the cells of a table's row, nil for any other line.
func row(line string) []string {
	line = strings.TrimSpace(line)
	if !strings.HasPrefix(line, "|") || !strings.HasSuffix(line, "|") {
		return nil
	}
	const bar = "\x00"
	cells := strings.Split(strings.ReplaceAll(strings.Trim(line, "|"), `\|`, bar), "|")
	for i, c := range cells {
		cells[i] = strings.TrimSpace(strings.ReplaceAll(c, bar, "|"))
	}
	return cells
}

// term is a row as an item of a list. What is in the second of three or more columns is short and goes with the term, as a default does.
func term(head, cells []string) string {
	first, rest := cells[0], cells[1:]
	var brackets []string
	for len(rest) > 1 {
		if said := rest[0]; said != "" {
			if head[len(cells)-len(rest)] == "default" && said != "needed" {
				said = "default " + said
			}
			brackets = append(brackets, said)
		}
		rest = rest[1:]
	}
	if len(brackets) > 0 {
		first += " (" + strings.Join(brackets, ", ") + ")"
	}
	return first + "\n: " + strings.Join(rest, "") + "\n\n"
}

func completions(root *cobra.Command, out string) error {
	return errors.Join(
		root.GenBashCompletionFileV2(filepath.Join(out, "bash", "kinetail"), true),
		root.GenZshCompletionFile(filepath.Join(out, "zsh", "_kinetail")),
		root.GenFishCompletionFile(filepath.Join(out, "fish", "kinetail.fish"), true),
	)
}
