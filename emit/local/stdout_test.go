package local

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kinetail/kinetail/emit"
	"github.com/kinetail/kinetail/pipeline"
	"github.com/kinetail/kinetail/tailer"
)

func pipe(t *testing.T, o Options) (d emit.Destination, r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close(); _ = w.Close() })
	d, err = NewStdout(w, o)
	if err != nil {
		t.Fatal(err)
	}
	return closeAtEnd(t, d), r, w
}

func TestStdoutWritesOneRecordPerLineAndAcknowledges(t *testing.T) {
	d, r, w := pipe(t, Options{})
	acked := put(t, d, "a", "with newline\n", "")
	flush(t, d)
	if !acked.Load() {
		t.Error("written and not acknowledged")
	}
	_ = w.Close()
	if got, _ := io.ReadAll(r); string(got) != "a\nwith newline\n\n" {
		t.Errorf("got %q", got)
	}
	s := d.Status()
	if s.Kind != "stdout" || s.Name != "stdout" || s.Counters.RecordsSent.Load() != 3 || s.QueuedRecords != 0 || s.QueuedBytes != 0 {
		t.Errorf("status %+v, sent %d", s, s.Counters.RecordsSent.Load())
	}
}

// blocking makes f as a shell's standard output is: a write to it would block the thread.
func blocking(t *testing.T, f *os.File) {
	t.Helper()
	if err := unix.SetNonblock(int(f.Fd()), false); err != nil {
		t.Fatal(err)
	}
}

func TestStdoutBlockedReaderHoldsPutUp(t *testing.T) {
	for name, prepare := range map[string]func(*testing.T, *os.File){
		"blocking": blocking, "non-blocking": func(*testing.T, *os.File) {},
	} {
		t.Run(name, func(t *testing.T) {
			d, r, w := pipe(t, Options{})
			prepare(t, w)
			acked := new(atomic.Int64)
			record := strings.Repeat("r", 1000)
			var taken int
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			for { // nobody reads: in the end Put waits until ctx ends
				p := &pipeline.Payloads{
					Batch: &tailer.Batch{Ack: tailer.NewAck(func() { acked.Add(1) })},
					Items: []pipeline.Payload{{Data: []byte(record)}},
				}
				err := d.Put(ctx, p)
				if errors.Is(err, context.DeadlineExceeded) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				p.Batch.Ack.Done(1)
				if taken++; taken > 10_000 {
					t.Fatal("ten megabytes were taken over and nobody reads")
				}
			}
			if bound := int64(2*queueBytes + 1001); d.Status().QueuedBytes > bound {
				t.Errorf("%d bytes queued, bound %d", d.Status().QueuedBytes, bound)
			}
			got := make(chan string)
			go func() {
				b, _ := io.ReadAll(r)
				got <- string(b)
			}()
			flush(t, d)
			_ = w.Close()
			if want := strings.Repeat(record+"\n", taken); <-got != want {
				t.Errorf("not what was put, %d records", taken)
			}
			if acked.Load() != int64(taken) {
				t.Errorf("%d acknowledged of %d", acked.Load(), taken)
			}
		})
	}
}

func TestStdoutCloseWhileBlocked(t *testing.T) {
	d, r, w := pipe(t, Options{})
	blocking(t, w)
	acked := put(t, d, strings.Repeat("x", 200<<10))
	if _, err := r.Read(make([]byte, 1)); err != nil { // it has begun to write
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if acked.Load() {
		t.Error("acknowledged though it was not written")
	}
}

// TestStdoutErrorInTheMiddleOfARecord lets every third write fail: what was written of a record is not written again.
func TestStdoutErrorInTheMiddleOfARecord(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	conn, err := w.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	s := &stream{chunk: 4, control: func(f func(uintptr)) error {
		if calls++; calls%3 == 0 {
			f(1 << 19) // no such descriptor
			return nil
		}
		return conn.Control(f)
	}}
	d := closeAtEnd(t, start("stdout", s, withLog(Options{})))
	acked := put(t, d, "one", "the second record", "3")
	flush(t, d)
	_ = w.Close()
	if got, _ := io.ReadAll(r); string(got) != "one\nthe second record\n3\n" || !acked.Load() {
		t.Errorf("got %q, acknowledged %v", got, acked.Load())
	}
	if d.Status().Counters.RecordSendErrors.Load() == 0 {
		t.Error("no write has failed")
	}
}

func TestStdoutReaderGone(t *testing.T) {
	d, r, _ := pipe(t, withLog(Options{}))
	_ = r.Close()
	acked := put(t, d, "a")
	if err := d.Flush(t.Context()); !errors.Is(err, unix.EPIPE) {
		t.Errorf("Flush: %v, want EPIPE", err)
	}
	if acked.Load() {
		t.Error("acknowledged")
	}
	if s := d.Status(); !s.Circuit.Open || !strings.Contains(s.LastError, "reader has gone") {
		t.Errorf("status %+v", s)
	}
	unacked := new(atomic.Bool)
	if err := d.Put(t.Context(), payloads(unacked, "b")); !errors.Is(err, unix.EPIPE) {
		t.Errorf("Put: %v, want EPIPE", err)
	}
}

func TestStdoutIntoAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	d, err := NewStdout(f, Options{Delimiter: "\x00"})
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, d)
	put(t, d, "a", "b\x00")
	flush(t, d)
	wantFile(t, path, "a\x00b\x00")
}

func TestRefusedRecords(t *testing.T) {
	letters := emit.NewDeadLetters(emit.DeadLetterOptions{StateDir: t.TempDir(), Flow: "f", Destination: "stdout"})
	refused := func(acked *atomic.Bool) *pipeline.Payloads {
		p := payloads(acked, "a", "bad", "worse", "b")
		p.Items[1].Refusal = &pipeline.Refusal{Reason: "oversize"}
		p.Items[2].Refusal = &pipeline.Refusal{Reason: "parse_error"}
		return p
	}
	for name, c := range map[string]struct {
		o    Options
		kept int
	}{
		"kept":    {Options{DeadLetters: letters}, 2},
		"dry run": {Options{DryRun: true}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			_ = os.Remove(letters.Path())
			d, r, w := pipe(t, c.o)
			acked := new(atomic.Bool)
			p := refused(acked)
			if err := d.Put(t.Context(), p); err != nil {
				t.Fatal(err)
			}
			p.Batch.Ack.Done(1)
			flush(t, d)
			_ = w.Close()
			text, _ := os.ReadFile(letters.Path())
			if got, _ := io.ReadAll(r); string(got) != "a\nb\n" || strings.Count(string(text), "\n") != c.kept || !acked.Load() {
				t.Errorf("written %q, dead letters %q, acknowledged %v", got, text, acked.Load())
			}
			if n := d.Status().Counters.RecordsDeadLettered.Load(); n != 2 {
				t.Errorf("RecordsDeadLettered = %d", n)
			}
		})
	}
	without, _, _ := pipe(t, Options{})
	if err := without.Put(t.Context(), refused(new(atomic.Bool))); err == nil {
		t.Error("a refused record was taken though it cannot be kept")
	}
}
