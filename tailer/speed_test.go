package tailer_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/kinetail/kinetail/tailer"
	"github.com/kinetail/kinetail/tailer/frame"
)

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
	framer, err := frame.New(frame.Options{})
	if err != nil {
		b.Fatal(err)
	}
	began := cpu()
	for b.Loop() {
		f, err := tailer.Open(tailer.Options{Flow: "b", Paths: []string{filepath.Join(dir, "*.log")}, StartAt: "beginning", Framer: framer, Log: slog.New(slog.DiscardHandler), Once: true})
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

// BenchmarkWake appends a line to an idle file and waits for its record: the median is reported.
func BenchmarkWake(b *testing.B) {
	path := filepath.Join(b.TempDir(), "a.log")
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	framer, err := frame.New(frame.Options{})
	if err != nil {
		b.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	watcher := tailer.NewWatcher(log)
	defer watcher.Close()
	f, err := tailer.Open(tailer.Options{Flow: "b", Paths: []string{path}, Framer: framer, Log: log, Watcher: watcher, StartAt: "beginning"})
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	came := make(chan time.Time)
	go func() {
		defer close(came)
		for {
			batch, err := f.Next(b.Context())
			if err != nil {
				return
			}
			at := time.Now()
			ack := batch.Ack
			batch.Release()
			ack.Done(1)
			came <- at
		}
	}()
	var took []time.Duration
	for b.Loop() {
		time.Sleep(20 * time.Millisecond) // fifty lines a second: not busy
		began := time.Now()
		if _, err := file.WriteString("a line\n"); err != nil {
			b.Fatal(err)
		}
		took = append(took, (<-came).Sub(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1e3, "ms-median")
	f.Close()
	<-came
}
