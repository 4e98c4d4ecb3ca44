package frame

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kinetail/kinetail/tailer"
)

// run reads a file of lines in blocks of 256 KiB, frames it, and starts again.
func run(b *testing.B, o Options, line string) {
	path := filepath.Join(b.TempDir(), "log")
	if err := os.WriteFile(path, bytes.Repeat([]byte(line), 32<<20/len(line)), 0o600); err != nil {
		b.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	f := mustNew(b, o)
	block := make([]byte, 256<<10)
	batch := &tailer.Batch{}
	var arena []byte
	at, records := int64(0), 0
	b.SetBytes(int64(len(block)))
	b.ReportAllocs()
	for b.Loop() {
		n, err := file.ReadAt(block, at)
		if err != nil && err != io.EOF {
			b.Fatal(err)
		}
		batch.Records, batch.Meta, batch.Data = batch.Records[:0], batch.Meta[:0], arena[:0]
		consumed := f.Frame(batch, block[:n], at, tailer.KeepOpen)
		if len(batch.Data) > 0 {
			arena = batch.Data
		}
		records += len(batch.Records)
		if at += int64(consumed); err == io.EOF || consumed == 0 {
			at = 0
		}
	}
	b.ReportMetric(float64(records)/float64(b.N), "records/op")
}

var accessLine = strings.Repeat("x", 259) + "\n"

func BenchmarkNewline(b *testing.B) { run(b, Options{}, accessLine) }
func BenchmarkMultiline(b *testing.B) {
	run(b, Options{Multiline: &Multiline{Start: `^\d{4}-`}}, "2026-01-02 "+accessLine)
}

func BenchmarkIndent(b *testing.B) { run(b, Options{Multiline: &Multiline{Indent: true}}, accessLine) }

func BenchmarkCRI(b *testing.B) { run(b, Options{Format: "cri"}, cri("stdout", "F", accessLine[:259])) }

func BenchmarkDocker(b *testing.B) { run(b, Options{Format: "docker"}, docker("stdout", accessLine)) }

func BenchmarkUTF16(b *testing.B) {
	line := bytes.Repeat([]byte("x\x00"), 130)
	run(b, Options{Encoding: "utf-16le"}, string(append(line, '\n', 0)))
}
