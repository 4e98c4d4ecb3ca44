package frame

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/kinetail/kinetail/tailer"
)

// headerState is set in Batch.After while lines of the header are still to be skipped: their number is added. Below it are
// the parts of an oversized line.
const headerState = 1 << 15

// maxPart is the largest part number; further parts have it too.
const maxPart = headerState - 1

// lines knows where physical lines end and how they are cut.
type lines struct {
	max      int          // bytes of text
	over     tailer.Flags // what a line above max is marked with
	keepCR   bool
	header   int
	encoding string // "" is bytes as they are
}

// unit is the size of a code unit in bytes.
func (l *lines) unit() int {
	if l.encoding != "" {
		return 2
	}
	return 1
}

// find returns where the content of the line at raw[at:] ends, and where the next line begins; ok is false when there is no line feed.
func (l *lines) find(raw []byte, at int, big bool) (end, next int, ok bool) {
	if l.encoding == "" {
		i := bytes.IndexByte(raw[at:], '\n')
		if i < 0 {
			return len(raw), len(raw), false
		}
		end, next = at+i, at+i+1
		if end > at && raw[end-1] == '\r' && !l.keepCR {
			end--
		}
		return end, next, true
	}
	for from := at; ; {
		i := bytes.IndexByte(raw[from:], '\n')
		if i < 0 {
			return len(raw), len(raw), false
		}
		from += i
		lead := (from - at) &^ 1
		if at+lead+1 < len(raw) && codeUnit(raw[at+lead:], big) == '\n' {
			end, next = at+lead, at+lead+2
			if end-2 >= at && codeUnit(raw[end-2:], big) == '\r' && !l.keepCR {
				end -= 2
			}
			return end, next, true
		}
		from++
	}
}

// skipHeader skips what is left of the header; at is behind it, or behind what can be skipped now when left is not 0.
func (l *lines) skipHeader(before uint16, raw []byte, base int64, big, final bool) (at, left int) {
	switch {
	case before&headerState != 0:
		left = int(before &^ headerState)
	case before == 0 && base == 0:
		left = l.header
	}
	for left > 0 {
		_, next, ok := l.find(raw, at, big)
		if final && (!ok || next == len(raw)) {
			return len(raw), 0
		}
		if !ok || left > 1 && next == len(raw) {
			return l.allButOne(raw), left
		}
		at = next
		left--
	}
	return at, 0
}

// LineFeed implements tailer.Wide.
func (l *lines) LineFeed(begin []byte) []byte {
	switch {
	case l.encoding == "":
		return []byte{'\n'}
	case l.bigEndian(begin, 0):
		return []byte{0, '\n'}
	}
	return []byte{'\n', 0}
}

// Header implements tailer.Headed.
func (l *lines) Header(raw []byte) (text []byte, ok bool) {
	big := l.bigEndian(raw, 0)
	at := 0
	switch {
	case l.encoding == "":
		at = len(raw) - len(bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf")))
	case len(raw) >= 2 && codeUnit(raw, big) == 0xFEFF:
		at = 2
	}
	for left := l.header; left > 0; left-- {
		end, next, found := l.find(raw, at, big)
		if !found {
			return nil, false
		}
		if left == 1 {
			return l.appendText(nil, raw[at:end], big), true
		}
		at = next
	}
	return nil, true
}

// allButOne is what may be passed over of raw while inside a line: the last unit stays, so that a generation that ends here has
// something to be closed with.
func (l *lines) allButOne(raw []byte) int {
	return max(0, len(raw)-len(raw)%l.unit()-l.unit())
}

// fit is how many bytes of content give at most max bytes of text, at a character's boundary; all if they do.
func (l *lines) fit(content []byte, big bool) int {
	if l.encoding != "" {
		return l.fit16(content, big)
	}
	if len(content) <= l.max {
		return len(content)
	}
	for n := l.max; n > 0 && n > l.max-utf8.UTFMax; n-- {
		if utf8.RuneStart(content[n]) {
			return n
		}
	}
	return l.max // not UTF-8
}

func (l *lines) fit16(content []byte, big bool) int {
	size := 0
	for at := 0; at < len(content); {
		r, n := rune16(content[at:], big)
		size += utf8.RuneLen(r)
		if size > l.max && at > 0 {
			return at
		}
		if size > l.max {
			return n // one character is always taken
		}
		at += n
	}
	return len(content)
}

// tooLong says whether the line at raw[at:], which has no line feed yet, will be above max whatever follows: its last unit may
// still become a part of the line end.
func (l *lines) tooLong(rest []byte, big bool) bool {
	n := len(rest) - len(rest)%l.unit() - l.unit()
	return n > 0 && l.fit(rest[:n], big) < n
}

// appendText appends the text of content to dst.
func (l *lines) appendText(dst, content []byte, big bool) []byte {
	if l.encoding == "" {
		return append(dst, content...)
	}
	for len(content) > 0 {
		r, n := rune16(content, big)
		dst = utf8.AppendRune(dst, r)
		content = content[n:]
	}
	return dst
}

// bigEndian says how raw is to be read. Where the configuration leaves it open, a byte order mark at the start of a generation decides,
// and behind it the first line feed: U+0A00, which it would be in the other order, is no character. Without one, zeros are counted:
// they are the high halves of ASCII.
func (l *lines) bigEndian(raw []byte, base int64) bool {
	if l.encoding != "utf-16" {
		return l.encoding == "utf-16be"
	}
	if base == 0 && len(raw) >= 2 && (raw[0] == 0xFE && raw[1] == 0xFF || raw[0] == 0xFF && raw[1] == 0xFE) {
		return raw[0] == 0xFE
	}
	for from := 0; ; {
		i := bytes.IndexByte(raw[from:], '\n')
		if i < 0 {
			break
		}
		from += i
		if from%2 == 1 && raw[from-1] == 0 {
			return true
		}
		if from%2 == 0 && from+1 < len(raw) && raw[from+1] == 0 {
			return false
		}
		from++
	}
	high := 0
	for i := 0; i+1 < len(raw); i += 2 {
		if raw[i] == 0 {
			high++
		}
		if raw[i+1] == 0 {
			high--
		}
	}
	return high > 0
}

func codeUnit(b []byte, big bool) uint16 {
	if big {
		return uint16(b[0])<<8 | uint16(b[1])
	}
	return uint16(b[1])<<8 | uint16(b[0])
}

// rune16 decodes the first character and returns how many bytes it takes; what is none is U+FFFD.
func rune16(b []byte, big bool) (rune, int) {
	if len(b) < 2 {
		return utf8.RuneError, len(b)
	}
	u := rune(codeUnit(b, big))
	if !utf16.IsSurrogate(u) {
		return u, 2
	}
	if len(b) >= 4 {
		if r := utf16.DecodeRune(u, rune(codeUnit(b[2:], big))); r != utf8.RuneError {
			return r, 4
		}
	}
	return utf8.RuneError, 2
}
