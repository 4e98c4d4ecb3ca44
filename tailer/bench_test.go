package tailer

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func cpu() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// BenchmarkIdleSweep sweeps over 10,000 idle files.
func BenchmarkIdleSweep(b *testing.B) {
	dir := b.TempDir()
	for i := range 10_000 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("app-%05d.log", i)), []byte("one line\n"), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	f, err := open(Options{Flow: "b", Paths: []string{filepath.Join(dir, "*.log")}, Framer: lines{}, Log: quiet()})
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	now := clock(1)
	f.now = func() clock { return now }
	for range 5 {
		now += time.Minute
		f.step(context.Background(), now)
	}
	b.ReportAllocs()
	began := cpu()
	for b.Loop() {
		now += time.Minute
		f.sweep(context.Background(), now)
	}
	b.ReportMetric(float64((cpu()-began).Microseconds())/float64(b.N)/1e3, "CPU-ms/op")
	b.ReportMetric(float64(f.open), "descriptors")
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.HeapInuse)/1e6, "heap-MB")
}
