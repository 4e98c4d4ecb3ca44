package frame

import (
	"fmt"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/kinetail/kinetail/tailer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rec is a record as a test sees it.
type rec struct {
	Text       string
	Start, End int64
	Flags      tailer.Flags
	Part       uint16
	Meta       tailer.Meta
}

func mustNew(t testing.TB, o Options) tailer.Framer {
	t.Helper()
	f, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// reader does what the follower does: it shows a framer what is there behind its position, and remembers where it is.
type reader struct {
	t      testing.TB
	f      tailer.Framer
	data   []byte
	at     int
	part   uint16
	got    []rec
	commit []int64 // every position that may be committed
	before []int   // how many records came before each of them
}

// show lets the framer see data up to end, again and again until it takes nothing more.
func (r *reader) show(end int, closing tailer.Closing) {
	r.t.Helper()
	for r.at < end {
		raw := r.data[r.at:end:end]
		b := &tailer.Batch{Start: int64(r.at), Before: r.part}
		n := r.f.Frame(b, raw, int64(r.at), closing)
		if n < 0 || n > len(raw) {
			r.t.Fatalf("consumed %d of %d bytes", n, len(raw))
		}
		if n == 0 {
			if len(b.Records) > 0 {
				r.t.Fatalf("%d records and nothing consumed", len(b.Records))
			}
			if len(raw) >= r.f.Window() || closing == tailer.CloseAll {
				r.t.Fatalf("stuck at %d with %d bytes", r.at, len(raw))
			}
			return
		}
		if len(b.Data) == 0 {
			b.Data = raw
		}
		for i := range b.Records {
			q := &b.Records[i]
			if int(q.Off)+int(q.Len) > len(b.Data) || q.Start > q.End || q.Start < int64(r.at) || q.End > int64(r.at+n) {
				r.t.Fatalf("record %+v in %d bytes of data, batch %d to %d", *q, len(b.Data), r.at, r.at+n)
			}
			one := rec{Text: string(b.Bytes(i)), Start: q.Start, End: q.End, Flags: q.Flags, Part: q.Part}
			if len(b.Meta) > 0 {
				one.Meta = b.Meta[i]
			}
			r.got = append(r.got, one)
		}
		r.at += n
		r.part = b.After
		if r.part == 0 {
			r.commit = append(r.commit, int64(r.at))
			r.before = append(r.before, len(r.got))
		}
	}
}

// frame frames data in one go, or cut after each of the given lengths, and closes it at the end.
func frame(t testing.TB, f tailer.Framer, data []byte, cuts []byte) *reader {
	t.Helper()
	r := &reader{t: t, f: f, data: data}
	end := 0
	for _, c := range cuts {
		end = min(end+int(c), len(data))
		r.show(end, tailer.KeepOpen)
	}
	r.show(len(data), tailer.KeepOpen)
	r.show(len(data), tailer.CloseAll)
	if r.at != len(data) || r.part != 0 {
		t.Fatalf("stopped at %d of %d, part %d", r.at, len(data), r.part)
	}
	return r
}

// short writes records as "text" with marks, so that tables are readable.
func short(all []rec) string {
	var b strings.Builder
	for i, r := range all {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%q", r.Text)
		for _, m := range []struct {
			flag tailer.Flags
			mark string
		}{{tailer.Partial, "P"}, {tailer.Truncated, "T"}, {tailer.Oversize, "O"}} {
			if r.Flags&m.flag != 0 {
				b.WriteString(m.mark)
			}
		}
		if r.Flags&tailer.Split != 0 {
			fmt.Fprintf(&b, "S%d", r.Part)
		}
	}
	return b.String()
}
