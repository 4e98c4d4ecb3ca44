//go:build bounds

package bounds

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// At full speed, a gigabyte behind, with three ways of packing, the program stays within memory_limit and 32 MiB in a control group of that size.
func TestFullSpeed(t *testing.T) {
	dir := t.TempDir()
	logs := filepath.Join(dir, "logs")
	if err := os.Mkdir(logs, 0o755); err != nil {
		t.Fatal(err)
	}
	const lines = 4_000_000
	file, err := os.Create(filepath.Join(logs, "backlog.log"))
	if err != nil {
		t.Fatal(err)
	}
	block := bytes.Repeat([]byte(strings.Repeat("0123456789", 26)[:259]+"\n"), 4000)
	for range lines / 4000 {
		if _, err := file.Write(block); err != nil {
			t.Fatal(err)
		}
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	for name, packing := range map[string]string{
		"none":  "",
		"kpl":   `aggregate = "kpl"`,
		"lines": "aggregate = \"lines\"\ndelimiter = \"\\n\"",
	} {
		t.Run(name, func(t *testing.T) {
			s, url := service(t)
			group, err := newCgroup(t, promised)
			if err != nil {
				t.Logf("without a control group, by the process's own account: %v", err)
			}
			a := start(t, t.TempDir(), url, fmt.Sprintf(`
flow "live" {
  tail {
    paths    = [%q]
    start_at = "beginning"
  }
  emit "kinesis" {
    stream           = "live"
    shard_rate_limit = "off"
    %s
  }
}`, filepath.Join(logs, "*.log"), packing), group.wrap()...)
			a.until("everything has come", 3*time.Minute, func() bool { return s.Counters().Bytes >= lines*259 })
			u := a.usage()
			t.Logf("%.1f s, of which %.1f of the processor; RSS at most %.1f MB", time.Since(a.began).Seconds(), u.cpu.Seconds(), mb(u.hwm))
			if group != nil {
				t.Logf("the control group took at most %s bytes of %s; %s: %s", group.read(group.peak), group.read(group.limit), group.refused, group.read(group.refused))
			}
			if u.hwm<<10 > promised {
				t.Errorf("RSS was %.1f MiB, %d MiB are promised", float64(u.hwm)/1024, promised>>20)
			}
			a.stop()
		})
	}
}
