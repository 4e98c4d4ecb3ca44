package tailer_test

import (
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/kinetail/kinetail/tailer"
	"github.com/kinetail/kinetail/tailer/checkpoint"
	"github.com/kinetail/kinetail/tailer/frame"
)

// Each generation has the header line of its own, also when reading goes on behind it after a restart, and under a rotated name.
func TestHeader(t *testing.T) {
	dir, state := t.TempDir(), t.TempDir()
	path := filepath.Join(dir, "a.csv")
	var store *checkpoint.Store
	var f *tailer.Follower
	start := func() {
		framer, err := frame.New(frame.Options{SkipHeaderLines: 2})
		if err != nil {
			t.Fatal(err)
		}
		if store, err = checkpoint.Open(state, checkpoint.Options{}); err != nil {
			t.Fatal(err)
		}
		f = follow(t, tailer.Options{
			Paths: []string{path}, StartAt: "beginning", Framer: framer, Header: true, Store: store, SweepInterval: 20 * time.Millisecond,
		})
	}
	stop := func() {
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(header, text string) {
		t.Helper()
		b, err := f.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for i := range b.Records {
			got = append(got, string(b.Bytes(i)))
		}
		if b.Source.Header != header || strings.Join(got, " ") != text {
			t.Errorf("got %q under %q, want %q under %q", got, b.Source.Header, text, header)
		}
		ack := b.Ack
		b.Release()
		ack.Done(1)
	}
	write(t, path, "\xef\xbb\xbf# a comment\na,b\r\n1,2\n")
	start()
	expect("a,b", "1,2")
	stop()
	write(t, path, "3,4\n")
	start()
	expect("a,b", "3,4")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	write(t, path+".1", "5,6\n")
	write(t, path, "# it has\n")
	expect("a,b", "5,6")
	write(t, path, "c,d\n7,8\n")
	expect("c,d", "7,8")
	stop()
	// What is left of a body that was compressed meanwhile.
	write(t, path, "9,0\n")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	z, err := os.Create(path + ".1.gz")
	if err != nil {
		t.Fatal(err)
	}
	w := gzip.NewWriter(z)
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	start()
	expect("c,d", "9,0")
	stop()
}

// What is kept of a header is bounded, and there once for files that have the same.
func TestLongHeader(t *testing.T) {
	dir := t.TempDir()
	for name, header := range map[string]int{"long": longestHeader + 1, "one": longestHeader, "two": longestHeader} {
		write(t, filepath.Join(dir, name), strings.Repeat("x", header)+"\n1,2\n")
	}
	framer, err := frame.New(frame.Options{SkipHeaderLines: 1})
	if err != nil {
		t.Fatal(err)
	}
	f := follow(t, tailer.Options{Paths: []string{filepath.Join(dir, "*")}, StartAt: "beginning", Framer: framer, Header: true})
	headers := map[string]string{}
	for range 3 {
		b, err := f.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		headers[filepath.Base(b.Source.Path)] = b.Source.Header
		if len(b.Records) != 1 || string(b.Bytes(0)) != "1,2" {
			t.Errorf("%s has %d records", b.Source.Path, len(b.Records))
		}
		ack := b.Ack
		b.Release()
		ack.Done(1)
	}
	if headers["long"] != "" || len(headers["one"]) != longestHeader || len(headers["two"]) != longestHeader {
		t.Errorf("headers of %d, %d and %d bytes", len(headers["long"]), len(headers["one"]), len(headers["two"]))
	}
	if unsafe.StringData(headers["one"]) != unsafe.StringData(headers["two"]) {
		t.Error("the same header is kept twice")
	}
}

// longestHeader is the longest that is kept.
const longestHeader = 16 << 10

func TestHeaderNeedsAFramerThatKnowsIt(t *testing.T) {
	if _, err := tailer.Open(tailer.Options{Paths: []string{"/x"}, Framer: plainFramer{}, Header: true}); err == nil {
		t.Error("accepted")
	}
}

type plainFramer struct{}

func (plainFramer) Frame(*tailer.Batch, []byte, int64, tailer.Closing) int { return 0 }
func (plainFramer) Window() int                                            { return 1 }
