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
	at := 0
	for at < len(raw) {
		i := bytes.IndexByte(raw[at:], '\n')
		if i < 0 {
			break
		}
		b.Records = append(b.Records, Record{Off: uint32(at), Len: uint32(i), Start: base + int64(at), End: base + int64(at+i+1)})
		at += i + 1
	}
	if at < len(raw) && (closing == CloseAll || at == 0 && len(raw) >= l.Window()) {
		r := Record{Off: uint32(at), Len: uint32(len(raw) - at), Start: base + int64(at), End: base + int64(len(raw))}
		if closing == CloseAll {
			r.Flags = Partial
		} else {
			r.Flags, r.Part, b.After = Split, b.Before, b.Before+1
		}
		b.Records = append(b.Records, r)
		at = len(raw)
	}
	return at
}
