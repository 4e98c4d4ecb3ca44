// Command mutants breaks each invariant on purpose and wants to see a test notice. Every *.patch beside it is one mutation. The
// program copies the tree, applies one patch at a time, and runs the tests that the patch names: they must pass without it and
// fail with it. A patch that no longer applies, or that doesn't compile, is a failure too.
//
// A patch starts with a header:
//
//	Invariant: the number in ARCHITECTURE.md
//	Breaks: what the mutated code does wrong, in a line
//	Test: the arguments of go test that must turn red
//
// Run it with `make mutants`, or for some patches only with `go run ./mutants NAME...`.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ok, err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "mutants: %v\n", err)
	}
	if !ok {
		os.Exit(1)
	}
}

// run tries the mutants whose names are given, or all, and reports whether every one was noticed.
func run(ctx context.Context, names []string) (bool, error) {
	all, err := load("mutants")
	if err != nil {
		return false, err
	}
	chosen := all
	if len(names) > 0 {
		chosen = slices.DeleteFunc(slices.Clone(all), func(m mutant) bool { return !slices.Contains(names, m.name) })
	}
	if len(chosen) == 0 {
		return false, fmt.Errorf("there is no mutant %s", strings.Join(names, " "))
	}
	dir, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	t := tree{dir: dir}
	if err := t.copy(ctx, "."); err != nil {
		return false, fmt.Errorf("copy the tree: %w", err)
	}

	ok := true
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "INVARIANT\tMUTANT\tVERDICT\tSECONDS\tBY")
	for _, m := range chosen {
		began := time.Now()
		v := t.try(ctx, m)
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		ok = ok && v.noticed
		word := "noticed"
		if !v.noticed {
			word = "NOT NOTICED"
		}
		fmt.Fprintf(os.Stderr, "%s: %s (%s)\n", m.name, word, v.by)
		fmt.Fprintf(table, "%s\t%s\t%s\t%.1f\t%s\n", m.invariant, m.name, word, time.Since(began).Seconds(), v.by)
		if !v.noticed && v.output != "" {
			fmt.Fprintf(os.Stderr, "%s\n", v.output)
		}
	}
	fmt.Println()
	for _, m := range chosen {
		fmt.Printf("%s: %s\n", m.name, m.breaks)
	}
	fmt.Println()
	return ok, table.Flush()
}

// mutant is one patch.
type mutant struct {
	name      string // of the file, without .patch
	path      string // absolute
	invariant string
	breaks    string
	test      []string // arguments of go test
}

// packages are the packages that its tests are in.
func (m mutant) packages() []string {
	return slices.DeleteFunc(slices.Clone(m.test), func(arg string) bool { return !strings.HasPrefix(arg, "./") })
}

// load reads the headers of all patches in dir.
func load(dir string) ([]mutant, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.patch"))
	if err != nil || len(paths) == 0 {
		return nil, fmt.Errorf("no patches in %s: run this in the root of the repository", dir)
	}
	var all []mutant
	for _, path := range paths {
		m := mutant{name: strings.TrimSuffix(filepath.Base(path), ".patch")}
		if m.path, err = filepath.Abs(path); err != nil {
			return nil, err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		header, _, _ := strings.Cut(string(text), "diff --git")
		for line := range strings.Lines(header) {
			key, value, _ := strings.Cut(line, ":")
			switch value = strings.TrimSpace(value); key {
			case "Invariant":
				m.invariant = value
			case "Breaks":
				m.breaks = value
			case "Test":
				m.test = strings.Fields(value)
			}
		}
		if m.invariant == "" || m.breaks == "" || len(m.test) == 0 {
			return nil, fmt.Errorf("%s: the header needs Invariant, Breaks and Test", path)
		}
		all = append(all, m)
	}
	return all, nil
}
