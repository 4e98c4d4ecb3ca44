package command

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/agent/conftest"
)

type testFlags struct {
	path, output, only string
}

func newTest() *cobra.Command {
	var f testFlags
	c := &cobra.Command{
		Use:   "test",
		Short: "Run the test blocks of a configuration",
		Long: `test runs the test blocks of the configuration and of the files beside it (*_test.hcl in a directory, NAME_test.hcl beside NAME.hcl): the
lines of each go through the flow's steps, and what comes out is compared with what is expected. Nothing is followed or sent.

  test "health checks are dropped" {
    flow           = "access"
    input          = ["10.0.0.1 - - [01/Jan/2026:00:00:00 +0000] \"GET /health HTTP/1.1\" 200 2 \"-\" \"curl\""]
    expect         = []
    expect_dropped = 1
  }

Exit code 0 if all pass, 1 if one fails, 2 if the configuration is wrong or has no tests.`,
		Example: "  kinetail test\n  kinetail test -c kinetail.hcl\n  kinetail test -c /etc/kinetail/ --run 'health|errors'\n  kinetail test -o junit > report.xml",
		Args:    noArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return runTests(cmd, f) },
	}
	configFlag(c, &f.path)
	c.Flags().StringVar(&f.only, "run", "", "run only the tests whose name matches this regular `EXPRESSION`")
	c.Flags().StringVarP(&f.output, "output", "o", "text", "text, json or junit")
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json", "junit"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

func runTests(cmd *cobra.Command, f testFlags) error {
	only, err := regexp.Compile(f.only)
	if err != nil {
		return usageError("--run %s: %w", f.only, err)
	}
	write, ok := map[string]func(io.Writer, testRun) error{"text": writeTests, "json": writeTestsJSON, "junit": writeTestsJUnit}[f.output]
	if !ok {
		return usageError("-o %s: use text, json or junit", f.output)
	}
	opts := configOptions()
	opts.Tests = true
	cfg, diags := config.Load(f.path, opts)
	if diags.HasErrors() {
		if err := show(cmd.ErrOrStderr(), diags); err != nil {
			return err
		}
		return fmt.Errorf("%w%w", hidden{errUsage}, errPrinted)
	}
	run := testRun{path: f.path, diags: diags}
	for _, t := range cfg.Tests {
		if !only.MatchString(t.Name) {
			continue
		}
		r, err := conftest.Run(cfg, t)
		if err != nil {
			return err
		}
		run.results = append(run.results, r)
		if len(r.Failures) > 0 {
			run.failed++
		}
	}
	if len(run.results) == 0 {
		if f.only != "" && len(cfg.Tests) > 0 {
			return usageError("no test matches --run %s", f.only)
		}
		return usageError("%s has no tests: write test blocks into it or into a *_test.hcl file beside it (see 'kinetail test --help')", f.path)
	}
	if err := write(cmd.OutOrStdout(), run); err != nil {
		return err
	}
	if run.failed > 0 {
		return errPrinted
	}
	return nil
}

// testRun is what a run of tests found.
type testRun struct {
	path    string
	diags   *config.Diagnostics
	results []conftest.Result
	failed  int
}

// writeTests writes for people.
func writeTests(w io.Writer, run testRun) error {
	opts := config.TextOptions{}
	if isTerminal(w) {
		opts.Color = os.Getenv("NO_COLOR") == ""
		if width, _, err := term.GetSize(int(w.(*os.File).Fd())); err == nil {
			opts.Width = width
		}
	}
	var b bytes.Buffer
	for _, r := range run.results {
		if len(r.Failures) == 0 {
			fmt.Fprintf(&b, "ok    %s: %s\n", r.Test.Flow.Name, printable(r.Test.Name))
			continue
		}
		fmt.Fprintf(&b, "FAIL  %s: %s\n", r.Test.Flow.Name, printable(r.Test.Name))
		for _, f := range r.Failures {
			if err := run.writeFailure(&b, f, opts); err != nil {
				return err
			}
		}
	}
	fmt.Fprintf(&b, "%d passed, %d failed\n", len(run.results)-run.failed, run.failed)
	_, err := w.Write(b.Bytes())
	return err
}

// writeFailure writes the line of the configuration, what is wrong, and the difference.
func (run *testRun) writeFailure(b *bytes.Buffer, f conftest.Failure, opts config.TextOptions) error {
	if err := run.diags.WritePlace(b, f.Range, f.Summary, opts); err != nil {
		return err
	}
	if f.Diff == "" {
		return nil
	}
	b.WriteString("      expected -, got +\n")
	for _, line := range strings.Split(f.Diff, "\n") {
		line = printableLine(line)
		switch {
		case opts.Color && strings.HasPrefix(line, "-"):
			line = "\x1b[31m" + line + "\x1b[0m"
		case opts.Color && strings.HasPrefix(line, "+"):
			line = "\x1b[32m" + line + "\x1b[0m"
		}
		b.WriteString("      " + line + "\n")
	}
	return nil
}

// printableLine makes a line of a log harmless on a terminal and in XML.
func printableLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r >= 0x7f && r < 0xa0 {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

type jsonTest struct {
	Name     string            `json:"name"`
	Flow     string            `json:"flow"`
	File     string            `json:"file"`
	Line     int               `json:"line"`
	Passed   bool              `json:"passed"`
	Seconds  float64           `json:"seconds"`
	Failures []jsonTestFailure `json:"failures"`
}

type jsonTestFailure struct {
	Summary string `json:"summary"`
	File    string `json:"file"`
	Line    int    `json:"line"`
	Diff    string `json:"diff,omitempty"`
}

// writeTestsJSON writes for programs.
func writeTestsJSON(w io.Writer, run testRun) error {
	report := struct {
		Passed int        `json:"passed"`
		Failed int        `json:"failed"`
		Tests  []jsonTest `json:"tests"`
	}{len(run.results) - run.failed, run.failed, nil}
	for _, r := range run.results {
		t := jsonTest{
			Name: r.Test.Name, Flow: r.Test.Flow.Name, File: r.Test.Range.Filename, Line: r.Test.Range.Start.Line,
			Passed: len(r.Failures) == 0, Seconds: r.Took.Seconds(), Failures: []jsonTestFailure{},
		}
		for _, f := range r.Failures {
			t.Failures = append(t.Failures, jsonTestFailure{f.Summary, f.Range.Filename, f.Range.Start.Line, f.Diff})
		}
		report.Tests = append(report.Tests, t)
	}
	return json.NewEncoder(w).Encode(report)
}

// writeTestsJUnit writes the elements of JUnit's report that readers of it agree on.
func writeTestsJUnit(w io.Writer, run testRun) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s<testsuites tests=\"%d\" failures=\"%d\">\n", xml.Header, len(run.results), run.failed)
	fmt.Fprintf(&b, "  <testsuite name=\"%s\" tests=\"%d\" failures=\"%d\">\n", escaped(run.path), len(run.results), run.failed)
	for _, r := range run.results {
		at := r.Test.Range
		fmt.Fprintf(&b, "    <testcase name=\"%s\" classname=\"%s\" file=\"%s\" line=\"%d\" time=\"%.6f\">",
			escaped(r.Test.Name), escaped(r.Test.Flow.Name), escaped(at.Filename), at.Start.Line, r.Took.Seconds())
		for _, f := range r.Failures {
			var text bytes.Buffer
			if err := run.writeFailure(&text, f, config.TextOptions{}); err != nil {
				return err
			}
			fmt.Fprintf(&b, "\n      <failure message=\"%s\">%s</failure>", escaped(f.Summary), escaped(text.String()))
		}
		if len(r.Failures) > 0 {
			b.WriteString("\n    ")
		}
		b.WriteString("</testcase>\n")
	}
	b.WriteString("  </testsuite>\n</testsuites>\n")
	_, err := w.Write(b.Bytes())
	return err
}

func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}
