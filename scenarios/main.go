// Command scenarios prints the table of docs/tailing.md, of what can happen to a log file and what kinetail does then, with whether the scripts and
// tests that each row names pass. Run it with `make scenarios`.
package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
)

const (
	page   = "docs/tailing.md"
	module = "github.com/kinetail/kinetail/"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ok, err := run(ctx, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "scenarios: %v\n", err)
	}
	if !ok {
		os.Exit(1)
	}
}

// row is a row of the table: its number ("" for those below the numbered ones), and the tests as package.Test or package.Test/script.
type row struct {
	number, what string
	tests        []string
}

var (
	script = regexp.MustCompile(`\[([^]]+)\]\([^)]*/testdata/scenarios/`)
	test   = regexp.MustCompile("`([a-z/]+)\\.(Test[A-Za-z0-9]+)`")
)

// rows reads the tables of the page: those rows that name something.
func rows(text []byte) []row {
	var all []row
	for line := range bytes.Lines(text) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(string(line)), "|"), "|")
		if len(cells) < 2 || !bytes.HasPrefix(line, []byte("|")) {
			continue
		}
		r := row{what: strings.TrimSpace(cells[0])}
		if len(cells) == 4 {
			r.number, r.what = strings.TrimSpace(cells[0]), strings.TrimSpace(cells[1])
		}
		shown := cells[len(cells)-1]
		for _, m := range script.FindAllStringSubmatch(shown, -1) {
			r.tests = append(r.tests, "tailer.TestScenarios/"+m[1])
		}
		for _, m := range test.FindAllStringSubmatch(shown, -1) {
			r.tests = append(r.tests, m[1]+"."+m[2])
		}
		if len(r.tests) > 0 {
			all = append(all, r)
		}
	}
	return all
}

func run(ctx context.Context, out io.Writer) (bool, error) {
	text, err := os.ReadFile(page)
	if err != nil {
		return false, err
	}
	table := rows(text)
	names, packages := map[string]bool{}, map[string]bool{}
	for _, r := range table {
		for _, t := range r.tests {
			pkg, name, _ := strings.Cut(t, ".")
			name, _, _ = strings.Cut(name, "/")
			names[name], packages["./"+pkg] = true, true
		}
	}
	results, err := runTests(ctx, keys(packages), "^("+strings.Join(keys(names), "|")+")$")
	if err != nil {
		return false, err
	}
	good := true
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	counted := map[string]int{}
	for _, r := range table {
		verdict := "pass"
		var shown []string
		for _, t := range r.tests {
			_, name, _ := strings.Cut(t, ".")
			name = strings.TrimPrefix(name, "TestScenarios/")
			switch results[t] {
			case "pass":
				shown = append(shown, name)
				continue
			case "skip":
				shown = append(shown, name+" (skipped here)")
				if verdict == "pass" {
					verdict = "part"
				}
			default:
				shown = append(shown, name+" ("+cmp.Or(results[t], "not run")+")")
				verdict, good = "FAIL", false
			}
		}
		counted[verdict]++
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", verdict, cmp.Or(r.number, "-"), r.what, strings.Join(shown, ", "))
	}
	if err := w.Flush(); err != nil {
		return false, err
	}
	fmt.Fprintf(out, "%d rows: %d pass, %d pass in part, %d fail\n", len(table), counted["pass"], counted["part"], counted["FAIL"])
	return good, nil
}

// runTests is what became of each test that matches.
func runTests(ctx context.Context, packages []string, match string) (map[string]string, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-json", "-count=1", "-run", match}, packages...)...)
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	results := map[string]string{}
	lines := bufio.NewScanner(pipe)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e struct{ Action, Package, Test, Output string }
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			continue // a line of the go command itself
		}
		switch e.Action {
		case "pass", "fail", "skip":
			if e.Test != "" {
				results[strings.TrimPrefix(e.Package, module)+"."+e.Test] = e.Action
			}
		case "build-output":
			fmt.Fprint(os.Stderr, e.Output)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	var failed *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &failed) { // which tests failed, the results say
		return nil, err
	}
	return results, nil
}

func keys(m map[string]bool) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}
