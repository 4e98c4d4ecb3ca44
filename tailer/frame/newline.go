package frame

import (
	"bytes"

	"github.com/kinetail/kinetail/tailer"
)

// newline frames plain lines without copying: a record is a part of raw.
type newline struct{ lines }

// Window is the longest line that is not oversized, with its line end.
func (f *newline) Window() int { return f.max + 2 }

// Frame implements tailer.Framer.
func (f *newline) Frame(b *tailer.Batch, raw []byte, base int64, closing tailer.Closing) int {
	at, part := 0, b.Before
	if f.header > 0 && (base == 0 || part&headerState != 0) {
		var left int
		if at, left = f.skipHeader(part, raw, base, false, closing == tailer.CloseAll); left > 0 {
			b.After = headerState | uint16(left)
			return at
		}
		if part&headerState != 0 {
			part = 0
		}
	}
	for at < len(raw) {
		i := bytes.IndexByte(raw[at:], '\n')
		if i < 0 || part > 0 || i > f.max {
			next, after := f.long(b, raw, at, base, part, closing)
			if part = after; next == at || after > 0 {
				at = next
				break
			}
			at = next
			continue
		}
		n := i
		if n > 0 && raw[at+n-1] == '\r' && !f.keepCR {
			n--
		}
		b.Records = append(b.Records, tailer.Record{
			Off: uint32(at), Len: uint32(n), Start: base + int64(at), End: base + int64(at+i+1),
		})
		at += i + 1
	}
	b.After = part
	return at
}

// long frames a line that is oversized, or begun in an earlier call, or without its end. It returns where the next line begins, or where
// it stopped: then after is not 0, or nothing could be closed.
func (f *newline) long(b *tailer.Batch, raw []byte, at int, base int64, part uint16, closing tailer.Closing) (next int, after uint16) {
	end, next, ok := f.find(raw, at, false)
	whole := ok || closing == tailer.CloseAll
	last := tailer.Flags(0)
	if whole && !ok {
		last = tailer.Partial
	}
	add := func(n, after int, flags tailer.Flags) {
		b.Records = append(b.Records, tailer.Record{
			Off: uint32(at), Len: uint32(n), Start: base + int64(at), End: base + int64(after), Flags: flags, Part: part,
		})
	}
	if whole && part == 0 && end-at <= f.max {
		add(end-at, next, last)
		return next, 0
	}
	if f.over != tailer.Split {
		if part == 0 {
			if !whole && !f.tooLong(raw[at:], false) {
				return at, 0
			}
			n := f.fit(raw[at:end], false)
			add(n, at+n, f.over|last)
			at += n
		}
		if whole {
			return next, 0
		}
		return max(at, f.allButOne(raw)), 1
	}
	for whole && end-at > f.max || !whole && f.tooLong(raw[at:], false) {
		n := f.fit(raw[at:end], false)
		add(n, at+n, tailer.Split)
		at += n
		part = nextPart(part)
	}
	if !whole {
		return at, part
	}
	if end > at {
		add(end-at, next, tailer.Split|last)
	}
	return next, 0
}

func nextPart(part uint16) uint16 { return min(part+1, maxPart) }
