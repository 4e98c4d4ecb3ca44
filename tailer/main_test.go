package tailer

import (
	"bytes"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lines is the smallest framer: a record is what ends with a line feed.
type lines struct{ window int }

func (l lines) Window() int {
	if l.window > 0 {
		return l.window
	}
	return 1 << 20
}

// joins is the smallest framer that joins: lines that begin with a space belong to the one before.
type joins struct{ timeout time.Duration }

func (joins) Window() int                  { return 1 << 16 }
func (j joins) JoinTimeout() time.Duration { return j.timeout }

func (j joins) Frame(b *Batch, raw []byte, base int64, closing Closing) int {
	start, safe := 0, 0
	closed := func(end, skip int, flags Flags) {
		if end > start {
			b.Records = append(b.Records, Record{Off: uint32(start), Len: uint32(end - start), Start: base + int64(start), End: base + int64(end+skip), Flags: flags})
		}
		start = end + skip
		safe = start
	}
	at := 0
	for at < len(raw) {
		if raw[at] != ' ' && at > start {
			closed(at-1, 1, 0)
		}
		i := bytes.IndexByte(raw[at:], '\n')
		if i < 0 {
			break
		}
		at += i + 1
	}
	if closing != KeepOpen && at > start {
		closed(at-1, 1, 0)
	}
	if closing == CloseAll && len(raw) > start {
		closed(len(raw), 0, Partial)
	}
	return safe
}

func (l lines) Frame(b *Batch, raw []byte, base int64, closing Closing) int {
	at, parts := 0, b.Before
	record := func(n, skip int, flags Flags) {
		if flags&Split != 0 || parts > 0 {
			flags |= Split
		}
		b.Records = append(b.Records, Record{
			Off: uint32(at), Len: uint32(n), Start: base + int64(at), End: base + int64(at+n+skip), Flags: flags, Part: parts,
		})
		at += n + skip
	}
	for at < len(raw) {
		rest := raw[at:]
		i := bytes.IndexByte(rest, '\n')
		switch {
		case i >= 0 && i <= l.Window():
			record(i, 1, 0)
			parts = 0
		case len(rest) >= l.Window():
			record(l.Window(), 0, Split)
			parts++
		case closing == CloseAll:
			record(len(rest), 0, Partial)
			parts = 0
		default:
			b.After = parts
			return at
		}
	}
	b.After = parts
	return at
}
