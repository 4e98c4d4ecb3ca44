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
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

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
	f       *Follower
	store   *checkpoint.Store
	writers map[string]*os.File
	next    int
	written map[int]string // line number -> what it was appended to
	got     []delivered
	checked int // of got, by expect
	holding bool
	held    []*Ack
	logs    *strings.Builder
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
		t: t, dir: t.TempDir(), state: t.TempDir(), writers: map[string]*os.File{}, written: map[int]string{}, logs: &strings.Builder{}, clock: 1,
	}
	w.opts = Options{
		Flow: "test", Paths: []string{filepath.Join(w.dir, "*.log")}, StartAt: "beginning", Framer: lines{},
		Log: slog.New(slog.NewTextHandler(w.logs, nil)), PollInterval: 50 * time.Millisecond,
	}
	return w
}

func (w *world) end() {
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
		w.f.bodyLimit = w.descriptors
	}
	w.f.protected = !w.unprotected
	w.f.now = func() clock { return w.clock }
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
	w.f.own.Lock()
	b, _, err := w.f.step(context.Background(), w.clock)
	w.f.own.Unlock()
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
	if w.holding {
		w.held = append(w.held, ack)
	} else {
		ack.Done(1)
	}
	return true, nil
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

// do runs one line of a script.
func (w *world) do(words []string) error {
	verb, args := words[0], words[1:]
	arg := func(i int) string {
		if i < len(args) {
			return args[i]
		}
		return ""
	}
	num := func(i, otherwise int) int {
		if n, err := strconv.Atoi(arg(i)); err == nil {
			return n
		}
		return otherwise
	}
	from, to := w.path(arg(0)), w.path(arg(1))
	switch verb {
	case "option": // option NAME VALUE...: before start
		return w.option(args[0], args[1:])
	case "start":
		return w.start()
	case "stop":
		w.stop()
	case "restart":
		w.stop()
		return w.start()
	case "kill": // as kill -9: what is not committed is forgotten
		return w.kill()
	case "hold": // batches are not acknowledged
		w.holding = true
	case "release": // what was held is acknowledged
		w.holding = false
		w.release()
	case "sync": // what is acknowledged becomes durable
		return w.store.Sync(context.Background())
	case "poll":
		return w.poll()
	case "steps": // steps N: the follower does so many steps, each the poll interval after the one before
		for range num(0, 1) {
			if _, err := w.step(); err != nil && err != io.EOF {
				return err
			}
			w.clock += w.opts.PollInterval
		}
	case "wait": // wait DURATION: the follower's clock goes on, and it looks
		d, err := time.ParseDuration(arg(0))
		if err != nil {
			return err
		}
		w.clock += d
		return w.poll()
	case "append": // append FILE [LINES]
		return w.append(arg(0), num(1, 1))
	case "text": // text FILE WORDS...: without a line end; \n, \0 and the like are understood
		s, err := strconv.Unquote(`"` + strings.Join(args[1:], " ") + `"`)
		if err != nil {
			return err
		}
		f, err := os.OpenFile(from, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = f.WriteString(s)
		return err
	case "fill": // fill FILE BYTES: one long line without an end
		f, err := os.OpenFile(from, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = f.WriteString(strings.Repeat("z", num(1, 0)))
		return err
	case "open": // open WRITER FILE: a descriptor that stays; openat: without O_APPEND
		f, err := os.OpenFile(to, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		w.writers[arg(0)] = f
		return err
	case "openat":
		f, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o644)
		w.writers[arg(0)] = f
		return err
	case "write": // write WRITER [LINES]
		return w.write(w.writers[arg(0)], filepath.Base(w.writers[arg(0)].Name()), num(1, 1))
	case "close":
		return w.writers[arg(0)].Close()
	case "create":
		return os.WriteFile(from, nil, 0o644)
	case "rename":
		return os.Rename(from, to)
	case "remove":
		return os.RemoveAll(from)
	case "copy":
		return copyFile(from, to)
	case "truncate": // truncate FILE [SIZE]
		return os.Truncate(from, int64(num(1, 0)))
	case "copytruncate": // copytruncate FILE COPY
		if err := copyFile(from, to); err != nil {
			return err
		}
		return os.Truncate(from, 0)
	case "gzip", "zstd": // gzip FILE [TARGET]
		return compress(verb, from, arg(1), to)
	case "head": // head FILE TARGET BYTES: the first bytes of a file, as an unfinished copy has them
		b, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		return os.WriteFile(to, b[:num(2, 0)], 0o644)
	case "link":
		return os.Link(from, to)
	case "symlink": // symlink TARGET LINK: replaces LINK atomically
		_ = os.Remove(to + ".new")
		if err := os.Symlink(arg(0), to+".new"); err != nil {
			return err
		}
		return os.Rename(to+".new", to)
	case "mkdir":
		return os.MkdirAll(from, 0o755)
	case "mkfifo":
		return mkfifo(from)
	case "chmod":
		mode, err := strconv.ParseUint(arg(1), 8, 32)
		if err != nil {
			return err
		}
		return os.Chmod(from, os.FileMode(mode))
	case "chown": // chown FILE UID: needs root
		if os.Geteuid() != 0 {
			return errSkip
		}
		return os.Lchown(from, num(1, 0), num(1, 0))
	case "as": // as UID: the follower's rights from now on; needs root
		if os.Geteuid() != 0 {
			return errSkip
		}
		if num(0, 0) == 0 {
			return setUser(0)
		}
		if err := errors.Join(os.Chmod(filepath.Dir(w.dir), 0o777), os.Chmod(w.dir, 0o777), os.Chmod(w.state, 0o777)); err != nil {
			return err
		}
		runtime.LockOSThread() // never unlocked: the thread ends with the test
		return setUser(num(0, 0))
	case "old": // old FILE DURATION: last written so long ago
		d, err := time.ParseDuration(arg(1))
		if err != nil {
			return err
		}
		return os.Chtimes(from, time.Now().Add(-d), time.Now().Add(-d))
	case "forget-inodes": // as after a reboot that numbered the devices anew
		return w.renumber()
	case "status":
		w.t.Logf("%+v", w.f.Status())
		for _, g := range w.f.gens {
			w.t.Logf("%s %s names %v size %d read %d lost %d drained %v final %v err %v active %v ends %d", g.chain.path, g.source.Generation, g.names, g.size, g.read,
				g.lost, g.drained, g.final, g.err, g.active, g.ends)
		}
	case "expect":
		return w.expect(args)
	default:
		return errors.New("unknown verb")
	}
	return nil
}

func (w *world) option(name string, values []string) error {
	paths := func() []string {
		var all []string
		for _, v := range values {
			all = append(all, w.path(v))
		}
		return all
	}
	var err error
	switch name {
	case "paths":
		w.opts.Paths = paths()
	case "exclude":
		w.opts.Exclude = paths()
	case "rotated":
		w.opts.Rotated = paths()
	case "start_at":
		w.opts.StartAt = values[0]
	case "symlinks":
		w.opts.Symlinks = values[0]
	case "on_ambiguous":
		w.opts.OnAmbiguous = values[0]
	case "descriptors":
		w.descriptors, err = strconv.Atoi(values[0])
	case "unprotected":
		w.unprotected = true
	case "once":
		w.opts.Once = true
	case "window":
		var n int
		n, err = strconv.Atoi(values[0])
		w.opts.Framer = lines{window: n}
	case "max_unacked":
		w.opts.MaxUnacked, err = strconv.ParseInt(values[0], 10, 64)
	case "hold_deleted_age":
		w.opts.HoldDeleted.MaxAge, err = time.ParseDuration(values[0])
	case "hold_deleted_bytes":
		w.opts.HoldDeleted.MaxBytes, err = strconv.ParseInt(values[0], 10, 64)
	case "ignore_older":
		w.opts.IgnoreOlder, err = time.ParseDuration(values[0])
	case "forget_after":
		w.opts.ForgetAfter, err = time.ParseDuration(values[0])
	default:
		err = errors.New("unknown option")
	}
	return err
}

// renumber changes the device number of everything that the store remembers.
func (w *world) renumber() error {
	s, err := checkpoint.Open(w.state, checkpoint.Options{Log: w.opts.Log})
	if err != nil {
		return err
	}
	gens, err := s.Load("test")
	for _, g := range gens {
		g.Dev += 7
		s.Put(g)
	}
	return errors.Join(err, s.Close())
}

// expect checks what came since the last expect, and more:
//
//	expect nothing | NUMBERS        these lines came, in this order ("3-5 7"; words in quotes are texts)
//	expect all                      every line appended so far has come once, those of each file in order
//	expect each                     every line appended so far has come, some perhaps more than once
//	expect late|partial NUMBERS     of all that came, these are marked so
//	expect gap BYTES                are reported as lost
//	expect open N                   at most so many bodies are open
//	expect refused N                paths are not read because of who could have put them there
//	expect skipped FILE WORDS...    status tells why a path is not followed
//	expect following N              so many generations are not final
//	expect logged WORDS...
//	expect eof                      Next says that everything is read
func (w *world) expect(args []string) error {
	marked := func(flag Flags) []string {
		var all []string
		for _, d := range w.got {
			if d.flags&flag != 0 {
				all = append(all, d.name())
			}
		}
		return all
	}
	switch args[0] {
	case "all", "each":
		w.checked = len(w.got)
		return w.expectAll(args[0] == "all")
	case "late":
		return same(marked(Late), expand(args[1:]))
	case "partial":
		return same(marked(Partial), expand(args[1:]))
	case "gap":
		total := w.gaps
		if w.f != nil {
			total += w.f.Status().Counters.GapBytes
		}
		return same([]string{strconv.FormatInt(total, 10)}, args[1:])
	case "open":
		if n, _ := strconv.Atoi(args[1]); w.f.open > n {
			return fmt.Errorf("%d are open", w.f.open)
		}
		return nil
	case "refused":
		return same([]string{strconv.FormatInt(w.f.Status().Counters.FilesRefused, 10)}, args[1:])
	case "skipped":
		for _, s := range w.f.Status().Skipped {
			if s.Path == w.path(args[1]) && strings.Contains(s.Reason, strings.Join(args[2:], " ")) {
				return nil
			}
		}
		return fmt.Errorf("status has %v", w.f.Status().Skipped)
	case "following":
		return same([]string{strconv.Itoa(w.f.Status().FilesFollowed)}, args[1:])
	case "logged":
		if !strings.Contains(w.logs.String(), strings.Join(args[1:], " ")) {
			return errors.New("not in the log")
		}
		return nil
	case "eof":
		for range 100 {
			got, err := w.step()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			if !got {
				w.clock += w.opts.PollInterval
			}
		}
		return errors.New("no end in sight")
	}
	var got []string
	for _, d := range w.got[w.checked:] {
		got = append(got, d.name())
	}
	w.checked = len(w.got)
	if args[0] == "nothing" {
		return same(got, nil)
	}
	return same(got, expand(args))
}

func (d delivered) name() string {
	if d.number > 0 {
		return strconv.Itoa(d.number)
	}
	return strings.ReplaceAll(strconv.Quote(d.text), " ", "_")
}

func (w *world) expectAll(once bool) error {
	seen := map[int]int{}
	last := map[string]int{}
	for _, d := range w.got {
		if d.number == 0 {
			continue
		}
		if seen[d.number]++; seen[d.number] > 1 {
			if once {
				return fmt.Errorf("line %d came again", d.number)
			}
			continue
		}
		name := w.written[d.number]
		if d.number < last[name] && d.flags&Late == 0 {
			return fmt.Errorf("line %d of %s came after line %d", d.number, name, last[name])
		}
		last[name] = max(last[name], d.number)
	}
	for n := range w.next {
		if seen[n+1] == 0 {
			return fmt.Errorf("line %d of %s has not come; %d of %d have", n+1, w.written[n+1], len(seen), w.next)
		}
	}
	return nil
}

func expand(words []string) []string {
	var all []string
	for _, word := range words {
		if a, b, ok := strings.Cut(word, "-"); ok && word[0] != '"' {
			x, _ := strconv.Atoi(a)
			y, _ := strconv.Atoi(b)
			for ; x <= y; x++ {
				all = append(all, strconv.Itoa(x))
			}
			continue
		}
		all = append(all, word)
	}
	return all
}

func same(got, want []string) error {
	if slices.Equal(got, want) {
		return nil
	}
	return fmt.Errorf("got %v, want %v", got, want)
}

func copyFile(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o644)
}

// compress does as gzip does: the new file keeps the time of the old one, which is then removed.
func compress(how, from, name, to string) error {
	if name == "" {
		to = from + map[string]string{"gzip": ".gz", "zstd": ".zst"}[how]
	}
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	st, err := os.Stat(from)
	if err != nil {
		return err
	}
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	var z io.WriteCloser = gzip.NewWriter(out)
	if how == "zstd" {
		if z, err = zstd.NewWriter(out); err != nil {
			return err
		}
	}
	_, err = z.Write(b)
	return errors.Join(err, z.Close(), out.Close(), os.Chtimes(to, st.ModTime(), st.ModTime()), os.Remove(from))
}
