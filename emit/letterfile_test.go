package emit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kinetail/kinetail/tailer"
)

func letters(t *testing.T, path string) (all []StoredLetter) {
	t.Helper()
	f, err := OpenLetterFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if err := f.Each(0, func(l *StoredLetter) bool { all = append(all, *l); return true }); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestLetterPaths(t *testing.T) {
	dir := t.TempDir()
	if all, err := LetterPaths(dir); err != nil || len(all) != 0 {
		t.Errorf("without any: %v %v", all, err)
	}
	for _, name := range []string{"..", "a/b", ".x", "plain %41"} {
		d := NewDeadLetters(DeadLetterOptions{StateDir: dir, Flow: name, Destination: "to " + name})
		if _, err := d.Keep(t.Context(), DeadLetter{Reason: "r", Data: []byte("\xff")}); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "dead-letter", "stray"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := LetterPaths(dir)
	if err != nil || len(all) != 4 {
		t.Fatalf("%v %v", all, err)
	}
	for _, p := range all {
		if got := letters(t, p.Path); len(got) != 1 || got[0].Flow != p.Flow || got[0].Destination != p.Destination || "to "+p.Flow != p.Destination ||
			string(got[0].Data) != "\xff" || !got[0].Binary {
			t.Errorf("%+v holds %+v", p, got)
		}
	}
}

// A letter is written to the file and shown to programs in one form.
func TestALetterAsJSON(t *testing.T) {
	d := NewDeadLetters(DeadLetterOptions{StateDir: t.TempDir(), Flow: "f", Destination: "d"})
	if _, err := d.Keep(t.Context(),
		DeadLetter{Reason: "refused", Detail: "because", Source: &tailer.Source{Path: "/log", Generation: "g"}, Start: 3, End: 9, Part: 2, Key: []byte("k"), Data: []byte("text")},
		DeadLetter{Reason: "refused", Data: []byte("\xff")}, DeadLetter{Reason: "refused"},
	); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(d.Path())
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, l := range letters(t, d.Path()) {
		line, err := json.Marshal(&l)
		if err != nil {
			t.Fatal(err)
		}
		got += string(line) + "\n"
	}
	if got != string(want) {
		t.Errorf("shown as\n%sand stored as\n%s", got, want)
	}
}

// An agent appends while half of the letters are taken out again and again: what was not taken out is there once, in its order.
func TestRemoveWhileAppending(t *testing.T) {
	const count = 300
	d := NewDeadLetters(DeadLetterOptions{StateDir: t.TempDir(), Flow: "f", Destination: "d"})
	var group sync.WaitGroup
	group.Go(func() {
		for i := range count {
			if _, err := d.Keep(context.Background(), DeadLetter{Reason: "r", Start: int64(i), Data: fmt.Appendf(nil, "letter %d", i)}); err != nil {
				t.Error(err)
			}
		}
	})
	taken := map[int64]bool{}
	take := func() {
		f, err := OpenLetterFile(d.Path())
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		var out []ByteRange
		if err := f.Each(0, func(l *StoredLetter) bool {
			if l.Start%2 == 0 {
				if taken[l.Start] {
					t.Errorf("letter %d came back", l.Start)
				}
				taken[l.Start] = true
				out = append(out, ByteRange{l.From, l.To})
			}
			return true
		}); err != nil {
			t.Error(err)
		}
		if err := f.Remove(t.Context(), out); err != nil {
			t.Error(err)
		}
	}
	done := make(chan struct{})
	go func() { group.Wait(); close(done) }()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		take()
	}
	left := letters(t, d.Path())
	if len(taken) != count/2 || len(left) != count/2 {
		t.Fatalf("%d taken, %d left", len(taken), len(left))
	}
	for i, l := range left {
		if l.Start != int64(2*i+1) || string(l.Data) != fmt.Sprintf("letter %d", l.Start) {
			t.Errorf("place %d: %+v", i, l)
		}
	}
	if info, _ := os.Stat(d.Path()); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestRemoveAllAndReplaced(t *testing.T) {
	d := NewDeadLetters(DeadLetterOptions{StateDir: t.TempDir(), Flow: "f", Destination: "d"})
	keep := func(n int64) {
		if _, err := d.Keep(t.Context(), DeadLetter{Reason: "r", Start: n}); err != nil {
			t.Fatal(err)
		}
	}
	keep(1)
	f, err := OpenLetterFile(d.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	all := []ByteRange{{0, letters(t, d.Path())[0].To}}
	if err := f.Remove(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(d.Path()); !os.IsNotExist(err) {
		t.Errorf("an empty file is left: %v", err)
	}
	keep(2)
	if err := f.Remove(t.Context(), all); err == nil || !strings.Contains(err.Error(), "another file") {
		t.Errorf("letters were taken out of a file that was not read: %v", err)
	}
	if got := letters(t, d.Path()); len(got) != 1 || got[0].Start != 2 {
		t.Errorf("left: %+v", got)
	}
	if err := os.WriteFile(d.Path(), []byte("{broken\n{\"reason\":\"r\",\"start\":7}\n{\"torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := letters(t, d.Path())
	if len(got) != 2 || got[0].Err == nil || string(got[0].Data) != "{broken\n" || got[1].Start != 7 || got[1].From != got[0].To {
		t.Errorf("a broken file: %+v", got)
	}
}

// Whoever holds the lock for long is said to do so; the letters are kept later.
func TestLockHeld(t *testing.T) {
	d := NewDeadLetters(DeadLetterOptions{StateDir: t.TempDir(), Flow: "f", Destination: "d"})
	if _, err := d.Keep(t.Context(), DeadLetter{Reason: "r"}); err != nil {
		t.Fatal(err)
	}
	held, err := lockLetters(t.Context(), d.Path(), os.O_RDONLY)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := d.Keep(ctx, DeadLetter{Reason: "r"}); err == nil {
		t.Error("a letter was written under somebody else's lock")
	}
	go func() { _ = held.Close() }()
	if _, err := d.Keep(t.Context(), DeadLetter{Reason: "r"}); err != nil {
		t.Error(err)
	}
	if got := letters(t, d.Path()); len(got) != 2 {
		t.Errorf("%d letters", len(got))
	}
	p := LetterPath{Flow: "f", Destination: "d", Path: d.Path()}
	one, err := LockSending(p)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := LockSending(p); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("two send at once: %v", err)
	}
	_ = one.Close()
}
