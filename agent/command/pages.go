package command

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// forgetPages lets go of the pages of the program that are mapped, nearly all of it after a start: the kernel maps sixteen around each that is
// touched, and a start touches much that nothing touches later. What is needed comes back from the page cache, or the file. It is a third of
// what the process takes.
func forgetPages() {
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return // it is about memory alone
	}
	defer f.Close()
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	var from, to uintptr
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := lines.Text()
		var start, end uintptr
		var perms string
		if n, _ := fmt.Sscanf(line, "%x-%x %s", &start, &end, &perms); n == 3 {
			from, to = 0, 0
			if perms[1] == '-' && strings.HasSuffix(line, " "+exe) {
				from, to = start, end
			}
			continue
		}
		// Pages that the linker or a debugger has written to are in no file.
		if to > 0 && strings.HasPrefix(line, "Anonymous:") && strings.Fields(line)[1] == "0" {
			_, _, _ = unix.Syscall(unix.SYS_MADVISE, from, to-from, unix.MADV_DONTNEED)
			from, to = 0, 0
		}
	}
}
