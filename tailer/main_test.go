package tailer

import (
	"bytes"
	"testing"

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
