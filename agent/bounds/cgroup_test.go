//go:build bounds

package bounds

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// cgroup is a control group that the kernel kills in when it takes more than its limit.
type cgroup struct {
	dir                  string
	limit, peak, refused string // files: the limit, what it took at most, how often the limit was met
}

// newCgroup makes one, of version 2 or 1. An error says that this machine does not let us: that needs root, and a memory controller.
func newCgroup(t *testing.T, limit int64) (*cgroup, error) {
	t.Helper()
	var errs []error
	for _, c := range []cgroup{
		{"/sys/fs/cgroup", "memory.max", "memory.peak", "memory.events"},
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.max_usage_in_bytes", "memory.failcnt"},
	} {
		if _, err := os.Stat(filepath.Join(c.dir, "cgroup.procs")); err != nil { // that version is not mounted there
			errs = append(errs, err)
			continue
		}
		var err error
		if c.dir, err = os.MkdirTemp(c.dir, "kinetail-bounds-*"); err != nil {
			errs = append(errs, err)
			continue
		}
		t.Cleanup(func() {
			for range 100 { // until the last process is gone
				if os.Remove(c.dir) == nil {
					return
				}
				time.Sleep(50 * time.Millisecond)
			}
		})
		if err := os.WriteFile(filepath.Join(c.dir, c.limit), []byte(strconv.FormatInt(limit, 10)), 0o644); err != nil {
			errs = append(errs, err)
			continue
		}
		return &c, nil
	}
	return nil, errors.Join(errs...)
}

// wrap is a command that runs another in the group.
func (c *cgroup) wrap() []string {
	if c == nil {
		return nil
	}
	return []string{"/bin/sh", "-c", `echo $$ > "$0" && exec "$@"`, filepath.Join(c.dir, "cgroup.procs")}
}

func (c *cgroup) read(name string) string {
	text, err := os.ReadFile(filepath.Join(c.dir, name))
	if err != nil {
		return err.Error()
	}
	return strings.Join(strings.Fields(string(text)), " ")
}
