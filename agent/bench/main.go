package main

import (
	"bytes"
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == floorCommand {
		if err := floorMain(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	binary := flag.String("binary", "bin/kinetail", "the program to measure")
	megabytes := flag.Int64("mb", 1000, "megabytes of log that each case reads")
	runs := flag.Int("runs", 5, "runs of each case; the medians are printed")
	seconds := flag.Int("seconds", 60, "how long each case with a steady log is watched")
	only := flag.String("cases", "", "a regular expression: the cases to run")
	doc := flag.String("doc", "", "a Markdown file to put the tables into, between its marks")
	flag.Parse()
	chosen, err := regexp.Compile(*only)
	if err != nil {
		return fmt.Errorf("-cases: %w", err)
	}
	if *megabytes < 1 || *runs < 1 || *seconds < 1 {
		return fmt.Errorf("-mb, -runs and -seconds are 1 at least")
	}
	path, err := filepath.Abs(*binary)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "kinetail-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	picked, steady := pick(chosen)
	if len(picked)+len(steady) == 0 {
		return fmt.Errorf("-cases: none matches %s", *only)
	}
	var tables bytes.Buffer
	out := io.MultiWriter(os.Stdout, &tables)
	if err := full(ctx, out, path, dir, picked, *megabytes, *runs); err != nil {
		return err
	}
	if err := grow(ctx, out, path, dir, steady, *seconds); err != nil {
		return err
	}
	if *doc == "" {
		return nil
	}
	return put(*doc, tables.String())
}

// The marks in a document between which the tables are.
const (
	beginMark = "<!-- make bench-doc writes from here -->\n"
	endMark   = "<!-- to here -->\n"
)

// put replaces what is between the marks.
func put(path, tables string) error {
	text, err := os.ReadFile(path) // #nosec G304 -- the operator's
	if err != nil {
		return err
	}
	before, rest, ok1 := strings.Cut(string(text), beginMark)
	_, after, ok2 := strings.Cut(rest, endMark)
	if !ok1 || !ok2 {
		return fmt.Errorf("%s has no line %q with %q after it", path, strings.TrimSpace(beginMark), strings.TrimSpace(endMark))
	}
	return os.WriteFile(path, []byte(before+beginMark+"\n"+tables+"\n"+endMark+after), 0o644) // #nosec G306 -- a document
}

// pick returns the cases that a regular expression chooses.
func pick(chosen *regexp.Regexp) (picked []*benchCase, steady []*steadyCase) {
	for i := range cases {
		if chosen.MatchString(cases[i].name) {
			picked = append(picked, &cases[i])
		}
	}
	for i := range steadyCases {
		if chosen.MatchString(steadyCases[i].name) {
			steady = append(steady, &steadyCases[i])
		}
	}
	return picked, steady
}

// full measures and prints the cases at full speed, round by round, so that a bad minute of the machine falls on all of them alike.
func full(ctx context.Context, out io.Writer, binary, dir string, picked []*benchCase, megabytes int64, runs int) error {
	if len(picked) == 0 {
		return nil
	}
	logs, err := writeLogs(dir, megabytes*1_000_000)
	if err != nil {
		return err
	}
	for round := range runs {
		for _, c := range picked {
			fmt.Fprintf(os.Stderr, "round %d of %d: %s\n", round+1, runs, c.name)
			if err := c.measure(ctx, binary, logs); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	fmt.Fprintf(out, "%d lines, %.0f bytes on average, %d MB; medians of %d, least and most CPU in brackets\n\n",
		logs.lines, float64(logs.bytes)/float64(logs.lines), logs.bytes/1_000_000, runs)
	fmt.Fprintln(out, "| case | CPU s/GB | | floor | ratio | MB/s | peak MiB | requests |")
	fmt.Fprintln(out, "|---|---|---|---|---|---|---|---|")
	for _, c := range picked {
		c.print(out)
	}
	return nil
}

// grow measures and prints the cases with a steady log.
func grow(ctx context.Context, out io.Writer, binary, dir string, steady []*steadyCase, seconds int) error {
	for i, c := range steady {
		fmt.Fprintf(os.Stderr, "%d seconds: %s\n", seconds, c.name)
		if err := c.measure(ctx, binary, dir, seconds); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		if i == 0 {
			fmt.Fprintf(out, "\nOne write per line, watched for %d s\n\n", seconds)
			fmt.Fprintln(out, "| case | CPU, of a core | RSS MiB | at most | written to accepted, p50 | p99 |")
			fmt.Fprintln(out, "|---|---|---|---|---|---|")
		}
		c.print(out)
	}
	return nil
}

func (c *steadyCase) print(w io.Writer) {
	r := c.runs[len(c.runs)-1]
	p50, p99 := "", ""
	if c.latency {
		p50, p99 = r.p50.Round(time.Millisecond).String(), r.p99.Round(time.Millisecond).String()
	}
	fmt.Fprintf(w, "| %s | %.1f %% | %.0f | %.0f | %s | %s |\n", c.name, r.cpu*100, float64(r.usual)/1024, float64(r.most)/1024, p50, p99)
}

// result is what one run took.
type result struct {
	cpu, floor float64 // seconds per GB of log
	speed      float64 // MB of log a second
	peak       int64   // KiB
	requests   int64
}

func (c *benchCase) print(w io.Writer) {
	of := func(f func(*result) float64) float64 { return median(c.results, f) }
	cpu, floor := of(func(r *result) float64 { return r.cpu }), of(func(r *result) float64 { return r.floor })
	least, most := slices.MinFunc(c.results, byCPU), slices.MaxFunc(c.results, byCPU)
	fmt.Fprintf(w, "| %s | %.2f | [%.2f %.2f] | %.2f | %.2f | %.0f | %.0f | %.0f |\n", c.name, cpu, least.cpu, most.cpu, floor, cpu/floor,
		of(func(r *result) float64 { return r.speed }),
		of(func(r *result) float64 { return float64(r.peak) / 1024 }),
		of(func(r *result) float64 { return float64(r.requests) }))
}

func byCPU(a, b result) int { return cmp.Compare(a.cpu, b.cpu) }

func median(results []result, f func(*result) float64) float64 {
	var all []float64
	for i := range results {
		all = append(all, f(&results[i]))
	}
	slices.Sort(all)
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}

// cpuOf is what a process that has ended used of the processor, in seconds.
func cpuOf(s *os.ProcessState) float64 { return (s.UserTime() + s.SystemTime()).Seconds() }

func perGB(seconds float64, bytes int64) float64 { return seconds / (float64(bytes) / 1e9) }

func since(t time.Time) float64 { return time.Since(t).Seconds() }
