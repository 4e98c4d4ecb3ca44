package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Every row from 1 to 46 names scripts or tests that exist, and every script is in the table.
func TestEveryRowIsShown(t *testing.T) {
	const root = ".."
	text, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		t.Fatal(err)
	}
	all := rows(text)
	shown := map[string]bool{}
	next := 1
	for _, r := range all {
		if r.number != "" {
			if r.number != strconv.Itoa(next) {
				t.Errorf("row %q comes where row %d should", r.number, next)
			}
			next++
		}
		for _, name := range r.tests {
			shown[name] = true
		}
	}
	if next != 47 {
		t.Errorf("%d numbered rows, want 46", next-1)
	}
	for name := range shown {
		pkg, name, _ := strings.Cut(name, ".")
		if script, ok := strings.CutPrefix(name, "TestScenarios/"); ok {
			if _, err := os.Stat(filepath.Join(root, pkg, "testdata/scenarios", script+".txt")); err != nil {
				t.Errorf("the table names a script that is not there: %v", err)
			}
			continue
		}
		files, _ := filepath.Glob(filepath.Join(root, pkg, "*_test.go"))
		found := false
		for _, f := range files {
			code, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			found = found || strings.Contains(string(code), "\nfunc "+name+"(")
		}
		if !found {
			t.Errorf("the table names %s, which is no test of %s", name, pkg)
		}
	}
	scripts, _ := filepath.Glob(filepath.Join(root, "tailer/testdata/scenarios/*.txt"))
	for _, s := range scripts {
		if name := strings.TrimSuffix(filepath.Base(s), ".txt"); !shown["tailer.TestScenarios/"+name] {
			t.Errorf("the script %s is in no row of %s", name, page)
		}
	}
}

func TestRows(t *testing.T) {
	got := rows([]byte("| # | what | does | shown by |\n|---|---|---|---|\n| 3 | a | b | [x-y](../tailer/testdata/scenarios/x-y.txt) `tailer/frame.TestX` |\n" +
		"\n| what | shown by |\n|---|---|\n| c | `tailer.TestY` |\nnot | a `tailer.TestZ` | row\n"))
	if len(got) != 2 || got[0].number != "3" || strings.Join(got[0].tests, " ") != "tailer.TestScenarios/x-y tailer/frame.TestX" ||
		got[1].what != "c" || got[1].tests[0] != "tailer.TestY" {
		t.Errorf("%+v", got)
	}
}
