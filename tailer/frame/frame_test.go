package frame

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/kinetail/kinetail/tailer"
)

func utf16of(s string, order binary.AppendByteOrder) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = order.AppendUint16(b, u)
	}
	return string(b)
}

func docker(stream, log string) string {
	return fmt.Sprintf(`{"log":%q,"stream":%q,"time":"2026-01-02T15:04:05.000000001Z"}`+"\n", log, stream)
}

func cri(stream, tag, text string) string {
	return "2026-01-02T15:04:05.000000001Z " + stream + " " + tag + " " + text + "\n"
}

func TestFrames(t *testing.T) {
	for _, c := range []struct {
		name string
		o    Options
		in   string
		want string
	}{
		{"lines", Options{}, "a\nbb\n\nc\n", `"a" "bb" "" "c"`},
		{"binary", Options{}, "\x00\xff\n\xfe\n", `"\x00\xff" "\xfe"`},
		{"crlf", Options{}, "a\r\nb\r\r\n\r\n", `"a" "b\r" ""`},
		{"keep cr", Options{KeepCR: true}, "a\r\nb\n", `"a\r" "b"`},
		{"partial", Options{}, "a\nb\r", `"a" "b\r"P`},
		{"exactly max", Options{MaxRecordSize: 4}, "abcd\nabcd\r\nabcd", `"abcd" "abcd" "abcd"P`},
		{"truncate", Options{MaxRecordSize: 4}, "abcdefghijk\nx\nabcde", `"abcd"T "x" "abcd"PT`},
		{"truncate utf-8", Options{MaxRecordSize: 4}, "abc\u00e9\n\u20ac\u20ac\n\U0001F600x\n", "\"abc\"T \"\u20ac\"T \"\U0001F600\"T"},
		{"not utf-8", Options{MaxRecordSize: 4}, "\x80\x80\x80\x80\x80\x80\n", `"\x80\x80\x80\x80"T`},
		{"split", Options{MaxRecordSize: 4, OnOversize: "split"}, "abcdefgh\nabcdefghi\r\nx\nabcdef", `"abcd"S0 "efgh"S1 "abcd"S0 "efgh"S1 "i"S2 "x" "abcd"S0 "ef"PS1`},
		{"dead letter", Options{MaxRecordSize: 4, OnOversize: "dead_letter"}, "abcdefgh\nx\n", `"abcd"O "x"`},
		{"header", Options{SkipHeaderLines: 2}, "h1\nh2\na\nb\n", `"a" "b"`},
		{"header only", Options{SkipHeaderLines: 3}, "h1\nh2\na", ``},
		{
			"start",
			Options{Multiline: &Multiline{Start: `^\d`}},
			"lost\n1 a\n  b\n\n2 c\r\n x\r\n3 d\n", `"lost" "1 a\n  b\n" "2 c\n x" "3 d"`,
		},
		{"continue", Options{Multiline: &Multiline{Continue: `^\+`}}, "a\n+b\n+c\nd\n", `"a\n+b\n+c" "d"`},
		{"end", Options{Multiline: &Multiline{End: `;$`}}, "a\nb;\nc;\nd\n", `"a\nb;" "c;" "d"`},
		{"start and end", Options{Multiline: &Multiline{Start: `^<`, End: `>$`}}, "<a\nb>\nx\n<c\n<d>\n", `"<a\nb>" "x" "<c" "<d>"`},
		{"indent", Options{Multiline: &Multiline{Indent: true}}, "a\n\tb\n c\n\nd\n", `"a\n\tb\n c" "" "d"`},
		{"event at max", Options{MaxRecordSize: 5, Multiline: &Multiline{Indent: true}}, "a\n b\n c\n d\n", `"a\n b" " c\n d"`},
		{"long line in event", Options{MaxRecordSize: 5, Multiline: &Multiline{Indent: true}}, "a\n 23456789\n c\nd\n", `"a" " 2345"T " c" "d"`},
		{"event with partial", Options{Multiline: &Multiline{Indent: true}}, "a\n b", `"a\n b"P`},
		{"utf-16 le bom", Options{Encoding: "utf-16"}, "\xff\xfe" + utf16of("a\u00e9\r\n\u4e0a\U0001F600\n", binary.LittleEndian), "\"a\u00e9\" \"\u4e0a\U0001F600\""},
		{"utf-16 be bom", Options{Encoding: "utf-16"}, "\xfe\xff" + utf16of("a\u00e9\r\n\u0a0a\u4e0a\nx", binary.BigEndian), "\"a\u00e9\" \"\u0a0a\u4e0a\" \"x\"P"},
		{"utf-16 without bom", Options{Encoding: "utf-16"}, utf16of("\u4e0a\nb\n", binary.BigEndian), "\"\u4e0a\" \"b\""},
		{"utf-16 half", Options{Encoding: "utf-16le"}, "\x00\xd8a\x00\n\x00z", "\"\ufffda\" \"\ufffd\"P"},
		{"utf-16 truncate", Options{Encoding: "utf-16le", MaxRecordSize: 4}, utf16of("ab\u20ac\nabcd\nabcde\n", binary.LittleEndian), `"ab"T "abcd" "abcd"T`},
		{"utf-16 split", Options{Encoding: "utf-16be", MaxRecordSize: 4, OnOversize: "split"}, utf16of("\u20ac\u20acx\n", binary.BigEndian), "\"\u20ac\"S0 \"\u20acx\"S1"},
		{"utf-16 header", Options{Encoding: "utf-16", SkipHeaderLines: 1}, "\xff\xfe" + utf16of("h\na\n", binary.LittleEndian), `"a"`},
		{"utf-16 multiline", Options{Encoding: "utf-16le", Multiline: &Multiline{Indent: true}}, utf16of("a\n b\nc\n", binary.LittleEndian), `"a\n b" "c"`},
		{
			"cri",
			Options{Format: "cri"},
			cri("stdout", "F", "one") + cri("stdout", "P", "a") + cri("stderr", "F", "e") + cri("stdout", "P:x", "b") + cri("stdout", "F", "c") + cri("stdout", "F", ""),
			`"one" "e" "abc" ""`,
		},
		{"not cri", Options{Format: "cri"}, "plain text\n" + cri("stdin", "F", "x"), fmt.Sprintf("%q %q", "plain text", strings.TrimSuffix(cri("stdin", "F", "x"), "\n"))},
		{"cri unfinished", Options{Format: "cri"}, cri("stdout", "P", "a") + cri("stderr", "P", "b"), `"a"S0 "b"S0`},
		{"cri at max", Options{Format: "cri", MaxRecordSize: 4}, cri("stdout", "P", "abc") + cri("stdout", "P", "de") + cri("stdout", "F", "f"), `"abc"S0 "def"`},
		{"cri oversize", Options{Format: "cri", MaxRecordSize: 4}, cri("stdout", "F", "abcdef") + cri("stdout", "F", "x"), `"abcd"T "x"`},
		{
			"cri events",
			Options{Format: "cri", Multiline: &Multiline{Indent: true}},
			cri("stderr", "P", "tra") + cri("stderr", "F", "ce") + cri("stderr", "F", " at") + cri("stdout", "F", "x") + cri("stderr", "F", "y"),
			`"trace\n at" "x" "y"`,
		},
		{
			"docker",
			Options{Format: "docker"},
			docker("stdout", "one\n") + docker("stdout", "a") + docker("stderr", "e\r\n") + docker("stdout", "b\n") + "{broken\n" + `{"log":7}` + "\n",
			`"one" "e" "ab" "{broken" "{\"log\":7}"`,
		},
		{"auto", Options{Format: "auto"}, docker("stdout", "d\n") + cri("stderr", "F", "c") + "plain\n" + `{"a":1}` + "\n", `"d" "c" "plain" "{\"a\":1}"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			whole := frame(t, mustNew(t, c.o), []byte(c.in), nil)
			got := short(whole.got)
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			single := frame(t, mustNew(t, c.o), []byte(c.in), bytes.Repeat([]byte{1}, len(c.in)))
			if s := short(single.got); s != got {
				t.Errorf("byte by byte %s\nat once      %s", s, got)
			}
			// A commit never lands inside a joined record: a restart at any position that may be committed gives the rest, no more, no less.
			for i, at := range single.commit {
				rest := &reader{t: t, f: mustNew(t, c.o), data: []byte(c.in), at: int(at)}
				rest.show(len(c.in), tailer.KeepOpen)
				rest.show(len(c.in), tailer.CloseAll)
				if s := short(slices.Concat(single.got[:single.before[i]], rest.got)); s != got {
					t.Errorf("again from byte %d %s\nat once %s", at, s, got)
				}
			}
		})
	}
}

func TestMeta(t *testing.T) {
	escaped := strings.Replace(docker("stderr", "z\n"), `"time":"2026`, `"time":"\u00320\u00326`, 1)
	r := frame(t, mustNew(t, Options{Format: "auto"}), []byte(cri("stderr", "F", "x")+"plain\n"+docker("stdout", "y\n")+escaped+docker("stdout", "w\n")), nil)
	const stamp = "2026-01-02T15:04:05.000000001Z"
	for i, want := range []string{"stderr " + stamp, " ", "stdout " + stamp, "stderr " + stamp, "stdout " + stamp} {
		if m := r.got[i].Meta; m.Stream+" "+string(m.Time) != want {
			t.Errorf("record %d: %s %s", i, m.Stream, m.Time)
		}
	}
}

// What a batch needs is used again: no format and no rule costs an allocation per line.
func TestAllocations(t *testing.T) {
	for _, c := range []struct {
		name, line string
		o          Options
	}{
		{"newline", accessLine, Options{}},
		{"cri", cri("stdout", "F", accessLine[:259]), Options{Format: "cri"}},
		{"cri fragments", cri("stdout", "P", "begins ") + cri("stderr", "F", "other") + cri("stdout", "F", "ends"), Options{Format: "cri"}},
		{"docker", docker("stdout", accessLine), Options{Format: "docker"}},
		{"docker fragments", docker("stdout", `say \"`) + docker("stderr", "other\n") + docker("stdout", "hi\n"), Options{Format: "docker"}},
		{"auto", docker("stdout", accessLine) + cri("stdout", "F", "x"), Options{Format: "auto"}},
		{"multiline", "2026 a\n b\n", Options{Multiline: &Multiline{Indent: true}}},
		{"utf-16", "x\x00y\x00\n\x00", Options{Encoding: "utf-16le"}},
	} {
		raw := []byte(strings.Repeat(c.line, 100))
		framer := mustNew(t, c.o)
		batch := &tailer.Batch{}
		var arena []byte
		if n := testing.AllocsPerRun(20, func() {
			batch.Records, batch.Meta, batch.Data = batch.Records[:0], batch.Meta[:0], arena[:0]
			framer.Frame(batch, raw, 0, tailer.KeepOpen)
			if len(batch.Data) > 0 {
				arena = batch.Data
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations for %d records", c.name, n, len(batch.Records))
		}
		if len(batch.Records) < 99 {
			t.Errorf("%s: %d records", c.name, len(batch.Records))
		}
	}
}

// A join that is not closed is not consumed, closes after its time, and a line being written stays open.
func TestCloseJoin(t *testing.T) {
	data := []byte("a\n b\n c")
	r := &reader{t: t, f: mustNew(t, Options{Multiline: &Multiline{Indent: true}}), data: data}
	r.show(len(data), tailer.KeepOpen)
	if r.at != 0 {
		t.Fatalf("consumed %d of an open event", r.at)
	}
	r.show(len(data), tailer.CloseJoin)
	if got := short(r.got); got != `"a\n b"` || r.at != 5 {
		t.Errorf("got %s to %d", got, r.at)
	}
}

// An unfinished fragment of one stream holds the other for about a mebibyte, not for ever.
func TestUnfinishedFragmentLetsGo(t *testing.T) {
	f := mustNew(t, Options{Format: "cri", MaxRecordSize: 1000})
	data := []byte(cri("stderr", "P", "never finished"))
	for len(data) < 3<<20 {
		data = append(data, cri("stdout", "F", strings.Repeat("x", 200))...)
	}
	r := &reader{t: t, f: f, data: data}
	r.show(1<<20, tailer.KeepOpen)
	if r.at != 0 {
		t.Fatalf("consumed %d", r.at)
	}
	r.show(len(data), tailer.KeepOpen)
	if r.at != len(data) || r.got[len(r.got)-1].Text == "" {
		t.Errorf("consumed %d of %d", r.at, len(data))
	}
	n := 0
	for _, one := range r.got {
		if one.Text == "never finished" && one.Flags == tailer.Split {
			n++
		}
	}
	if n != 1 {
		t.Errorf("the fragment came %d times", n)
	}
}

// A line of many windows passes through with what fits in one.
func TestHugeLine(t *testing.T) {
	const size = 64 << 20
	for over, want := range map[string]int{"truncate": 2, "dead_letter": 2, "split": 65} {
		for _, o := range []Options{{OnOversize: over}, {OnOversize: over, Format: "cri"}, {OnOversize: over, Multiline: &Multiline{Start: "^x"}}} {
			f := mustNew(t, o)
			window := f.Window()
			block := bytes.Repeat([]byte{'y'}, window)
			at, records, part := 0, 0, uint16(0)
			for at < size {
				raw := block[:min(window, size-at)]
				if len(raw) == size-at {
					raw = append(bytes.Clone(raw[1:]), '\n')
				}
				b := &tailer.Batch{Before: part}
				n := f.Frame(b, raw, int64(at), tailer.KeepOpen)
				if n == 0 {
					t.Fatalf("stuck at %d", at)
				}
				at, records, part = at+n, records+len(b.Records), b.After
			}
			b := &tailer.Batch{Before: part}
			f.Frame(b, []byte("x\nx\n"), int64(at), tailer.CloseAll)
			if records+len(b.Records) != want+1 && records+len(b.Records) != want {
				t.Errorf("%s: %d records", over, records+len(b.Records))
			}
			if part != 0 {
				t.Errorf("%s: still inside the line", over)
			}
		}
	}
}

func TestRefusedOptions(t *testing.T) {
	for _, o := range []Options{
		{MaxRecordSize: -1},
		{MaxRecordSize: 1 << 40},
		{OnOversize: "drop"},
		{Format: "json"},
		{Encoding: "latin1"},
		{Encoding: "utf-16", Format: "cri"},
		{SkipHeaderLines: -1},
		{SkipHeaderLines: 1 << 20},
		{Multiline: &Multiline{}},
		{Multiline: &Multiline{Start: "("}},
		{Multiline: &Multiline{Start: "a", Indent: true}},
		{Multiline: &Multiline{Start: "a", Timeout: -time.Second}},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
}

func TestJoinTimeout(t *testing.T) {
	for _, c := range []struct {
		o    Options
		want time.Duration
	}{
		{Options{Multiline: &Multiline{Indent: true}}, DefaultTimeout},
		{Options{Multiline: &Multiline{Indent: true, Timeout: time.Minute}}, time.Minute},
		{Options{Format: "cri"}, fragmentTimeout},
		{Options{Encoding: "utf-16"}, 0},
	} {
		if got := mustNew(t, c.o).(tailer.Joiner).JoinTimeout(); got != c.want {
			t.Errorf("%+v: %s", c.o, got)
		}
	}
	if _, joins := mustNew(t, Options{}).(tailer.Joiner); joins {
		t.Error("plain lines have a time-out")
	}
}
