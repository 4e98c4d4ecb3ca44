package frame

import (
	"time"

	"github.com/valyala/fastjson"

	"github.com/kinetail/kinetail/tailer"
)

// maxBehind is how many bytes may follow the beginning of a join, besides the record it may become, before it is closed: an
// unfinished fragment of one stream must not hold the others for ever.
const maxBehind = 1 << 20

// joined frames everything that needs joining or decoding. Text is copied to Batch.Data.
//
// Records are closed in an order of their own when streams interleave, but what is consumed ends only where no join is open: what was
// closed behind that point is thrown away and framed again by a later call. Every rule depends on bytes since the last such point only, so that
// cuts between calls change nothing.
type joined struct {
	lines
	format    string
	rule      *rule
	limit     int // of a physical line, in raw bytes, if the format has overhead
	span      int // of a join, in raw bytes
	json      fastjson.Parser
	text      []byte
	fragments [2]fragment
	event     event
	call
}

// call is what is known during one call of Frame.
type call struct {
	b    *tailer.Batch
	base int64
	big  bool
	// Up to here no join is open: in raw, and how much of the batch belongs to it.
	safe, records, data int
	// emitted is the end of the last record emitted.
	emitted int
}

// fragment is a line of a stream that the runtime has cut and not finished.
type fragment struct {
	open       bool
	text       []byte
	start, end int
	meta       tailer.Meta
}

// event is the multi-line event that is open.
type event struct {
	open       bool
	text       []byte
	start, end int
	stream     stream
	meta       tailer.Meta
	flags      tailer.Flags
}

func newJoined(l lines, format string, r *rule) *joined {
	f := &joined{lines: l, format: format, rule: r}
	switch format {
	case "cri":
		f.limit = l.max + 256 // time stamp, stream and tags
	case "docker", "auto":
		f.limit = 2*l.max + 4096 // quotes and escapes
	default:
		f.limit = (l.max + 2) * l.unit()
	}
	f.span = l.max*l.unit() + maxBehind
	return f
}

// Window is a join of the largest span, and a line that goes beyond it.
func (f *joined) Window() int { return f.span + f.limit + 16 }

// JoinTimeout implements tailer.Joiner.
func (f *joined) JoinTimeout() time.Duration {
	switch {
	case f.rule != nil:
		return f.rule.timeout
	case f.format != "":
		return fragmentTimeout
	}
	return 0
}

// Frame implements tailer.Framer.
func (f *joined) Frame(b *tailer.Batch, raw []byte, base int64, closing tailer.Closing) int {
	f.call = call{b: b, base: base, big: f.bigEndian(raw, base), records: len(b.Records), data: len(b.Data)}
	f.event.open, f.fragments[0].open, f.fragments[1].open = false, false, false
	at, part := 0, b.Before
	if f.header > 0 && (base == 0 || part&headerState != 0) {
		var left int
		if at, left = f.skipHeader(part, raw, base, f.big, closing == tailer.CloseAll); left > 0 {
			b.After = headerState | uint16(left)
			return at
		}
		if part&headerState != 0 {
			part = 0
		}
	}
	if f.encoding != "" && base == 0 && at == 0 && len(raw) >= 2 && codeUnit(raw, f.big) == 0xFEFF {
		at = 2
	}
	f.emitted = at
	f.mark(at)
	for at < len(raw) {
		end, next, ok := f.find(raw, at, f.big)
		whole := ok || closing == tailer.CloseAll
		if part > 0 || f.isLong(raw[at:end], whole) {
			f.closeAll()
			var stop bool
			at, part, stop = f.long(raw, at, end, next, part, ok, whole)
			f.mark(at)
			if stop {
				break
			}
			continue
		}
		if !whole {
			break
		}
		flags := tailer.Flags(0)
		if !ok {
			flags = tailer.Partial
		}
		f.line(raw[at:end], at, next, flags)
		at = next
		if !f.open() {
			f.mark(at)
		} else if at-f.safe > f.span {
			f.closeAll()
			f.mark(at)
		}
	}
	if part == 0 && f.open() && (closing == tailer.CloseJoin || closing == tailer.CloseAll) {
		f.closeAll()
		f.mark(at)
	}
	b.Records, b.Data = b.Records[:f.records], b.Data[:f.data]
	if f.format != "" {
		b.Meta = b.Meta[:f.records]
	}
	b.After = part
	safe := f.safe
	f.call = call{}
	return safe
}

func (f *joined) open() bool { return f.event.open || f.fragments[0].open || f.fragments[1].open }

// mark says that no join is open at this byte of raw.
func (f *joined) mark(at int) { f.safe, f.records, f.data = at, len(f.b.Records), len(f.b.Data) }

// isLong says whether a physical line is too long to be looked into.
func (f *joined) isLong(content []byte, whole bool) bool {
	if f.format != "" {
		return len(content) > f.limit+2 || whole && len(content) > f.limit
	}
	if whole {
		return f.fit(content, f.big) < len(content)
	}
	return f.tooLong(content, f.big)
}

// line takes in a physical line with its end.
func (f *joined) line(content []byte, start, end int, flags tailer.Flags) {
	p, text := f.parse(content)
	if len(text) > f.max {
		f.closeAll()
		f.oversize(text, start, end, p.meta, flags)
		return
	}
	if p.stream == plain {
		f.logical(p.stream, text, start, end, p.meta, flags)
		return
	}
	fr := &f.fragments[p.stream]
	if fr.open && len(fr.text)+len(text) > f.max {
		f.closeFragment(p.stream)
	}
	if p.full && !fr.open {
		f.logical(p.stream, text, start, end, p.meta, flags)
		return
	}
	if !fr.open {
		fr.open, fr.text, fr.start, fr.meta = true, fr.text[:0], start, p.meta
	}
	fr.text, fr.end = append(fr.text, text...), end
	if p.full {
		fr.open = false
		f.logical(p.stream, fr.text, fr.start, end, fr.meta, flags)
	}
}

// logical takes in a line as the application wrote it.
func (f *joined) logical(s stream, text []byte, start, end int, meta tailer.Meta, flags tailer.Flags) {
	if f.rule == nil {
		f.emit(text, start, end, meta, flags, 0)
		return
	}
	e := &f.event
	if e.open && (e.stream != s || e.flags != 0 || len(e.text)+1+len(text) > f.max || f.rule.starts(text)) {
		f.closeEvent()
		if start >= f.emitted && !f.fragments[0].open && !f.fragments[1].open {
			f.mark(start)
		}
	}
	if !e.open {
		e.open, e.text, e.start, e.stream, e.meta, e.flags = true, e.text[:0], start, s, meta, 0
	} else {
		e.text = append(e.text, '\n')
	}
	e.text, e.end = append(e.text, text...), end
	e.flags |= flags
	if f.rule.ends(text) {
		f.closeEvent()
	}
}

func (f *joined) closeEvent() {
	if e := &f.event; e.open {
		e.open = false
		f.emit(e.text, e.start, e.end, e.meta, e.flags, 0)
	}
}

// closeFragment gives up waiting for the rest of a line: it comes as a record of its own.
func (f *joined) closeFragment(s stream) {
	if fr := &f.fragments[s]; fr.open {
		fr.open = false
		f.logical(s, fr.text, fr.start, fr.end, fr.meta, tailer.Split)
	}
}

// closeAll closes every join, the older fragment first.
func (f *joined) closeAll() {
	first, second := stdout, stderr
	if f.fragments[1].open && f.fragments[1].start < f.fragments[0].start {
		first, second = second, first
	}
	f.closeFragment(first)
	f.closeFragment(second)
	f.closeEvent()
}

func (f *joined) emit(text []byte, start, end int, meta tailer.Meta, flags tailer.Flags, part uint16) {
	b := f.b
	b.Records = append(b.Records, tailer.Record{
		Off: uint32(len(b.Data)), Len: uint32(len(text)), Start: f.base + int64(start), End: f.base + int64(end), Flags: flags, Part: part,
	})
	b.Data = append(b.Data, text...)
	if f.format != "" {
		b.Meta = append(b.Meta, meta)
	}
	f.emitted = max(f.emitted, end)
}

// oversize frames a line whose text, without what the container format adds, is above max.
func (f *joined) oversize(text []byte, start, end int, meta tailer.Meta, flags tailer.Flags) {
	if f.over != tailer.Split {
		f.emit(text[:f.fit(text, false)], start, end, meta, f.over|flags, 0)
		return
	}
	for part := uint16(0); len(text) > 0; part = nextPart(part) {
		n := f.fit(text, false)
		last := tailer.Flags(0)
		if n == len(text) {
			last = flags
		}
		f.emit(text[:n], start, end, meta, tailer.Split|last, part)
		text = text[n:]
	}
}

// long frames what is there of a physical line that is too long or was begun in an earlier call, as plain text. stop says that nothing can be
// done with the rest now.
func (f *joined) long(raw []byte, at, end, next int, part uint16, ok, whole bool) (int, uint16, bool) {
	last := tailer.Flags(0)
	if whole && !ok {
		last = tailer.Partial
	}
	add := func(n, after int, flags tailer.Flags) {
		f.text = f.appendText(f.text[:0], raw[at:at+n], f.big)
		f.emit(f.text, at, after, tailer.Meta{}, flags, part)
	}
	if f.over != tailer.Split {
		if part == 0 {
			n := f.fit(raw[at:end], f.big)
			add(n, at+n, f.over|last)
			at += n
		}
		if whole {
			return next, 0, false
		}
		return max(at, f.allButOne(raw)), 1, true
	}
	for {
		n := f.fit(raw[at:end], f.big)
		if whole && n == end-at || !whole && !f.tooLong(raw[at:], f.big) {
			break
		}
		add(n, at+n, tailer.Split)
		at += n
		part = nextPart(part)
	}
	if !whole {
		return at, part, true
	}
	if end > at {
		add(end-at, next, tailer.Split|last)
	}
	return next, 0, false
}
