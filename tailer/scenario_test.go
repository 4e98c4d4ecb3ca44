package tailer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kinetail/kinetail/tailer/checkpoint"
)

// lineSize is the length of every line that a scenario appends, in bytes.
const lineSize = 40

// TestScenarios runs the scripts under testdata/scenarios: one for each row of the table of what can happen to a file. Their verbs are
// the cases of world.do. Nothing in them waits: the clock is the script's.
func TestScenarios(t *testing.T) {
	scripts, err := filepath.Glob("testdata/scenarios/*.txt")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no scenarios", err)
	}
	for _, script := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(script), ".txt"), func(t *testing.T) { runScript(t, script) })
	}
}

// TestPastFailures runs what TestProperty once found, as the scripts that it printed.
func TestPastFailures(t *testing.T) {
	scripts, err := filepath.Glob("testdata/past/*.txt")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, script := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(script), ".txt"), func(t *testing.T) { runScript(t, script) })
	}
}

// TestScript runs the script that KINETAIL_SCRIPT names: what TestProperty prints when it fails is one.
func TestScript(t *testing.T) {
	if script := os.Getenv("KINETAIL_SCRIPT"); script != "" {
		runScript(t, script)
	}
}

func runScript(t *testing.T, script string) {
	file, err := os.Open(script)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w := newWorld(t)
	defer w.end()
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(text)
		if len(words) == 0 {
			continue
		}
		if err := w.do(words); errors.Is(err, errSkip) {
			t.Skipf("%s:%d: %v", script, n, err)
		} else if err != nil {
			t.Fatalf("%s:%d: %s: %v", script, n, lines.Text(), err)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

var errSkip = errors.New("not possible here")

// world is a directory with log files, those who write to them, and a follower under a clock of its own.
type world struct {
	t       testing.TB
	dir     string
	state   string
	opts    Options
	clock   clock
	began   time.Time
	f       *Follower
	store   *checkpoint.Store
	writers map[string]*os.File
	next    int
	written map[int]string // line number -> what it was appended to
	got     []delivered
	checked int // of got, by expect
	holding bool
	// slow is how many batches the destination lets be out, each acknowledged a step later than the one before; 0: it keeps up.
	slow int
	held []*Ack
	logs *strings.Builder
	// descriptors is how many bodies may be open; unprotected is as fs.protected_hardlinks = 0.
	descriptors int
	unprotected bool
	gaps        int64 // of followers that have been closed
}

type delivered struct {
	number int // 0 for a line without one
	text   string
	source *Source
	flags  Flags
}

func newWorld(t testing.TB) *world {
	w := &world{
		t: t, dir: t.TempDir(), state: t.TempDir(), writers: map[string]*os.File{}, written: map[int]string{}, logs: &strings.Builder{}, clock: 1, began: time.Now(),
	}
	w.opts = Options{
		Flow: "test", Paths: []string{filepath.Join(w.dir, "*.log")}, StartAt: "beginning", Framer: lines{},
		Log: slog.New(slog.NewTextHandler(w.logs, nil)), PollInterval: 50 * time.Millisecond,
	}
	return w
}

func (w *world) end() {
	fault, statMask = nil, unix.STATX_BASIC_STATS|unix.STATX_BTIME
	w.stop()
	for _, f := range w.writers {
		f.Close()
	}
	if w.t.Failed() {
		w.t.Logf("log:\n%s", w.logs)
	}
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

func (w *world) start() error {
	var err error
	if w.store, err = checkpoint.Open(w.state, checkpoint.Options{Log: w.opts.Log}); err != nil {
		return err
	}
	opts := w.opts
	opts.Store = w.store
	if w.f, err = open(opts); err != nil {
		return err
	}
	if w.descriptors > 0 {
		w.f.descriptors = w.descriptors + besides
	}
	w.f.protected = !w.unprotected
	w.f.now = func() clock { return w.clock }
	for _, g := range w.f.gens { // it was opened under the real clock
		g.looked += w.clock - g.grown
		g.grown = w.clock
	}
	w.f.wall = func() time.Time { return w.began.Add(w.clock) }
	w.f.took = func(time.Time) time.Duration { return 0 }
	return w.poll()
}

// stop acknowledges what is held and ends the follower in good order.
func (w *world) stop() {
	if w.f == nil {
		return
	}
	w.release()
	w.gaps += w.f.Status().Counters.GapBytes
	w.f.Close()
	w.f = nil
	w.store.Close()
}

// leave ends the follower in good order while batches are unanswered, as shutdown_timeout does.
func (w *world) leave() {
	w.gaps += w.f.Status().Counters.GapBytes
	w.f.Close()
	w.f, w.held = nil, nil
	w.store.Close()
}

func (w *world) release() {
	for _, a := range w.held {
		a.Done(1)
	}
	w.held = nil
}

// kill ends the follower without anything being acknowledged or committed any more.
func (w *world) kill() error {
	copied := w.t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(w.state)); err != nil {
		return err
	}
	w.gaps += w.f.Status().Counters.GapBytes
	w.f.Close()
	w.f, w.held = nil, nil
	w.store.Close()
	w.state = copied
	return nil
}

// poll lets the follower look and read until nothing comes any more.
func (w *world) poll() error {
	if w.f == nil {
		return nil
	}
	w.f.own.Lock()
	w.f.wantSweep()
	w.f.own.Unlock()
	for quiet := 0; quiet < 12; {
		b, err := w.step()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		quiet++
		if b {
			quiet = 0
		} else {
			w.clock += w.opts.PollInterval
		}
	}
	return nil
}

func (w *world) step() (bool, error) {
	if w.slow > 0 && !w.holding && len(w.held) >= w.slow {
		// Nobody calls Next: the follower only goes on looking.
		func() {
			w.f.own.Lock()
			defer w.f.own.Unlock()
			w.f.look(context.Background(), w.clock)
		}()
		w.answer()
		return true, nil
	}
	b, err := func() (*Batch, error) {
		w.f.own.Lock()
		defer w.f.own.Unlock()
		b, _, err := w.f.step(context.Background(), w.clock)
		return b, err
	}()
	if err == nil && b == nil && w.slow > 0 && !w.holding && len(w.held) > 0 {
		w.answer()
		return true, nil
	}
	if err != nil || b == nil {
		return false, err
	}
	for i, r := range b.Records {
		text := string(b.Bytes(i))
		d := delivered{text: text, source: b.Source, flags: r.Flags}
		if r.Part > 0 || r.Flags&Split != 0 {
			d.text = fmt.Sprintf("%s(%d)", text[:min(8, len(text))], r.Part)
		}
		if n, ok := strings.CutPrefix(text, "line "); ok {
			d.number, _ = strconv.Atoi(strings.TrimSpace(n[:6]))
		}
		w.got = append(w.got, d)
	}
	ack := b.Ack
	b.Release()
	if w.holding || w.slow > 0 {
		w.held = append(w.held, ack)
	} else {
		ack.Done(1)
	}
	return true, nil
}

// answer is what a slow destination does: it acknowledges the oldest batch, a little later.
func (w *world) answer() {
	w.held[0].Done(1)
	w.held = w.held[1:]
	w.clock += w.opts.PollInterval
}

func (w *world) line(name string) string {
	w.next++
	w.written[w.next] = name
	s := fmt.Sprintf("line %06d ", w.next)
	return s + strings.Repeat("x", lineSize-1-len(s)) + "\n"
}

func (w *world) append(name string, n int) error {
	f, err := os.OpenFile(w.path(name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	return w.write(f, name, n)
}

func (w *world) write(f *os.File, name string, n int) error {
	var s strings.Builder
	for range n {
		s.WriteString(w.line(name))
	}
	_, err := f.WriteString(s.String())
	return err
}
