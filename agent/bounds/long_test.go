//go:build bounds

package bounds

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// A line that is much longer than memory_limit goes through in the memory that any other takes, whatever on_oversize makes of it: BOUNDS_LINE_MB
// says how long it is in MiB, 192 if it is not set.
func TestLongLine(t *testing.T) {
	size := 192
	if text := os.Getenv("BOUNDS_LINE_MB"); text != "" {
		var err error
		if size, err = strconv.Atoi(text); err != nil || size < 2 {
			t.Fatalf("BOUNDS_LINE_MB is %q: it must be a number from 2", text)
		}
	}
	logs := t.TempDir()
	file, err := os.Create(filepath.Join(logs, "long.log"))
	if err != nil {
		t.Fatal(err)
	}
	block := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	write := func(b []byte) {
		if _, err := file.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	write([]byte("before\n"))
	for range size {
		write(block)
	}
	write([]byte("\nafter\n"))
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	const cut = 999 << 10 // the default of max_record_size
	for _, c := range []struct {
		oversize       string
		records, bytes int64 // that arrive
		letters        int
	}{
		{"truncate", 3, cut + 11, 0},
		{"split", (int64(size)<<20+cut-1)/cut + 2, int64(size)<<20 + 11, 0},
		{"dead_letter", 2, 11, 1},
	} {
		t.Run(c.oversize, func(t *testing.T) {
			s, url := service(t)
			group, err := newCgroup(t, promised)
			if err != nil {
				t.Logf("without a control group, by the process's own account: %v", err)
			}
			dir := t.TempDir()
			a := start(t, dir, url, fmt.Sprintf(`
flow "live" {
  tail {
    paths       = [%q]
    start_at    = "beginning"
    on_oversize = %q
  }
  emit "kinesis" {
    stream           = "live"
    shard_rate_limit = "off"
  }
}`, filepath.Join(logs, "*.log"), c.oversize), group.wrap()...)
			a.until("everything has come", 3*time.Minute, func() bool { return s.Counters().Records >= c.records })
			time.Sleep(2 * time.Second) // nothing more may come
			u := a.usage()
			t.Logf("a line of %d MiB: %.1f s of the processor; RSS at most %.1f MB", size, u.cpu.Seconds(), mb(u.hwm))
			if group != nil {
				t.Logf("the control group took at most %s bytes of %s; %s: %s", group.read(group.peak), group.read(group.limit), group.refused, group.read(group.refused))
			}
			if u.hwm<<10 > promised {
				t.Errorf("RSS was %.1f MiB, %d MiB are promised", float64(u.hwm)/1024, promised>>20)
			}
			if n := s.Counters(); n.Records != c.records || n.Bytes != c.bytes {
				t.Errorf("%d records of %d bytes came, want %d of %d", n.Records, n.Bytes, c.records, c.bytes)
			}
			a.stop()
			letters := 0
			err = filepath.WalkDir(filepath.Join(dir, "state", "dead-letter"), func(path string, e os.DirEntry, err error) error {
				if err != nil || e.IsDir() {
					return err
				}
				text, err := os.ReadFile(path)
				letters += bytes.Count(text, []byte{'\n'})
				t.Logf("%s has %d bytes", path, len(text))
				return err
			})
			if err != nil && !os.IsNotExist(err) {
				t.Error(err)
			}
			if letters != c.letters {
				t.Errorf("%d dead letters, want %d", letters, c.letters)
			}
		})
	}
}
