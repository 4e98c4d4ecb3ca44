package pipe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/kinetail/kinetail/tailer"
	"github.com/kinetail/kinetail/tailer/frame"
	"github.com/kinetail/kinetail/tailer/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func fifo(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "app.pipe")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func start(t *testing.T, o Options, framing frame.Options) *Source {
	t.Helper()
	framer, err := frame.New(framing)
	if err != nil {
		t.Fatal(err)
	}
	o.Flow, o.Framer, o.Log = "f", framer, slog.New(slog.DiscardHandler)
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// take returns the next n records, each with its flags.
func take(t *testing.T, s *Source, n int) (texts []string, flags []tailer.Flags) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for len(texts) < n {
		b, err := s.Next(ctx)
		if err != nil {
			t.Fatalf("after %q: %v", texts, err)
		}
		for i := range b.Records {
			texts = append(texts, string(b.Bytes(i)))
			flags = append(flags, b.Records[i].Flags)
		}
		b.Ack.Done(1)
		b.Release()
	}
	return texts, flags
}

func want(t *testing.T, s *Source, all ...string) {
	t.Helper()
	got, _ := take(t, s, len(all))
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", all) {
		t.Fatalf("got %q, want %q", got, all)
	}
}

func writer(t *testing.T, path string) *os.File {
	t.Helper()
	w, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func write(t *testing.T, w io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
}

func TestWriterLeavesAndReturns(t *testing.T) {
	path := fifo(t)
	s := start(t, Options{Path: path}, frame.Options{})
	w := writer(t, path)
	write(t, w, "one\r\n\x00\xff\n")
	want(t, s, "one", "\x00\xff")
	write(t, w, "half")
	_ = w.Close()
	got, flags := take(t, s, 1)
	if got[0] != "half" || flags[0] != tailer.Partial {
		t.Errorf("got %q %v", got, flags)
	}
	for i := range 20 { // a new writer each time, and one that writes nothing
		_ = writer(t, path).Close()
		w = writer(t, path)
		write(t, w, fmt.Sprintf("line %d\n", i))
		_ = w.Close()
		want(t, s, fmt.Sprintf("line %d", i))
	}
}

func TestTwoWritersAtOnce(t *testing.T) {
	path := fifo(t)
	s := start(t, Options{Path: path}, frame.Options{})
	a, b := writer(t, path), writer(t, path)
	write(t, a, "a\n")
	_ = a.Close()
	write(t, b, "b\n")
	want(t, s, "a", "b")
	_ = b.Close()
}

// Open returns though nobody writes, and Close though Next waits.
func TestNobodyWrites(t *testing.T) {
	s := start(t, Options{Path: fifo(t)}, frame.Options{})
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := s.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("next: %v", err)
	}
	done := make(chan error)
	go func() { _, err := s.Next(context.Background()); done <- err }()
	_ = s.Close()
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Errorf("next after close: %v", err)
	}
}

// Close ends while a writer holds the pipe open, has written half a line, and nobody takes records.
func TestCloseWithWriter(t *testing.T) {
	path := fifo(t)
	s := start(t, Options{Path: path}, frame.Options{})
	w := writer(t, path)
	defer func() { _ = w.Close() }()
	_ = w.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
	n, err := w.Write(bytes.Repeat([]byte("0123456789\n"), 1<<20)) // more than is ever read ahead
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("wrote %d bytes that nobody took: %v", n, err)
	}
	s.mu.Lock()
	held := len(s.pending)
	s.mu.Unlock()
	if held > s.limit+chunk {
		t.Errorf("%d bytes are pending", held)
	}
	_ = s.Close()
}

func TestMissingThenThereThenReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "late.pipe")
	s := start(t, Options{Path: path}, frame.Options{})
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	w := writer(t, path) // waits until it is found
	write(t, w, "found\n")
	want(t, s, "found")
	_ = w.Close()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	w = writer(t, path)
	write(t, w, "again\n")
	want(t, s, "again")
	_ = w.Close()
}

func TestNotAPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	framer, _ := frame.New(frame.Options{})
	if _, err := Open(Options{Path: path, Framer: framer}); err == nil {
		t.Error("a regular file was opened")
	}
	if _, err := Open(Options{Framer: framer}); err == nil {
		t.Error("nothing was opened")
	}
}

// A line longer than what nxadm/tail is shown at once comes as it was written, or as the framer cuts it.
func TestLongLines(t *testing.T) {
	for _, size := range []int{chunk - 1, chunk, chunk + 1, 2 * chunk, 3*chunk + 7} {
		line := strings.Repeat("x", size)
		s := start(t, Options{Input: strings.NewReader(line + "\nshort\n" + line + "\n\n" + line)}, frame.Options{})
		got, flags := take(t, s, 5)
		if got[0] != line || got[1] != "short" || got[2] != line || got[3] != "" || got[4] != line || flags[4] != tailer.Partial {
			t.Errorf("%d: lengths %d %q %d %q %d %v", size, len(got[0]), got[1], len(got[2]), got[3], len(got[4]), flags)
		}
		if _, err := s.Next(context.Background()); !errors.Is(err, io.EOF) {
			t.Errorf("at the end: %v", err)
		}
		_ = s.Close()
	}
	s := start(t, Options{Input: io.MultiReader(io.LimitReader(zeros{}, 50<<20), strings.NewReader("\nx\n"))}, frame.Options{MaxRecordSize: 1000})
	got, flags := take(t, s, 2)
	if len(got[0]) != 1000 || flags[0] != tailer.Truncated || got[1] != "x" {
		t.Errorf("%d bytes, %q %v", len(got[0]), got[1], flags)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return copy(p, bytes.Repeat([]byte{'z'}, len(p))), nil }

func TestInputKeepsEveryByte(t *testing.T) {
	var in bytes.Buffer
	for i := range 200000 {
		fmt.Fprintf(&in, "%d\t%s\r\n", i, strings.Repeat("\x80", i%50))
	}
	text := in.String()
	s := start(t, Options{Input: &in}, frame.Options{KeepCR: true})
	var got strings.Builder
	end := int64(0)
	for {
		b, err := s.Next(context.Background())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if b.Start != end {
			t.Fatalf("batch at %d after %d", b.Start, end)
		}
		end = b.End
		for i := range b.Records {
			got.Write(b.Bytes(i))
			got.WriteByte('\n')
		}
		b.Release()
	}
	if got.String() != text || end != int64(len(text)) {
		t.Errorf("got %d bytes of %d, end %d", got.Len(), len(text), end)
	}
}

func TestEmptyInput(t *testing.T) {
	s := start(t, Options{Input: strings.NewReader("")}, frame.Options{})
	if _, err := s.Next(context.Background()); !errors.Is(err, io.EOF) {
		t.Errorf("got %v", err)
	}
}

func TestJoinClosesByTime(t *testing.T) {
	path := fifo(t)
	s := start(t, Options{Path: path}, frame.Options{Multiline: &frame.Multiline{Indent: true, Timeout: 20 * time.Millisecond}})
	w := writer(t, path)
	defer func() { _ = w.Close() }()
	write(t, w, "a\n b\n")
	want(t, s, "a\n b")
	write(t, w, "c\n d\nhalf")
	want(t, s, "c\n d")
	write(t, w, " whole\n")
	want(t, s, "half whole")
}

func TestMemoryIsChargedAndComesBack(t *testing.T) {
	share := memory.New(1 << 20).Share()
	s := start(t, Options{Input: strings.NewReader("a\nb\n"), Memory: share}, frame.Options{})
	b, err := s.Next(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if got := share.Used(); got != b.End-b.Start {
		t.Errorf("%d bytes are charged", got)
	}
	b.Release()
	if share.Used() != 0 {
		t.Error("memory did not come back")
	}
}

func BenchmarkInput(b *testing.B) {
	text := bytes.Repeat([]byte(strings.Repeat("x", 259)+"\n"), 4096)
	b.SetBytes(int64(len(text)))
	framer, err := frame.New(frame.Options{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s, err := Open(Options{Input: bytes.NewReader(text), Framer: framer})
		if err != nil {
			b.Fatal(err)
		}
		for {
			batch, err := s.Next(context.Background())
			if err != nil {
				break
			}
			batch.Release()
		}
		_ = s.Close()
	}
}

// The header line of an input is known for all of its records, however it comes in.
func TestHeader(t *testing.T) {
	r, w := io.Pipe()
	s := start(t, Options{Input: r, Header: true}, frame.Options{SkipHeaderLines: 1})
	go func() {
		for _, part := range []string{"a", ",b", "\n", "1,2\n3", ",4\n"} {
			_, _ = io.WriteString(w, part)
		}
		_ = w.Close()
	}()
	var got []string
	for {
		b, err := s.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.Records {
			got = append(got, b.Source.Header+": "+string(b.Bytes(i)))
		}
		b.Release()
	}
	if strings.Join(got, "; ") != "a,b: 1,2; a,b: 3,4" {
		t.Errorf("got %q", got)
	}
}
