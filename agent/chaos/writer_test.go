//go:build chaos

package chaos

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// tick is how often a writer writes, and looks whether it is to reopen its log.
const tick = 10 * time.Millisecond

// writer writes one log. Every line tells its writer, its number and its body, so that a line can be told from the stream alone.
type writer struct {
	flow, name string
	path       string // of the log
	flag       string // the rotator makes it, to have the log reopened
	mode       mode
	rate       float64 // lines a second
	pieces     bool    // each line in three writes, over up to 2 s
	holds      time.Duration
	rand       *rand.Rand

	f    *os.File
	body int
	old  *os.File // still written to, until
	till time.Time

	mu    sync.Mutex
	lines []line // by number
	err   error
}

// line is what a writer knows of a line it has written.
type line struct {
	body int
	// late: it was written to a body that had lost the log's name by then. It has no order against those of newer bodies.
	late     bool
	complete bool
}

// text is what the n-th line of a writer says, without its end. The length changes; some lines are long.
func text(writer string, n, body int) string {
	length := 20 + n*7919%180
	if n%997 == 0 {
		length += 6000
	}
	return fmt.Sprintf("%s n=%d body=%d %s end=%d", writer, n, body, strings.Repeat("abcdefghij", length/10+1)[:length], n)
}

// parse takes a line apart; ok only if it is exactly what text makes.
func parse(s string) (writer string, n, body int, ok bool) {
	writer, rest, _ := strings.Cut(s, " n=")
	number, rest, _ := strings.Cut(rest, " body=")
	of, _, _ := strings.Cut(rest, " ")
	n, err1 := strconv.Atoi(number)
	body, err2 := strconv.Atoi(of)
	ok = err1 == nil && err2 == nil && n >= 0 && s == text(writer, n, body)
	return writer, n, body, ok
}

// run writes until ctx ends; the last line is always completed.
func (w *writer) run(ctx context.Context) {
	if err := w.write(ctx); err != nil {
		w.mu.Lock()
		w.err = err
		w.mu.Unlock()
	}
}

func (w *writer) write(ctx context.Context) error {
	if err := w.open(); err != nil {
		return err
	}
	defer func() {
		w.f.Close()
		if w.old != nil {
			w.old.Close()
		}
	}()
	clock := time.NewTicker(tick)
	defer clock.Stop()
	for started, n := time.Now(), 0; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-clock.C:
		}
		if err := w.obey(); err != nil {
			return err
		}
		due := int(time.Since(started).Seconds() * w.rate)
		switch {
		case due <= n:
		case w.pieces:
			if err := w.inPieces(ctx); err != nil {
				return err
			}
			n = due // it is slow: no catching up
		default:
			due = min(due, n+500)
			if err := w.burst(w.f, w.body, due-n); err != nil {
				return err
			}
			n = due
		}
		if w.old != nil && w.rand.IntN(10) == 0 {
			if err := w.burst(w.old, w.body-1, 1+w.rand.IntN(3)); err != nil {
				return err
			}
		}
	}
}

// burst writes some lines with one call.
func (w *writer) burst(f *os.File, body, count int) error {
	var b bytes.Buffer
	w.mu.Lock()
	first := len(w.lines)
	for range count {
		b.WriteString(text(w.name, len(w.lines), body) + "\n")
		w.lines = append(w.lines, line{body: body})
	}
	w.mu.Unlock()
	_, err := f.Write(b.Bytes())
	if err != nil {
		return err
	}
	w.written(f, first, count)
	return nil
}

// inPieces writes one line with three calls, to one body.
func (w *writer) inPieces(ctx context.Context) error {
	w.mu.Lock()
	n := len(w.lines)
	w.lines = append(w.lines, line{body: w.body})
	w.mu.Unlock()
	s := text(w.name, n, w.body) + "\n"
	cut := []int{0, 1 + w.rand.IntN(len(s)/2), len(s)/2 + 1 + w.rand.IntN(len(s)/2-1), len(s)}
	for i := range 3 {
		if _, err := w.f.WriteString(s[cut[i]:cut[i+1]]); err != nil {
			return err
		}
		if i < 2 {
			select {
			case <-ctx.Done():
			case <-time.After(time.Duration(w.rand.IntN(1000)) * time.Millisecond):
			}
		}
	}
	w.written(w.f, n, 1)
	return nil
}

// written marks lines as written, and as late if their body may have lost its name before.
func (w *writer) written(f *os.File, first, count int) {
	late := !w.named(f)
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := first; i < first+count; i++ {
		w.lines[i].late, w.lines[i].complete = late, true
	}
}

// named says whether the log's name leads to f.
func (w *writer) named(f *os.File) bool {
	var at, of unix.Stat_t
	if unix.Stat(w.path, &at) != nil || unix.Fstat(int(f.Fd()), &of) != nil {
		return false
	}
	return at.Ino == of.Ino && at.Dev == of.Dev
}

// obey reopens the log when the rotator asks for it, as a server does on a signal; sometimes not at once, and the old body is
// written to for as long as the writer holds it.
func (w *writer) obey() error {
	if w.old != nil && time.Now().After(w.till) {
		w.old.Close()
		w.old = nil
	}
	if _, err := os.Stat(w.flag); err != nil {
		return nil //nolint:nilerr // nothing is asked for
	}
	if w.rand.IntN(8) != 0 && w.rand.IntN(2) == 0 {
		return nil // a little later
	}
	if w.old != nil {
		w.old.Close()
		w.old = nil
	}
	if w.holds > 0 {
		w.old, w.till = w.f, time.Now().Add(w.holds)
	} else if err := w.f.Close(); err != nil {
		return err
	}
	w.body++
	if err := w.open(); err != nil {
		return err
	}
	return os.Remove(w.flag)
}

func (w *writer) open() (err error) {
	w.f, err = os.OpenFile(w.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	return err
}
