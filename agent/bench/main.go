package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"text/tabwriter"
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
	only := flag.String("cases", "", "a regular expression: the cases to run")
	flag.Parse()
	chosen, err := regexp.Compile(*only)
	if err != nil {
		return fmt.Errorf("-cases: %w", err)
	}
	if *megabytes < 1 || *runs < 1 {
		return fmt.Errorf("-mb and -runs are 1 at least")
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
	logs, err := writeLogs(dir, *megabytes*1_000_000)
	if err != nil {
		return err
	}
	var picked []*benchCase
	for i := range cases {
		if chosen.MatchString(cases[i].name) {
			picked = append(picked, &cases[i])
		}
	}
	// Round by round, so that a bad minute of the machine falls on all cases alike.
	for round := range *runs {
		for _, c := range picked {
			fmt.Fprintf(os.Stderr, "round %d of %d: %s\n", round+1, *runs, c.name)
			if err := c.measure(ctx, path, logs); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	fmt.Printf("%d lines, %.0f bytes on average, %d MB; medians of %d, least and most CPU in brackets\n\n",
		logs.lines, float64(logs.bytes)/float64(logs.lines), logs.bytes/1_000_000, *runs)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "case\tCPU s/GB\t[ ]\tfloor\tratio\tMB/s\tpeak MiB\trequests\t")
	for _, c := range picked {
		c.print(w)
	}
	return w.Flush()
}

// result is what one run took.
type result struct {
	cpu, floor float64 // seconds per GB of log
	speed      float64 // MB of log a second
	peak       int64   // KiB
	requests   int64
}

func (c *benchCase) print(w *tabwriter.Writer) {
	of := func(f func(*result) float64) float64 { return median(c.results, f) }
	cpu, floor := of(func(r *result) float64 { return r.cpu }), of(func(r *result) float64 { return r.floor })
	least, most := slices.MinFunc(c.results, byCPU), slices.MaxFunc(c.results, byCPU)
	fmt.Fprintf(w, "%s\t%.2f\t[%.2f %.2f]\t%.2f\t%.2f\t%.0f\t%.0f\t%.0f\t\n", c.name, cpu, least.cpu, most.cpu, floor, cpu/floor,
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
