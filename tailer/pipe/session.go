package pipe

import (
	"bytes"
	"fmt"
	"os"
	"sync"

	"github.com/nxadm/tail"
)

// chunk is the longest line that is shown to nxadm/tail, in bytes: its line buffer has no bound. A longer line is cut before it and
// joined behind it, so that the framer sees what was written.
const chunk = 64 << 10

// session is what one writer writes, from its first byte until it leaves. The bytes go through a pipe of our own to nxadm/tail: it is ended
// by closing that, which needs nothing from the writer at the other end.
type session struct {
	s     *Source
	w     *os.File
	done  chan struct{} // all lines were collected
	since int           // bytes since the last line feed that nxadm/tail was shown
	lines int           // line feeds that it was shown

	mu  sync.Mutex
	cut map[int]bool // lines, counted from 1, that have no line feed of their own
}

func (s *Source) begin() (*session, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", s.source.Path, err)
	}
	defer func() { _ = r.Close() }()
	// Follow is off: nxadm/tail seeks when it follows, and a pipe can't.
	t, err := tail.TailFile(fmt.Sprintf("/proc/self/fd/%d", r.Fd()), tail.Config{Pipe: true, MustExist: true, Logger: tail.DiscardingLogger})
	if err != nil {
		_ = w.Close()
		return nil, fmt.Errorf("read %s: %w", s.source.Path, err)
	}
	n := &session{s: s, w: w, done: make(chan struct{}), cut: map[int]bool{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed() { // Close came first and waits for nobody new
		_ = w.Close()
		go func() { // nxadm/tail ends with an empty pipe
			for range t.Lines {
			}
		}()
		return nil, ErrClosed
	}
	s.session = n
	s.sessions.Go(func() { n.collect(t) })
	return n, nil
}

// collect takes lines until the session ends. After Close it throws them away.
func (n *session) collect(t *tail.Tail) {
	defer close(n.done)
	for line := range t.Lines {
		n.mu.Lock()
		cut := n.cut[line.Num]
		delete(n.cut, line.Num)
		n.mu.Unlock()
		n.s.add(line.Text, !cut)
	}
	if err := t.Wait(); err != nil {
		n.s.opts.Log.Error("Reading a pipe failed", "flow", n.s.opts.Flow, "error", err)
	}
}

// write shows bytes to nxadm/tail, and waits while nobody takes records.
func (n *session) write(p []byte) error {
	from, at := 0, 0 // p[from:at] is still to be written
	for at < len(p) {
		end := at + min(len(p)-at, chunk-n.since)
		i := bytes.IndexByte(p[at:end], '\n')
		if i >= 0 {
			at += i + 1
			n.lines++
			n.since = 0
			continue
		}
		n.since += end - at
		at = end
		if n.since < chunk {
			continue
		}
		n.lines++
		n.since = 0
		n.mark(n.lines)
		if _, err := n.w.Write(append(p[from:at:at], '\n')); err != nil {
			return err
		}
		from = at
	}
	_, err := n.w.Write(p[from:])
	return err
}

func (n *session) mark(line int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut[line] = true
}

// end lets nxadm/tail come to the end, and closes what is open.
func (n *session) end() {
	if n.since > 0 {
		n.mark(n.lines + 1)
	}
	_ = n.w.Close()
	<-n.done
	n.s.mu.Lock()
	n.s.session = nil
	n.s.mu.Unlock()
	n.s.end()
}
