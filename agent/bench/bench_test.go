package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The lines are the same each time, about as long as is said, and the same in one file and in many.
func TestLogs(t *testing.T) {
	var texts [2][]byte
	for i := range texts {
		l, err := writeLogs(t.TempDir(), 2_000_000)
		if err != nil {
			t.Fatal(err)
		}
		if texts[i], err = os.ReadFile(l.one); err != nil {
			t.Fatal(err)
		}
		if n := int64(bytes.Count(texts[i], []byte("\n"))); n != l.lines || int64(len(texts[i])) != l.bytes || l.bytes < 2_000_000 {
			t.Errorf("%d lines and %d bytes are there: %+v", n, len(texts[i]), l)
		}
		if average := l.bytes / l.lines; average < 250 || average > 270 {
			t.Errorf("%d bytes a line", average)
		}
		var many int
		files, _ := filepath.Glob(l.many)
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			many += len(text)
		}
		if len(files) != parts || many != len(texts[i]) {
			t.Errorf("%d bytes in %d files", many, len(files))
		}
	}
	if !bytes.Equal(texts[0], texts[1]) {
		t.Error("they differ")
	}
}

// sink is a socket that answers with zeros.
type sink struct{ written int }

func (s *sink) Write(b []byte) (int, error) { s.written += len(b); return len(b), nil }
func (*sink) Read(b []byte) (int, error)    { return len(b), nil }
func (*sink) Close() error                  { return nil }

// The floor sends every byte of the log, whatever the lines are like.
func TestFloorSendsEverything(t *testing.T) {
	text := bytes.Repeat([]byte("a line\nanother one, which is longer\n\n"), 100_000)
	for kind, least := range map[floorKind]int{
		writeFloor: len(text), packedFloor: len(text) * 4 / 3, kplFloor: len(text) * 4 / 3, singleFloor: (len(text) - 300_000) * 4 / 3,
	} {
		for _, cbor := range []bool{false, true} {
			s := &sink{}
			f := &floor{kind: kind, cbor: cbor, out: s}
			if cbor && kind != writeFloor {
				least = least / 4 * 3
			}
			if err := f.run(io.MultiReader(bytes.NewReader(text), strings.NewReader("no end"))); err != nil {
				t.Fatal(err)
			}
			if s.written < least || kind == writeFloor && s.written != least {
				t.Errorf("%s: %d bytes are written, %d at least are there", kind, s.written, least)
			}
		}
	}
}

func TestMedian(t *testing.T) {
	speed := func(r *result) float64 { return r.speed }
	for want, speeds := range map[float64][]float64{2: {3, 1, 2}, 2.5: {4, 1, 3, 2}, 7: {7}} {
		var all []result
		for _, s := range speeds {
			all = append(all, result{speed: s})
		}
		if got := median(all, speed); got != want {
			t.Errorf("the median of %v is %v", speeds, got)
		}
	}
}

// The tables take the place of what was between the marks, and nothing else is touched.
func TestTablesGoIntoTheDocument(t *testing.T) {
	path := filepath.Join(t.TempDir(), "doc.md")
	if err := os.WriteFile(path, []byte("before\n"+beginMark+"old\n"+endMark+"after\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := put(path, "| new |\n"); err != nil {
			t.Fatal(err)
		}
	}
	if got, _ := os.ReadFile(path); string(got) != "before\n"+beginMark+"\n| new |\n\n"+endMark+"after\n" {
		t.Errorf("%s", got)
	}
	if err := put(filepath.Join("..", "..", "README.md"), ""); err == nil {
		t.Error("a document without marks is taken")
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "performance.md"))
	if err != nil || !bytes.Contains(text, []byte(beginMark)) || !bytes.Contains(text, []byte(endMark)) {
		t.Errorf("docs/performance.md has no marks: %v", err)
	}
}
