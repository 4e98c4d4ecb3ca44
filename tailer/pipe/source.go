package pipe

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/kinetail/kinetail/tailer"
	"github.com/kinetail/kinetail/tailer/memory"
)

// ErrClosed is returned by Next after Close.
var ErrClosed = errors.New("the pipe is closed")

// readAhead is how many bytes wait to be framed before the pipe is no longer read, beyond one window of the framer.
const readAhead = 256 << 10

// Options are for Open.
type Options struct {
	Flow string
	// Path is a named pipe. It may be missing: it is looked for once a second.
	Path string
	// Input is read in place of Path, once, to its end.
	Input  io.Reader
	Framer tailer.Framer
	// Header tells in Source.Header what the last header line is: of the first that Input holds. The framer has to be tailer.Headed.
	Header bool
	// Memory is charged for batches; nil is unlimited.
	Memory *memory.Share
	// Log is slog.Default() if nil.
	Log *slog.Logger
}

// Source reads one pipe. Next is called by one goroutine at a time.
//
// Three goroutines work behind it, all ended by Close: one copies from the pipe, one is nxadm/tail's, one collects its lines.
type Source struct {
	opts   Options
	source *tailer.Source
	headed bool // source.Header is known, or not asked for
	limit  int
	stop   chan struct{}
	ready  chan struct{}  // something to frame
	room   chan struct{}  // something was framed
	reader sync.WaitGroup // of Path
	once   sync.Once
	// sessions has the collectors. It grows under mu only, and not after Close has begun to wait.
	sessions sync.WaitGroup

	held *tailer.Batch // framed, and memory was not to be had; Next's own

	mu      sync.Mutex
	in      *os.File // to wake a reader at Close
	session *session // to end it at Close
	pending []byte   // not framed, or not consumed
	seen    int      // how much of pending was framed and found open
	grown   time.Time
	base    int64  // offset of pending[0] since Open
	part    uint16 // the framer's state at base
	ended   bool   // the writer left: what is pending closes
	eof     bool   // there will be nothing more
}

// Open starts to read. It never waits for a writer, nor for the pipe to appear.
func Open(o Options) (*Source, error) {
	if o.Framer == nil {
		return nil, errors.New("no framer")
	}
	if (o.Path == "") == (o.Input == nil) {
		return nil, errors.New("either a path or an input is needed")
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	s := &Source{
		headed: !o.Header,
		opts:   o, limit: o.Framer.Window() + readAhead,
		stop: make(chan struct{}), ready: make(chan struct{}, 1), room: make(chan struct{}, 1),
	}
	path := o.Path
	if o.Input != nil {
		path = "stdin"
		s.in, _ = o.Input.(*os.File)
		go s.readInput() // may hang in a terminal's read until the process ends: nobody waits for it
	} else {
		if info, err := os.Stat(path); err == nil && info.Mode()&os.ModeNamedPipe == 0 {
			return nil, fmt.Errorf("%s is not a named pipe: follow it with paths", path)
		}
		s.reader.Go(s.readPipe)
	}
	s.source = &tailer.Source{Flow: o.Flow, Generation: newID(), Path: path, Name: filepath.Base(path), Dir: filepath.Dir(path)}
	return s, nil
}

// newID is the generation of what is read from a pipe from now on. It has the form of a file's, so that record.id has: here it says which opening
// of the pipe, and which bytes since. Nothing is read twice from a pipe, so nobody will see the same id again.
func newID() string {
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	return fmt.Sprintf("%016x%s", uint64(time.Now().UnixNano()), hex.EncodeToString(random[:]))
}

// Next waits for records. It returns io.EOF at the end of Input, ErrClosed after Close, and what ctx says.
func (s *Source) Next(ctx context.Context) (*tailer.Batch, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if b := s.held; b != nil {
			s.held = nil
			return s.charge(ctx, b)
		}
		b, wait, err := s.frame()
		if err != nil {
			return nil, err
		}
		if b != nil {
			return s.charge(ctx, b)
		}
		var timeout <-chan time.Time
		if wait > 0 {
			timeout = time.After(wait)
		}
		select {
		case <-s.ready:
		case <-timeout:
		case <-s.stop:
			return nil, ErrClosed
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// charge takes memory for a batch before it is handed out.
func (s *Source) charge(ctx context.Context, b *tailer.Batch) (*tailer.Batch, error) {
	m := s.opts.Memory
	if m == nil {
		return b, nil
	}
	n := b.End - b.Start
	if err := m.Acquire(ctx, n); err != nil {
		s.held = b
		return nil, fmt.Errorf("read %s: %w", s.source.Path, err)
	}
	b.OnRelease(func(b *tailer.Batch) {
		b.OnRelease(nil)
		m.Release(n)
	})
	return b, nil
}

// frame makes a batch of what is pending. Where there is none yet, wait is how long an open join may stay so; 0 is for ever.
func (s *Source) frame() (b *tailer.Batch, wait time.Duration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		closing := tailer.KeepOpen
		switch {
		case s.ended:
			closing = tailer.CloseAll
		case len(s.pending) == 0:
		case s.seen == len(s.pending):
			join, ok := s.opts.Framer.(tailer.Joiner)
			if !ok || join.JoinTimeout() <= 0 {
				return nil, 0, nil
			}
			if wait = join.JoinTimeout() - time.Since(s.grown); wait > 0 {
				return nil, wait, nil
			}
			closing = tailer.CloseJoin
		}
		if len(s.pending) == 0 {
			if s.ended {
				s.ended, s.part = false, 0
				s.signal(s.room)
			}
			if s.eof {
				return nil, 0, io.EOF
			}
			return nil, 0, nil
		}
		if !s.headed && !s.readHeader(closing) {
			return nil, 0, nil
		}
		b = &tailer.Batch{Source: s.source, Start: s.base, Before: s.part, Ack: tailer.NewAck(func() {})}
		n := s.opts.Framer.Frame(b, s.pending, s.base, closing)
		if n == 0 {
			s.seen = len(s.pending)
			if closing == tailer.CloseJoin {
				return nil, 0, nil // only a line without its end is there
			}
			continue
		}
		if len(b.Data) == 0 {
			b.Data = s.pending
		}
		// The batch keeps the block; what is left goes on in a new one.
		rest := s.pending[n:]
		s.pending = append(make([]byte, 0, len(rest)+4096), rest...)
		s.base += int64(n)
		b.End, s.part, s.seen = s.base, b.After, 0
		s.signal(s.room)
		if len(b.Records) > 0 {
			return b, 0, nil
		}
	}
}

// readHeader finds the header at the beginning of what is pending; false says that there is too little of it yet.
func (s *Source) readHeader(closing tailer.Closing) bool {
	framer, ok := s.opts.Framer.(tailer.Headed)
	if !ok || s.base > 0 {
		s.headed = true
		return true
	}
	text, whole := framer.Header(s.pending)
	if !whole && closing != tailer.CloseAll && len(s.pending) < s.limit {
		return false
	}
	headed := *s.source
	headed.Header = string(text)
	s.source, s.headed = &headed, true
	return true
}

// add puts a line to what is pending, when there is room. It returns false when the source is closed.
func (s *Source) add(text string, newline bool) bool {
	for {
		s.mu.Lock()
		if len(s.pending) < s.limit {
			s.pending = append(s.pending, text...)
			if newline {
				s.pending = append(s.pending, '\n')
			}
			s.grown = time.Now()
			s.mu.Unlock()
			s.signal(s.ready)
			return true
		}
		s.mu.Unlock()
		if !s.wait(s.room) {
			return false
		}
	}
}

// end closes what is pending, and waits until it is handed out, so that another writer's bytes do not continue it.
func (s *Source) end() {
	s.mu.Lock()
	s.ended = len(s.pending) > 0
	if !s.ended {
		s.part = 0
	}
	s.mu.Unlock()
	s.signal(s.ready)
	for {
		s.mu.Lock()
		done := !s.ended
		s.mu.Unlock()
		if done || !s.wait(s.room) {
			return
		}
	}
}

func (s *Source) wait(c chan struct{}) bool {
	select {
	case <-c:
		return true
	case <-s.stop:
		return false
	}
}

func (s *Source) signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (s *Source) closed() bool {
	select {
	case <-s.stop:
		return true
	default:
		return false
	}
}

// Close stops reading and ends the goroutines. Batches that were handed out stay valid.
func (s *Source) Close() error {
	s.once.Do(func() {
		s.mu.Lock()
		close(s.stop)
		in, open := s.in, s.session
		s.mu.Unlock()
		if in != nil {
			_ = in.SetReadDeadline(time.Unix(1, 0)) // not every input knows deadlines
		}
		if open != nil {
			_ = open.w.Close()
		}
	})
	s.reader.Wait()
	s.sessions.Wait()
	return nil
}
