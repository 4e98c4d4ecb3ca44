package tailer

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kinetail/kinetail/tailer/checkpoint"
)

// lagWorld is a follower of one file in a time of its own.
type lagWorld struct {
	t     *testing.T
	path  string
	store *checkpoint.Store
	f     *Follower
	time  time.Time
	held  []*Ack
}

func newLagWorld(t *testing.T) *lagWorld {
	dir := t.TempDir()
	store, err := checkpoint.Open(filepath.Join(dir, "state"), checkpoint.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	w := &lagWorld{t: t, path: filepath.Join(dir, "a.log"), store: store, time: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	w.append(1)
	w.open()
	w.look()
	w.ack(len(w.held))
	return w
}

func (w *lagWorld) open() {
	w.t.Helper()
	f, err := open(Options{Flow: "f", Paths: []string{w.path}, StartAt: "beginning", Framer: lines{}, Store: w.store, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = f.Close() })
	began := w.time
	f.wall = func() time.Time { return w.time }
	f.now = func() clock { return w.time.Sub(began) + 1 }
	w.f, w.held = f, nil
}

func (w *lagWorld) append(n int) {
	w.t.Helper()
	file, err := os.OpenFile(w.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := file.Write(bytes.Repeat([]byte("0123456789\n"), n)); err != nil {
		w.t.Fatal(err)
	}
	_ = file.Close()
}

// look sweeps and takes what is there.
func (w *lagWorld) look() {
	w.t.Helper()
	w.f.wantSweep()
	w.f.pace = 0
	for {
		b, _, err := w.f.step(context.Background(), w.f.now())
		if err != nil {
			w.t.Fatal(err)
		}
		if b == nil {
			if w.f.early {
				w.f.pace = 0
				continue
			}
			return
		}
		w.held = append(w.held, b.Ack)
		b.Release()
	}
}

func (w *lagWorld) ack(n int) {
	for _, a := range w.held[:n] {
		a.Done(1)
	}
	w.held = w.held[n:]
}

// pass lets time go by with a look each second.
func (w *lagWorld) pass(d time.Duration) {
	w.t.Helper()
	for ; d > 0; d -= time.Second {
		w.time = w.time.Add(min(d, time.Second))
		w.look()
	}
}

// want is the lag, between two bounds, and 0 bytes exactly if both are 0.
func (w *lagWorld) want(what string, least, most time.Duration) {
	w.t.Helper()
	st := w.f.Status()
	age := time.Duration(0)
	if !st.LagSince.IsZero() {
		age = w.time.Sub(st.LagSince)
	}
	if age < least || age > most || (st.LagBytes > 0) != (most > 0) {
		w.t.Errorf("%s: %v and %d bytes behind, want %v to %v", what, age, st.LagBytes, least, most)
	}
}

func TestLagAfterAnIdleHourIsThatOfTheNewBytes(t *testing.T) {
	w := newLagWorld(t)
	w.pass(time.Hour)
	w.want("idle", 0, 0)
	w.append(1)
	w.pass(10 * time.Second)
	w.want("10 s after a line", 9*time.Second, 10*time.Second)
	w.pass(time.Minute)
	w.want("while nothing new is written", 69*time.Second, 70*time.Second)
	w.ack(len(w.held))
	w.want("delivered", 0, 0)
}

func TestLagOfABusyFileIsTheTimeToDeliver(t *testing.T) {
	w := newLagWorld(t)
	for i := range 2000 {
		w.append(3)
		w.pass(time.Second)
		if len(w.held) > 2 { // delivered 2 s after it was read: the size never equals the committed offset
			w.ack(1)
		}
		if i > 10 {
			w.want("a busy file", time.Second, 3*time.Second)
		}
	}
}

func TestLagGrowsInAnOutageAndFallsAfterIt(t *testing.T) {
	w := newLagWorld(t)
	for range 600 {
		w.append(3)
		w.pass(time.Second)
	}
	w.want("after ten minutes", 599*time.Second, 600*time.Second)
	w.ack(len(w.held) / 2)
	w.want("half of it delivered", 299*time.Second, 340*time.Second) // what is merged counts as older than it is, never as younger
	w.ack(len(w.held))
	w.want("all of it", 0, 0)
}

func TestLagGoesOnAcrossARestart(t *testing.T) {
	w := newLagWorld(t)
	w.append(1)
	w.pass(time.Minute)
	_ = w.f.Close()
	w.time = w.time.Add(time.Minute) // down
	w.append(1)
	w.open()
	w.look()
	w.want("restarted", 119*time.Second, 2*time.Minute)
	w.ack(1)
	w.want("all is in one batch now", 0, 0)
}

func TestLagOfWhatWasWrittenWhileDown(t *testing.T) {
	for how, bound := range map[string]time.Duration{"stopped": time.Minute + time.Second, "killed": 2*time.Minute + time.Second} {
		t.Run(how, func(t *testing.T) {
			w := newLagWorld(t)
			w.pass(time.Hour)
			if how == "stopped" {
				_ = w.f.Close()
			}
			w.time = w.time.Add(time.Minute)
			w.append(1)
			w.open()
			w.look()
			w.want("at the start", time.Minute, bound) // not an hour
			w.pass(10 * time.Second)
			w.append(1)
			w.ack(len(w.held))
			w.pass(5 * time.Second)
			w.want("written since", 4*time.Second, 5*time.Second)
		})
	}
}
