package convert

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Holder is a process other than this one that has the file at path open; pid is 0 if none is seen. Of processes of other users only root sees what they
// have open.
func Holder(path string) (pid int, name string) {
	want, err := os.Stat(path)
	if err != nil {
		return 0, ""
	}
	fds, _ := filepath.Glob("/proc/[0-9]*/fd/*") // the pattern is right
	for _, fd := range fds {
		parts := strings.Split(fd, "/")
		n, err := strconv.Atoi(parts[2])
		if err != nil || n == os.Getpid() {
			continue
		}
		if got, err := os.Stat(fd); err == nil && os.SameFile(want, got) {
			comm, _ := os.ReadFile(filepath.Join("/proc", parts[2], "comm")) // gone by now, perhaps
			return n, strings.TrimSpace(string(comm))
		}
	}
	return 0, ""
}
