//go:build bounds

package bounds

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

const (
	// settle is how long the program has after its start until it is measured: files that were found are looked at more often for a second.
	settle = 10 * time.Second
	// quiet is after how long it has given back what the start took.
	quiet = 35 * time.Second
)

// The targets for many files that nobody writes to.
func TestIdleFiles(t *testing.T) {
	for _, c := range []struct {
		files int
		cpu   float64 // share of a core
		rss   int     // MB
	}{
		{0, 0.001, 25},
		{2_000, 0.002, 25},
		{10_000, 0.005, 40},
	} {
		t.Run(fmt.Sprint(c.files), func(t *testing.T) {
			_, url := service(t)
			dir := t.TempDir()
			makeFiles(t, dir, c.files)
			a := start(t, dir, url, flow("idle", dir, "live"))
			a.until("it is quiet", 2*quiet, func() bool { return time.Since(a.began) > quiet })
			cpu, wakeups, u := a.over(seconds(t))
			t.Logf("%d idle files: %.2f %% of a core, %.1f wake-ups a second; RSS %.1f MB (%.1f of it anonymous), at most %.1f MB; %d descriptors",
				c.files, 100*cpu, wakeups, mb(u.rss), mb(u.anon), mb(u.hwm), u.descriptors)
			if cpu > c.cpu {
				t.Errorf("%.2f %% of a core, at most %.2f %% is wanted", 100*cpu, 100*c.cpu)
			}
			if mb(u.rss) > float64(c.rss) {
				t.Errorf("RSS is %.1f MB, at most %d MB is wanted", mb(u.rss), c.rss)
			}
		})
	}
}

// One file that gets a line a second.
func TestOneLineASecond(t *testing.T) {
	s, url := service(t)
	dir := t.TempDir()
	makeFiles(t, dir, 1)
	a := start(t, dir, url, flow("slow", dir, "live"))
	file, err := os.OpenFile(filepath.Join(dir, "logs", "app-00000.log"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			if _, err := file.WriteString("one line\n"); err != nil {
				t.Error(err)
			}
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	}()
	defer func() { close(stop); <-done }()
	a.until("a record has come", 30*time.Second, func() bool { return s.Counters().Records > 0 && time.Since(a.began) > settle })
	cpu, wakeups, u := a.over(seconds(t))
	t.Logf("a line a second: %.2f %% of a core, %.1f wake-ups a second; RSS %.1f MB", 100*cpu, wakeups, mb(u.rss))
	if cpu > 0.005 {
		t.Errorf("%.2f %% of a core, at most 0.5 %% is wanted", 100*cpu)
	}
}

// From the start of the program to the first record that the service has accepted, with 1,000 files.
func TestFirstRecord(t *testing.T) {
	const wanted = 300 * time.Millisecond
	best := time.Hour
	for range 5 {
		s, url := service(t)
		dir := t.TempDir()
		makeFiles(t, dir, 1000)
		a := start(t, dir, url, fmt.Sprintf(`
flow "first" {
  tail {
    paths    = [%q]
    start_at = "beginning"
  }
  emit "kinesis" {
    stream   = "live"
    max_wait = "100ms"
  }
}`, filepath.Join(dir, "logs", "*.log")))
		a.until("a record has come", 30*time.Second, func() bool { return s.Counters().Records > 0 })
		took := time.Since(a.began)
		t.Logf("the first record after %v", took.Round(time.Millisecond))
		best = min(best, took)
		a.stop()
	}
	if best > wanted {
		t.Errorf("the first record came after %v at best, %v is wanted", best, wanted)
	}
}

// makeFiles makes files of one line each.
func makeFiles(t *testing.T, dir string, n int) {
	t.Helper()
	logs := filepath.Join(dir, "logs")
	if err := os.Mkdir(logs, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if err := os.WriteFile(filepath.Join(logs, fmt.Sprintf("app-%05d.log", i)), []byte("one line\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func flow(name, dir, stream string) string {
	return fmt.Sprintf(`
flow %q {
  tail { paths = [%q] }
  emit "kinesis" {
    stream           = %q
    shard_rate_limit = "off"
  }
}`, name, filepath.Join(dir, "logs", "*.log"), stream)
}

func mb(kib int) float64 { return float64(kib) * 1024 / 1e6 }
