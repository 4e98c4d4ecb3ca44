package emit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kinetail/kinetail/tailer"
)

func lines(t *testing.T, path string) []deadLetterLine {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []deadLetterLine
	for line := range bytes.Lines(text) {
		var l deadLetterLine
		if err := json.Unmarshal(line, &l); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		out = append(out, l)
	}
	return out
}

func TestDeadLetters(t *testing.T) {
	dir := t.TempDir()
	d := NewDeadLetters(DeadLetterOptions{StateDir: dir, Flow: "web/../x", Destination: "kinesis"})
	if _, err := os.Stat(filepath.Join(dir, "dead-letter")); err == nil {
		t.Error("the directory is there before the first letter")
	}
	source := &tailer.Source{Path: "/var/log/a.log", Generation: "g1"}
	_, err := d.Keep(t.Context(),
		DeadLetter{Reason: "too_large", Detail: "9 bytes", Source: source, Start: 10, End: 20, Part: 2, Key: []byte("k"), Data: []byte("<a>\n")},
		DeadLetter{Reason: "refused", Source: source, Start: 20, End: 30, Data: []byte("\xff\x00")})
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(dir, "dead-letter", "web%2F..%2Fx", "kinesis.jsonl"); d.Path() != want {
		t.Errorf("path %s, want %s", d.Path(), want)
	}
	got := lines(t, d.Path())
	if len(got) != 2 {
		t.Fatalf("%d letters", len(got))
	}
	a, b := got[0], got[1]
	if *a.Record != "<a>\n" || a.Flow != "web/../x" || a.Destination != "kinesis" || a.Reason != "too_large" || a.Detail != "9 bytes" ||
		a.File != "/var/log/a.log" || a.Generation != "g1" || a.Start != 10 || a.End != 20 || a.Part != 2 || a.Key != "k" || a.Time.IsZero() {
		t.Errorf("first letter %+v", a)
	}
	if b.Record != nil || string(b.Base64) != "\xff\x00" {
		t.Errorf("second letter %+v", b)
	}
	// Somebody takes the letters away; a crash cut the last one off.
	if err := os.Rename(d.Path(), d.Path()+".seen"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.Path(), []byte("{\"reason\":\"whole\"}\n{\"reason\":\"cut o"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Keep(t.Context(), DeadLetter{Reason: "next"}); err != nil {
		t.Fatal(err)
	}
	if got := lines(t, d.Path()); len(got) != 2 || got[0].Reason != "whole" || got[1].Reason != "next" {
		t.Errorf("after a torn letter: %+v", got)
	}
	if info, _ := os.Stat(d.Path()); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v: letters are nobody else's", info.Mode())
	}
}

func TestFileName(t *testing.T) {
	for name, want := range map[string]string{"web": "web", "a b": "a%20b", "..": "%2E.", ".": "%2E", ".x": "%2Ex", "a/b": "a%2Fb"} {
		if got := fileName(name); got != want {
			t.Errorf("%q is kept in %q, want %q", name, got, want)
		}
	}
}

func TestFullDeadLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		o := DeadLetterOptions{
			StateDir: t.TempDir(), Flow: "f", Destination: "d", MaxSize: 1000,
			Log: slog.New(slog.NewTextHandler(&log, nil)),
		}
		d := NewDeadLetters(o)
		letter := DeadLetter{Reason: "refused", Data: bytes.Repeat([]byte("x"), 600)}
		if _, err := d.Keep(t.Context(), letter); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := d.Keep(ctx, letter); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "max_size") {
			t.Errorf("when full: %v", err)
		}
		if n := strings.Count(log.String(), "\n"); n != 1 {
			t.Errorf("%d lines logged in a minute of waiting:\n%s", n, log.String())
		}
		done := make(chan error, 1)
		go func() { _, err := d.Keep(context.Background(), letter); done <- err }()
		synctest.Wait()
		if !strings.Contains(d.Waits(), "max_size") {
			t.Errorf("while it waits, Waits is %q", d.Waits())
		}
		if err := os.Remove(d.Path()); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil || len(lines(t, d.Path())) != 1 {
			t.Errorf("when there is room again: %v", err)
		}
		if d.Waits() != "" {
			t.Errorf("when nobody waits: %q", d.Waits())
		}
		o.Drop = true
		if n, err := NewDeadLetters(o).Keep(t.Context(), letter, letter); n != 2 || err != nil {
			t.Errorf("on_full = drop: %d dropped, %v", n, err)
		}
	})
}

func TestDeadLettersTogether(t *testing.T) {
	d := NewDeadLetters(DeadLetterOptions{StateDir: t.TempDir(), Flow: "f", Destination: "d"})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 5 {
				if _, err := d.Keep(t.Context(), DeadLetter{Reason: "r"}, DeadLetter{Reason: "r"}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if n := len(lines(t, d.Path())); n != 80 {
		t.Errorf("%d letters of 80", n)
	}
}

// TestTryKeepTakesTurns: that another request of the flow keeps its letters at the same moment is no reason to stop the flow.
func TestTryKeepTakesTurns(t *testing.T) {
	d := NewDeadLetters(DeadLetterOptions{StateDir: t.TempDir(), Flow: "f", Destination: "d"})
	errs := make(chan error)
	const many = 16
	for range many {
		go func() {
			_, err := d.TryKeep(DeadLetter{Reason: "refused", Data: []byte("x")})
			errs <- err
		}()
	}
	for range many {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}
