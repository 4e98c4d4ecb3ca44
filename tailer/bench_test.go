package tailer

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func cpu() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// BenchmarkReadAndFrame reads lines of 260 bytes from the page cache, frames and acknowledges them.
func BenchmarkReadAndFrame(b *testing.B) {
	dir := b.TempDir()
	line := append(bytes.Repeat([]byte("x"), 259), '\n')
	block := bytes.Repeat(line, 4096)
	const blocks = 256
	file, err := os.Create(filepath.Join(dir, "a.log"))
	if err != nil {
		b.Fatal(err)
	}
	for range blocks {
		if _, err := file.Write(block); err != nil {
			b.Fatal(err)
		}
	}
	file.Close()
	size := int64(blocks * len(block))
	b.SetBytes(size)
	b.ReportAllocs()
	began := cpu()
	for b.Loop() {
		f, err := Open(Options{Flow: "b", Paths: []string{filepath.Join(dir, "*.log")}, StartAt: "beginning", Framer: lines{}, Log: quiet(), Once: true})
		if err != nil {
			b.Fatal(err)
		}
		records := 0
		for {
			batch, err := f.Next(context.Background())
			if err == io.EOF {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
			records += len(batch.Records)
			ack := batch.Ack
			batch.Release()
			ack.Done(1)
		}
		if records != blocks*4096 {
			b.Fatal(records)
		}
		f.Close()
	}
	b.ReportMetric(float64(size)*float64(b.N)/1e9/(cpu()-began).Seconds(), "GB/CPU-s")
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
}
