//go:build bounds

package bounds

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kinetail/kinetail/emit/awslocal"
)

const (
	// memoryLimit is the default of memory_limit, and promised what the process may take, in bytes.
	memoryLimit = 64 << 20
	promised    = memoryLimit + 32<<20
	// partials is how many files with an unfinished line the flow with the dead destination has.
	partials = 10_000
	// rate is what the living flow's file gets, in lines of 260 bytes a second: 5 MB.
	rate = 20_000
)

// One flow's destination takes requests and never answers, for as long as is measured, while it follows 10,000 files with unfinished lines and
// one that grows by 1 MB a second and is rotated. Another flow must not notice, all of it has to stay within memory_limit and 32 MiB in a
// control group of that size, and when the destination is back, every line comes.
func TestDeadDestination(t *testing.T) {
	d := seconds(t)
	alone := living(t, d, false)
	beside := living(t, d, true)
	t.Logf("the living flow: %.0f lines a second alone, %.0f beside the dead one: %.1f %%", alone, beside, 100*beside/alone)
	if beside < 0.95*alone {
		t.Errorf("it has %.1f %% of its rate, at least 95 are wanted", 100*beside/alone)
	}
}

// living is the rate at which the living flow's lines arrive, in lines a second.
func living(t *testing.T, d time.Duration, withDead bool) float64 {
	t.Helper()
	s, url := service(t)
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "logs"), 0o755); err != nil {
		t.Fatal(err)
	}
	flows := flow("live", dir, "live")
	if withDead {
		flows += flow("dead", filepath.Join(dir, "dead"), "dead")
		makePartials(t, filepath.Join(dir, "dead", "logs"))
		s.SetFaults(awslocal.Fault{Kind: awslocal.Latency, Service: "kinesis", Stream: "dead", Delay: time.Hour})
	}
	group, err := newCgroup(t, promised)
	if err != nil {
		t.Logf("without a control group, by the process's own account: %v", err)
	}
	a := start(t, dir, url, flows, group.wrap()...)
	defer a.stop()
	var stop atomic.Bool
	var writers sync.WaitGroup
	defer writers.Wait()
	defer stop.Store(true)
	var liveLines, deadLines atomic.Int64
	a.until("it is ready", 30*time.Second, func() bool { return time.Since(a.began) > 3*time.Second })
	writers.Go(func() { write(t, filepath.Join(dir, "logs", "live.log"), rate, 0, &stop, &liveLines) })
	if withDead {
		writers.Go(func() {
			write(t, filepath.Join(dir, "dead", "logs", "hot.log"), 4000, 10*time.Second, &stop, &deadLines)
		})
	}
	time.Sleep(settle)
	from, at := s.Counters().Records, time.Now()
	cpu, _, u := a.over(d)
	took := time.Since(at).Seconds()
	got := float64(s.Counters().Records-from) / took
	t.Logf("dead beside it: %v; %.0f lines a second, %.1f %% of a core; RSS %.1f MB, at most %.1f MB; %d descriptors; %d lines wait for the dead one",
		withDead, got, 100*cpu, mb(u.rss), mb(u.hwm), u.descriptors, deadLines.Load())
	if group != nil {
		t.Logf("the control group took at most %s bytes of %s; %s: %s", group.read(group.peak), group.read(group.limit), group.refused, group.read(group.refused))
	}
	if u.hwm<<10 > promised {
		t.Errorf("RSS was %.1f MiB, %d MiB are promised", float64(u.hwm)/1024, promised>>20)
	}
	if withDead {
		stop.Store(true)
		writers.Wait()
		s.SetFaults()
		want := liveLines.Load() + deadLines.Load()
		a.until("the destination is back and every line has come", time.Minute, func() bool { return s.Counters().Records >= want })
		t.Logf("%d lines written, %d records came", want, s.Counters().Records)
	}
	return got
}

// makePartials makes files whose first line is finished and whose second is not.
func makePartials(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	text := []byte("one line\nand " + strings.Repeat("a part of another, ", 100))
	for i := range partials {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("app-%05d.log", i)), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// write appends lines of 260 bytes, so many a second, until stop, and renames the file now and then.
func write(t *testing.T, path string, rate int, rotate time.Duration, stop *atomic.Bool, lines *atomic.Int64) {
	const tick = 20 * time.Millisecond
	line := []byte(strings.Repeat("0123456789", 26)[:259] + "\n")
	block := bytes.Repeat(line, rate/int(time.Second/tick))
	began, rotations := time.Now(), 0
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Error(err)
		return
	}
	for n := 0; !stop.Load(); n++ {
		copy(block, fmt.Appendf(nil, "%019d ", n)) // no body has the bytes of another: that would be taken for a copy of it
		if _, err := file.Write(block); err != nil {
			t.Error(err)
			break
		}
		lines.Add(int64(len(block) / len(line)))
		if rotate > 0 && time.Since(began) > time.Duration(rotations+1)*rotate {
			rotations++
			file.Close()
			if err := os.Rename(path, fmt.Sprintf("%s.%d", path, 99_999-rotations)); err != nil { // a higher number is an older body
				t.Error(err)
				return
			}
			if file, err = os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
				t.Error(err)
				return
			}
		}
		time.Sleep(time.Until(began.Add(time.Duration(n+1) * tick)))
	}
	file.Close()
}
