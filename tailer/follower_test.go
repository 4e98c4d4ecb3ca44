package tailer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kinetail/kinetail/tailer"
	"github.com/kinetail/kinetail/tailer/checkpoint"
	"github.com/kinetail/kinetail/tailer/frame"
	"github.com/kinetail/kinetail/tailer/memory"
)

func follow(t *testing.T, o tailer.Options) *tailer.Follower {
	t.Helper()
	if o.Framer == nil {
		framer, err := frame.New(frame.Options{})
		if err != nil {
			t.Fatal(err)
		}
		o.Framer = framer
	}
	o.Log = slog.New(slog.DiscardHandler)
	if o.Flow == "" {
		o.Flow = "test"
	}
	f, err := tailer.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// read takes one batch and acknowledges it if ack is set.
func read(t *testing.T, f *tailer.Follower, ack bool) (texts []string, held *tailer.Ack) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	b, err := f.Next(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for i := range b.Records {
		texts = append(texts, string(b.Bytes(i)))
	}
	held = b.Ack
	b.Release()
	if ack {
		held.Done(1)
	}
	return texts, held
}

func write(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

// Row 33: two flows read one file, each at its own position.
func TestTwoFlows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	state := t.TempDir()
	open := func() (*checkpoint.Store, [2]*tailer.Follower) {
		store, err := checkpoint.Open(state, checkpoint.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var fs [2]*tailer.Follower
		for i := range fs {
			fs[i] = follow(t, tailer.Options{Flow: fmt.Sprint("flow", i), Paths: []string{path}, StartAt: "beginning", Store: store})
		}
		return store, fs
	}
	write(t, path, "one\ntwo\n")
	store, fs := open()
	read(t, fs[0], true)
	read(t, fs[1], false)
	fs[0].Close()
	fs[1].Close()
	store.Close()
	write(t, path, "three\n")
	store, fs = open()
	defer store.Close()
	if got, _ := read(t, fs[0], true); strings.Join(got, " ") != "three" {
		t.Errorf("the flow that acknowledged got %q", got)
	}
	if got, _ := read(t, fs[1], true); strings.Join(got, " ") != "one two three" {
		t.Errorf("the flow that did not got %q", got)
	}
	fs[0].Close()
	fs[1].Close()
}

// A file with a great backlog does not delay a quiet one by more than a turn.
func TestFairness(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "hot.log"), strings.Repeat(strings.Repeat("x", 259)+"\n", 40_000))
	write(t, filepath.Join(dir, "quiet.log"), "here\n")
	f := follow(t, tailer.Options{Paths: []string{filepath.Join(dir, "*.log")}, StartAt: "beginning"})
	for turn := range 3 {
		if got, _ := read(t, f, true); got[0] == "here" {
			return
		} else if turn == 2 {
			t.Fatal("two turns of the busy file before the quiet one")
		}
	}
}

// MaxUnacked bounds what is out; an acknowledgement out of order frees bytes but moves no offset.
func TestMaxUnackedAndOrder(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.log"), strings.Repeat("0123456789abcde\n", 1024))
	f := follow(t, tailer.Options{Paths: []string{filepath.Join(dir, "a.log")}, StartAt: "beginning", BlockSize: 4000, MaxUnacked: 8000})
	_, first := read(t, f, false)
	_, second := read(t, f, false)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if b, err := f.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("more than MaxUnacked is out: %v, %v", b, err)
	}
	second.Done(1)
	if st := f.Status(); st.Generations[0].Committed != 0 {
		t.Fatalf("committed %d before the first batch is acknowledged", st.Generations[0].Committed)
	}
	read(t, f, false)
	first.Done(1)
	if st := f.Status(); st.Generations[0].Committed == 0 || st.Generations[0].Committed%16 != 0 {
		t.Fatalf("committed %d", st.Generations[0].Committed)
	}
}

// An acknowledgement after Close changes nothing and harms nobody; Next says that it is over.
func TestClose(t *testing.T) {
	dir := t.TempDir()
	store, err := checkpoint.Open(t.TempDir(), checkpoint.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	write(t, filepath.Join(dir, "a.log"), "one\n")
	f := follow(t, tailer.Options{Paths: []string{filepath.Join(dir, "*.log")}, StartAt: "beginning", Store: store})
	_, held := read(t, f, false)
	var wait sync.WaitGroup
	wait.Add(1)
	go func() {
		defer wait.Done()
		if _, err := f.Next(context.Background()); !errors.Is(err, tailer.ErrClosed) {
			t.Errorf("Next: %v", err)
		}
	}()
	f.Close()
	wait.Wait()
	held.Done(1)
	gens, err := store.Load("test")
	if err != nil || len(gens) != 1 || gens[0].Offset != 0 {
		t.Errorf("%v %+v", err, gens)
	}
}

// Memory is taken before reading and given back with the batch; without any, nothing is read and nothing fails.
func TestMemory(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.log"), strings.Repeat("0123456789abcde\n", 1<<17))
	budget := memory.New(1 << 20)
	share := budget.Share()
	f := follow(t, tailer.Options{Paths: []string{filepath.Join(dir, "*.log")}, StartAt: "beginning", Memory: share, Once: true})
	var out []*tailer.Batch
	total, waited := 0, false
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		b, err := f.Next(ctx)
		cancel()
		switch {
		case err == io.EOF:
			for _, b := range out {
				b.Release()
			}
			if total != 1<<17 || !waited || share.Used() != 0 {
				t.Errorf("%d records, waited for memory: %v, still used %d", total, waited, share.Used())
			}
			return
		case errors.Is(err, context.DeadlineExceeded):
			waited = true
			if len(out) == 0 {
				t.Fatal("nothing is held, and nothing comes")
			}
			for _, b := range out {
				ack := b.Ack
				b.Release()
				ack.Done(1)
			}
			out = nil
		case err != nil:
			t.Fatal(err)
		default:
			if share.Used() > 1<<20 {
				t.Fatalf("%d bytes used", share.Used())
			}
			total += len(b.Records)
			out = append(out, b)
		}
	}
}

// Rows 23 and 24, and multi-line, through the real framer: a position is always a record end, whatever it is restarted at.
func TestFramersAcrossRestarts(t *testing.T) {
	utf16 := func(s string) string {
		var b strings.Builder
		for _, r := range s {
			b.WriteByte(byte(r))
			b.WriteByte(byte(r >> 8))
		}
		return b.String()
	}
	for _, c := range []struct {
		name         string
		o            frame.Options
		first, later string
		want, then   string
	}{
		{"crlf", frame.Options{}, "a\r\nb\r\n", "c\r\n", "a|b", "c"},
		{"utf-16le", frame.Options{Encoding: "utf-16"}, "\xff\xfe" + utf16("é\r\nb\n"), utf16("c\n"), "é|b", "c"},
		{"header", frame.Options{SkipHeaderLines: 1}, "head\na\n", "b\n", "a", "b"},
		{"multiline", frame.Options{Multiline: &frame.Multiline{Start: "^S"}}, "S1\n x\nS2\n y\n", " z\nS3\n", "S1\n x", "S2\n y\n z"},
		{"continuation", frame.Options{Multiline: &frame.Multiline{Continue: `^\+`}}, "a\n+b\nc\n", "+d\ne\n", "a\n+b", "c\n+d"},
		{"indentation", frame.Options{Multiline: &frame.Multiline{Indent: true}}, "a\n b\nc\n", "\td\ne\n", "a\n b", "c\n\td"},
		{"utf-16be", frame.Options{Encoding: "utf-16be"}, "\x00a\x00\n\x00b", "\x00c\x00\n", "a", "bc"},
		{
			"cri",
			frame.Options{Format: "cri"},
			"2026-01-02T15:04:05.1Z stdout F x\n2026-01-02T15:04:05.2Z stdout P a\n",
			"2026-01-02T15:04:05.3Z stderr F e\n2026-01-02T15:04:05.4Z stdout F b\n", "x", "e|ab",
		},
		{
			"docker",
			frame.Options{Format: "docker"},
			`{"log":"x\n","stream":"stdout","time":"t"}` + "\n" + `{"log":"a","stream":"stdout","time":"t"}` + "\n",
			`{"log":"b\n","stream":"stdout","time":"t"}` + "\n", "x", "ab",
		},
		{"dead letter", frame.Options{MaxRecordSize: 8, OnOversize: "dead_letter"}, "0123456789abcdefghij\nb\n", "c\n", "01234567|b", "c"},
		{"oversize", frame.Options{MaxRecordSize: 8, OnOversize: "split"}, "0123456789abcdefghij\nb\n", "c\n", "01234567|89abcdef|ghij|b", "c"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path, state := filepath.Join(t.TempDir(), "a.log"), t.TempDir()
			write(t, path, c.first)
			for _, want := range []string{c.want, c.then} {
				framer, err := frame.New(c.o)
				if err != nil {
					t.Fatal(err)
				}
				store, err := checkpoint.Open(state, checkpoint.Options{})
				if err != nil {
					t.Fatal(err)
				}
				f := follow(t, tailer.Options{Paths: []string{path}, StartAt: "beginning", Store: store, Framer: framer})
				var got []string
				for len(got) <= strings.Count(want, "|") {
					texts, _ := read(t, f, true)
					got = append(got, texts...)
				}
				if strings.Join(got, "|") != want {
					t.Errorf("got %q, want %q", got, want)
				}
				f.Close()
				store.Close()
				write(t, path, c.later)
				c.later = ""
			}
		})
	}
}

// faulty is a framer with a bug.
type faulty struct{}

func (faulty) Frame(*tailer.Batch, []byte, int64, tailer.Closing) int { panic("a bug") }
func (faulty) Window() int                                            { return 1 << 20 }

// A panic while a file is read ends the flow, which then closes the follower and opens another: that must not wait for anything.
func TestAPanicLeavesItClosable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	write(t, path, "one\n")
	f := follow(t, tailer.Options{Paths: []string{path}, StartAt: "beginning", Framer: faulty{}})
	func() {
		defer func() {
			if recover() == nil {
				t.Error("it did not panic: the test has tested nothing")
			}
		}()
		_, _ = f.Next(t.Context())
	}()
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}
