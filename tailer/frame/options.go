package frame

import (
	"fmt"
	"regexp"
	"time"

	"github.com/kinetail/kinetail/tailer"
)

// Bounds of Options.MaxRecordSize, in bytes. The upper one keeps a window in one read block.
const (
	DefaultMaxRecordSize = 1 << 20
	maxMaxRecordSize     = 128 << 20
)

// DefaultTimeout is after how long without growth an unfinished join is closed.
const DefaultTimeout = 2 * time.Second

// fragmentTimeout is the same for container fragments without multi-line: a runtime writes the fragments of a line at once.
const fragmentTimeout = 10 * time.Second

// maxHeaderLines is the largest Options.SkipHeaderLines.
const maxHeaderLines = headerState - 1

// Options are for New. The zero value frames lines.
type Options struct {
	// MaxRecordSize is of a physical line or a joined event, in bytes of text; 0 is 1 MiB.
	MaxRecordSize int64
	// OnOversize is "truncate" (the default), "split" or "dead_letter": what becomes of a physical line above it. A join that would
	// grow above it is closed instead, and what follows is a record of its own.
	OnOversize string
	// KeepCR keeps a carriage return before the line feed.
	KeepCR    bool
	Multiline *Multiline
	// Format is "", "cri", "docker" or "auto", which decides for each line.
	Format string
	// Encoding is "utf-8" (the default: bytes as they are), "utf-16" (by its byte order mark, or else by its line feeds), "utf-16le" or
	// "utf-16be".
	Encoding string
	// SkipHeaderLines is how many lines at the start of each generation are no records.
	SkipHeaderLines int
}

// Multiline says which lines are one event. One of Start, Continue, Indent and End must be set; End can be added to the others. In
// a container format, only lines of one stream that follow one another are joined.
type Multiline struct {
	// Start matches the first line of an event, Continue each further one, End the last.
	Start, Continue, End string
	// Indent joins lines that begin with a space or a tab to the line before.
	Indent bool
	// Timeout is after how long without growth an event is closed; 0 is DefaultTimeout.
	Timeout time.Duration
}

// New makes a framer. It returns an error for options that make no sense together.
func New(o Options) (tailer.Framer, error) {
	if o.MaxRecordSize == 0 {
		o.MaxRecordSize = DefaultMaxRecordSize
	}
	if o.MaxRecordSize < 1 || o.MaxRecordSize > maxMaxRecordSize {
		return nil, fmt.Errorf("max_record_size is %d bytes: it can be from 1 to %d", o.MaxRecordSize, maxMaxRecordSize)
	}
	if o.SkipHeaderLines < 0 || o.SkipHeaderLines > maxHeaderLines {
		return nil, fmt.Errorf("skip_header_lines is %d: it can be from 0 to %d", o.SkipHeaderLines, maxHeaderLines)
	}
	over, err := oversizeFlag(o.OnOversize)
	if err != nil {
		return nil, err
	}
	base := lines{max: int(o.MaxRecordSize), over: over, keepCR: o.KeepCR, header: o.SkipHeaderLines}
	rule, err := compile(o.Multiline)
	if err != nil {
		return nil, err
	}
	switch o.Encoding {
	case "", "utf-8":
	case "utf-16", "utf-16le", "utf-16be":
		base.encoding = o.Encoding
	default:
		return nil, fmt.Errorf(`encoding is %q: it can be "utf-8", "utf-16", "utf-16le" or "utf-16be"`, o.Encoding)
	}
	switch o.Format {
	case "":
		if rule == nil && base.encoding == "" {
			return &newline{base}, nil
		}
	case "cri", "docker", "auto":
		if base.encoding != "" {
			return nil, fmt.Errorf("format %q is always UTF-8: leave out encoding", o.Format)
		}
	default:
		return nil, fmt.Errorf(`format is %q: it can be "cri", "docker" or "auto"`, o.Format)
	}
	return newJoined(base, o.Format, rule), nil
}

func oversizeFlag(name string) (tailer.Flags, error) {
	switch name {
	case "", "truncate":
		return tailer.Truncated, nil
	case "split":
		return tailer.Split, nil
	case "dead_letter":
		return tailer.Oversize, nil
	}
	return 0, fmt.Errorf(`on_oversize is %q: it can be "truncate", "split" or "dead_letter"`, name)
}

// rule is a compiled Multiline.
type rule struct {
	start, cont, end *regexp.Regexp
	indent           bool
	timeout          time.Duration
}

func compile(m *Multiline) (*rule, error) {
	if m == nil {
		return nil, nil
	}
	n := 0
	for _, set := range []bool{m.Start != "", m.Continue != "", m.Indent} {
		if set {
			n++
		}
	}
	if n > 1 || n == 0 && m.End == "" {
		return nil, fmt.Errorf("multiline needs one of start, continue and indent, or end")
	}
	if m.Timeout < 0 {
		return nil, fmt.Errorf("multiline timeout is %s: it can't be negative", m.Timeout)
	}
	r := &rule{indent: m.Indent, timeout: m.Timeout}
	if r.timeout == 0 {
		r.timeout = DefaultTimeout
	}
	for _, p := range []struct {
		name, text string
		re         **regexp.Regexp
	}{{"start", m.Start, &r.start}, {"continue", m.Continue, &r.cont}, {"end", m.End, &r.end}} {
		if p.text == "" {
			continue
		}
		re, err := regexp.Compile(p.text)
		if err != nil {
			return nil, fmt.Errorf("multiline %s: %w", p.name, err)
		}
		*p.re = re
	}
	return r, nil
}

// starts says whether a line can't belong to the event before it.
func (r *rule) starts(line []byte) bool {
	switch {
	case r.start != nil:
		return r.start.Match(line)
	case r.cont != nil:
		return !r.cont.Match(line)
	case r.indent:
		return len(line) == 0 || line[0] != ' ' && line[0] != '\t'
	}
	return false
}

// ends says whether a line is the last of its event.
func (r *rule) ends(line []byte) bool { return r.end != nil && r.end.Match(line) }
