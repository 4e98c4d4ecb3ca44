package command

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// resident is what the process has of files in memory, in KiB.
func resident(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip(err)
	}
	_, after, _ := strings.Cut(string(text), "RssFile:")
	value, _, _ := strings.Cut(after, "kB")
	n, err := strconv.Atoi(strings.TrimSpace(value))
	if err != nil {
		t.Skip(err)
	}
	return n
}

func TestForgetPages(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadFile(exe); err != nil { // into the page cache
		t.Fatal(err)
	}
	before := resident(t)
	forgetPages()
	if after := resident(t); after >= before {
		t.Errorf("%d KiB of files are resident, %d were before", after, before)
	}
	// The program, and what it has written, are as they were.
	if got := strings.Repeat("x", 3) + os.Args[0]; got != "xxx"+os.Args[0] {
		t.Error(got)
	}
}
