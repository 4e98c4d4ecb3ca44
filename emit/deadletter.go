package emit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/kinetail/kinetail/pipeline"
	"github.com/kinetail/kinetail/tailer"
)

// DefaultDeadLetterSize is max_size of a dead-letter file where the configuration says nothing, in bytes.
const DefaultDeadLetterSize = 256 << 20

// deadLetterRetry is how often a full file, or a disk that fails, is looked at again.
const deadLetterRetry = 5 * time.Second

// tryTime is how long TryKeep waits for whoever writes letters or takes them out of the file at the moment.
const tryTime = time.Second

// DeadLetter is a record that its destination will never accept. Data and Key are copied before Keep returns.
type DeadLetter struct {
	Reason string // a word for metrics
	Detail string // for people: what was said about it
	Source *tailer.Source
	// Start and End are the raw byte range in the generation.
	Start, End int64
	Part       uint16
	Key, Data  []byte
}

// deadLetterLine is a line of the file.
type deadLetterLine struct {
	Time        time.Time `json:"time"`
	Flow        string    `json:"flow"`
	Destination string    `json:"destination"`
	Reason      string    `json:"reason"`
	Detail      string    `json:"detail,omitempty"`
	File        string    `json:"file,omitempty"`
	Generation  string    `json:"generation,omitempty"`
	Start       int64     `json:"start"`
	End         int64     `json:"end"`
	Part        uint16    `json:"part,omitempty"`
	Key         string    `json:"key,omitempty"`
	Record      *string   `json:"record,omitempty"`
	// Base64 takes the place of Record where the bytes are no UTF-8.
	Base64 []byte `json:"record_base64,omitempty"`
}

// DeadLetterOptions configure the dead letters of one destination of a flow.
type DeadLetterOptions struct {
	// StateDir is agent.state_dir; the file is dead-letter/<flow>/<destination>.jsonl in it.
	StateDir, Flow, Destination string
	// MaxSize is how large the file may become, in bytes; 0 means DefaultDeadLetterSize.
	MaxSize int64
	// Drop drops letters when the file is full, counted, where otherwise the flow waits.
	Drop bool
	Log  *slog.Logger // nil means slog.Default
}

// DeadLetters is the file that keeps what a destination refuses, one JSON object a line. The file is made with the first
// letter. Whoever has dealt with the letters may move or remove it while it is in use. Safe for concurrent use.
type DeadLetters struct {
	o    DeadLetterOptions
	path string
	turn chan struct{} // holds one token: who has it owns the fields below
	buf  bytes.Buffer
	told bool // that it is full or that writing fails, until it works again
	// waits is why somebody waits in Keep.
	waits atomic.Pointer[string]
}

// NewDeadLetters opens nothing yet.
func NewDeadLetters(o DeadLetterOptions) *DeadLetters {
	if o.MaxSize == 0 {
		o.MaxSize = DefaultDeadLetterSize
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	d := &DeadLetters{
		o: o, turn: make(chan struct{}, 1),
		path: filepath.Join(o.StateDir, "dead-letter", fileName(o.Flow), fileName(o.Destination)+".jsonl"),
	}
	d.turn <- struct{}{}
	return d
}

// fileName makes one path component of any name: most names are themselves.
func fileName(s string) string {
	s = url.PathEscape(s)
	if strings.HasPrefix(s, ".") { // "." and ".." are directories, and the rest would be hidden
		s = "%2E" + s[1:]
	}
	return s
}

// Waits says why a flow cannot go on until letters can be written again; empty where none waits. It may be called on nil.
func (d *DeadLetters) Waits() string {
	if d == nil {
		return ""
	}
	if why := d.waits.Load(); why != nil {
		return *why
	}
	return ""
}

// Path is where the letters are.
func (d *DeadLetters) Path() string { return d.path }

// Keep writes the letters and returns when they are on disk. While the file is full, or the disk fails, it waits and tries again
// until ctx ends. dropped is len(letters) if the file is full and the configuration says to drop, else 0.
func (d *DeadLetters) Keep(ctx context.Context, letters ...DeadLetter) (dropped int, err error) {
	if len(letters) == 0 {
		return 0, nil
	}
	select {
	case <-d.turn:
		defer func() { d.turn <- struct{}{} }()
	case <-ctx.Done():
		return 0, fmt.Errorf("wait to write dead letters: %w", ctx.Err())
	}
	if err := d.encode(letters); err != nil {
		return 0, err
	}
	defer d.waits.Store(nil)
	for {
		err := d.write(ctx)
		if err == nil {
			if d.told {
				d.o.Log.Info("dead letters are written again", "file", d.path)
				d.told = false
			}
			return 0, nil
		}
		full := errors.Is(err, errDeadLettersFull)
		if full && d.o.Drop {
			d.tell("dead-letter file is full: refused records are dropped, as on_full says", err)
			return len(letters), nil
		}
		d.tell("dead letters cannot be written: the flow waits", err)
		why := err.Error()
		d.waits.Store(&why)
		timer := time.NewTimer(deadLetterRetry)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return 0, fmt.Errorf("keep %d dead letters: %w (%w)", len(letters), ctx.Err(), err)
		}
	}
}

// TryKeep is Keep for whoever cannot wait: where the file is full, or the disk fails, it returns the error.
func (d *DeadLetters) TryKeep(letters ...DeadLetter) (dropped int, err error) {
	if len(letters) == 0 {
		return 0, nil
	}
	if why := d.Waits(); why != "" {
		return 0, fmt.Errorf("other dead letters of the flow wait already: %s", why)
	}
	ctx, cancel := context.WithTimeout(context.Background(), tryTime)
	defer cancel()
	select {
	case <-d.turn:
		defer func() { d.turn <- struct{}{} }()
	case <-ctx.Done():
		return 0, errors.New("other dead letters of the flow are not written yet")
	}
	if err := d.encode(letters); err != nil {
		return 0, err
	}
	err = d.write(ctx)
	if errors.Is(err, errDeadLettersFull) && d.o.Drop {
		d.tell("dead-letter file is full: refused records are dropped, as on_full says", err)
		return len(letters), nil
	}
	if err == nil && d.told {
		d.o.Log.Info("dead letters are written again", "file", d.path)
		d.told = false
	}
	return 0, err
}

// Refused keeps a payload that a step or an encoder has refused.
func (d *DeadLetters) Refused(ctx context.Context, b *tailer.Batch, p *pipeline.Payload) error {
	_, err := d.Keep(ctx, Letter(b, p))
	return err
}

// Letter is the dead letter of a refused payload of b.
func Letter(b *tailer.Batch, p *pipeline.Payload) DeadLetter {
	r := &b.Records[p.Record]
	l := DeadLetter{Source: b.Source, Start: r.Start, End: r.End, Part: r.Part, Key: p.Key, Data: p.Data}
	if p.Refusal != nil {
		l.Reason, l.Detail = p.Refusal.Reason, p.Refusal.Detail
	}
	return l
}

func (d *DeadLetters) tell(what string, err error) {
	if !d.told {
		d.o.Log.Error(what, "file", d.path, "err", err)
		d.told = true
	}
}

func (d *DeadLetters) encode(letters []DeadLetter) error {
	d.buf.Reset()
	enc := json.NewEncoder(&d.buf)
	enc.SetEscapeHTML(false)
	now := time.Now().UTC()
	for i := range letters {
		l := &letters[i]
		line := deadLetterLine{
			Time: now, Flow: d.o.Flow, Destination: d.o.Destination, Reason: l.Reason, Detail: l.Detail,
			Start: l.Start, End: l.End, Part: l.Part, Key: string(l.Key),
		}
		if l.Source != nil {
			line.File, line.Generation = l.Source.Path, l.Source.Generation
		}
		if utf8.Valid(l.Data) {
			s := string(l.Data)
			line.Record = &s
		} else {
			line.Base64 = l.Data
		}
		if err := enc.Encode(&line); err != nil {
			return fmt.Errorf("encode a dead letter: %w", err)
		}
	}
	return nil
}

var errDeadLettersFull = errors.New("the dead-letter file has reached max_size: look at its letters with 'kinetail dead-letter show', then send them, or move or remove the file")

// write appends what is encoded. A file is opened for each write: refusals are rare, and so the file may be moved at any time. It is
// locked while it is looked at and written to, because whoever sends letters again takes them out of it.
func (d *DeadLetters) write(ctx context.Context) (err error) {
	f, err := lockLetters(ctx, d.path, os.O_RDWR|os.O_APPEND|os.O_CREATE)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(d.path), 0o700); err != nil {
			return fmt.Errorf("make the dead-letter directory: %w", err)
		}
		f, err = lockLetters(ctx, d.path, os.O_RDWR|os.O_APPEND|os.O_CREATE)
	}
	if err != nil {
		return fmt.Errorf("open the dead-letter file: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, torn, err := lookAtLetters(f)
	if err != nil {
		return err
	}
	// One batch of letters always fits into an empty file, however small max_size is.
	if size > 0 && size+int64(d.buf.Len()) > d.o.MaxSize {
		return errDeadLettersFull
	}
	if torn {
		// The end of a letter that a crash or a full disk cut off: its record was not acknowledged and comes again.
		if err := f.Truncate(size); err != nil {
			return fmt.Errorf("cut off an unfinished dead letter: %w", err)
		}
	}
	if _, err := f.Write(d.buf.Bytes()); err != nil {
		return fmt.Errorf("write dead letters: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync the dead-letter file: %w", err)
	}
	if size == 0 { // its name may be new
		return syncParents(filepath.Dir(d.path), d.o.StateDir)
	}
	return nil
}

// lookAtLetters returns the size of the file up to its last complete line, and whether there is more.
func lookAtLetters(f *os.File) (size int64, torn bool, err error) {
	info, err := f.Stat()
	if err != nil {
		return 0, false, fmt.Errorf("look at the dead-letter file: %w", err)
	}
	end := info.Size()
	buf := make([]byte, 4096)
	for end > 0 {
		n := min(end, int64(len(buf)))
		if _, err := f.ReadAt(buf[:n], end-n); err != nil {
			return 0, false, fmt.Errorf("read the end of the dead-letter file: %w", err)
		}
		if i := bytes.LastIndexByte(buf[:n], '\n'); i >= 0 {
			end = end - n + int64(i) + 1
			break
		}
		end -= n
	}
	return end, end < info.Size(), nil
}

// syncParents makes the names of new directories durable, from dir up to and with top.
func syncParents(dir, top string) error {
	for {
		f, err := os.Open(dir)
		if err != nil {
			return fmt.Errorf("open the dead-letter directory: %w", err)
		}
		err = f.Sync()
		_ = f.Close()
		if err != nil {
			return fmt.Errorf("sync the dead-letter directory: %w", err)
		}
		if dir == filepath.Clean(top) || dir == filepath.Dir(dir) {
			return nil
		}
		dir = filepath.Dir(dir)
	}
}
