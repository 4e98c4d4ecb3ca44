package frame

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kinetail/kinetail/tailer"
)

// sameHoweverCut frames data at once and in pieces and wants the same records and, wherever both stop, the same positions; it returns
// them.
func sameHoweverCut(t *testing.T, o Options, data, cuts []byte) []rec {
	t.Helper()
	whole := frame(t, mustNew(t, o), data, nil)
	pieces := frame(t, mustNew(t, o), data, cuts)
	if d := cmp.Diff(whole.got, pieces.got); d != "" {
		t.Fatalf("%+v, %q cut after %v: %s", o, data, cuts, d)
	}
	// From any position that may be committed, a restart gives the rest.
	if len(pieces.commit) > 0 {
		at := pieces.commit[len(pieces.commit)/2]
		rest := &reader{t: t, f: mustNew(t, o), data: data, at: int(at)}
		rest.show(len(data), tailer.KeepOpen)
		rest.show(len(data), tailer.CloseAll)
		i, _ := slices.BinarySearchFunc(whole.got, at, func(r rec, at int64) int {
			if r.Start < at {
				return -1
			}
			return 1
		})
		if at > 0 && o.Format == "" && len(rest.got) > 0 {
			if d := cmp.Diff(whole.got[i:], rest.got); d != "" {
				t.Fatalf("%+v, %q again from %d: %s", o, data, at, d)
			}
		}
	}
	return whole.got
}

func texts(all []rec) []string {
	out := []string{}
	for _, r := range all {
		out = append(out, r.Text)
	}
	return out
}

var overs = []string{"truncate", "split", "dead_letter"}

func FuzzNewline(f *testing.F) {
	f.Add([]byte("a\nbb\r\n\nabcdefghi\nx"), []byte{1, 3, 2}, uint8(4), uint8(0), false)
	f.Add([]byte("h\n\u20ac\u20ac\u20ac\n"), []byte{2, 2}, uint8(3), uint8(1), true)
	f.Fuzz(func(t *testing.T, data, cuts []byte, maxSize, over uint8, keepCR bool) {
		o := Options{MaxRecordSize: int64(maxSize) + 1, OnOversize: overs[over%3], KeepCR: keepCR, SkipHeaderLines: int(over/3) % 3}
		got := texts(sameHoweverCut(t, o, data, cuts))
		want := []string{}
		text := string(data)
		for n := 0; text != ""; n++ {
			line, rest, ended := strings.Cut(text, "\n")
			text = rest
			if n < o.SkipHeaderLines {
				continue
			}
			if ended && !keepCR {
				line = strings.TrimSuffix(line, "\r")
			}
			for {
				part := line
				if len(line) > int(o.MaxRecordSize) {
					part = line[:cutAt(line, int(o.MaxRecordSize))]
				}
				want = append(want, part)
				if line = line[len(part):]; line == "" || o.OnOversize != "split" {
					break
				}
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
	})
}

// cutAt is a slow way to cut before the character that crosses n.
func cutAt(s string, n int) int {
	for i := n; i > max(0, n-4); i-- {
		if c := s[i]; c < 0x80 || c >= 0xC0 {
			return i
		}
	}
	return n
}

func FuzzMultiline(f *testing.F) {
	f.Add([]byte("1 a\n b\n2 c\n"), []byte{3, 1}, uint8(0), uint8(200))
	f.Add([]byte("1 a\r\n b;\r\n2 c\n d e f g h i j\n\n"), []byte{9}, uint8(3), uint8(6))
	rules := []Multiline{{Start: `^\d`}, {Continue: `^\s`}, {Indent: true}, {End: `;$`}, {Start: `^\d`, End: `;$`}}
	f.Fuzz(func(t *testing.T, data, cuts []byte, which, maxSize uint8) {
		m := rules[int(which)%len(rules)]
		encoding := []string{"", "utf-16le", "utf-16", "utf-16be"}[which/16%4]
		sameHoweverCut(t, Options{Multiline: &m, MaxRecordSize: int64(maxSize) + 1, OnOversize: overs[which/64%3], Encoding: encodingFor(encoding, data)}, data, cuts)

		got := texts(sameHoweverCut(t, Options{Multiline: &m}, data, cuts))
		r, err := compile(&m)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{}
		open := false
		for _, line := range physical(data) {
			if open && !r.starts(line) {
				want[len(want)-1] += "\n" + string(line)
			} else {
				want = append(want, string(line))
			}
			open = !r.ends(line)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
	})
}

// encodingFor leaves "utf-16" to data that says what it is: guessing may change its mind as more is seen.
func encodingFor(encoding string, data []byte) string {
	if encoding == "utf-16" && !bytes.HasPrefix(data, []byte{0xff, 0xfe}) {
		return "utf-16be"
	}
	if encoding == "utf-16" {
		return "utf-16le"
	}
	return encoding
}

// physical splits lines in the simplest way.
func physical(data []byte) (all [][]byte) {
	for len(data) > 0 {
		line, rest, ended := bytes.Cut(data, []byte{'\n'})
		if ended {
			line = bytes.TrimSuffix(line, []byte{'\r'})
		}
		all, data = append(all, line), rest
	}
	return all
}

func FuzzCRI(f *testing.F) {
	f.Add([]byte("OPa\nEFx\nOFb\nplain\nEPc\nOF\n"), []byte{70, 30, 100}, uint8(0), uint8(200))
	f.Add([]byte("OPa\nOPaaaaaaaa\nOPaaaaa\nEF aaa\nOF b\nEF c\n"), []byte{70, 30, 100}, uint8(1), uint8(7))
	f.Fuzz(func(t *testing.T, script, cuts []byte, which, maxSize uint8) {
		var data []byte
		for _, line := range bytes.SplitAfter(script, []byte{'\n'}) { // "OPtext": stdout, fragment, text
			names := map[byte]string{'O': "stdout", 'E': "stderr"}
			if len(line) > 2 && names[line[0]] != "" && (line[1] == 'P' || line[1] == 'F') {
				data = append(data, "2026-01-02T15:04:05Z "+names[line[0]]+" "+string(line[1])+" "...)
				line = line[2:]
			}
			data = append(data, line...)
		}
		tiny := Options{Format: "cri", MaxRecordSize: int64(maxSize) + 1, OnOversize: overs[which%3]}
		if which >= 128 {
			tiny.Multiline = &Multiline{Indent: true}
		}
		sameHoweverCut(t, tiny, data, cuts)

		got := texts(sameHoweverCut(t, Options{Format: "cri"}, data, cuts))
		want := []string{}
		open, isOpen := map[string]string{}, []string{}
		for _, line := range physical(data) {
			p, text, ok := parseCRI(line)
			if !ok {
				want = append(want, string(line))
				continue
			}
			s := p.meta.Stream
			if _, joined := open[s]; !joined {
				isOpen = append(isOpen, s)
			}
			open[s] += string(text)
			if p.full {
				want = append(want, open[s])
				delete(open, s)
				isOpen = slices.DeleteFunc(isOpen, func(o string) bool { return o == s })
			}
		}
		for _, s := range isOpen {
			want = append(want, open[s])
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
	})
}

func FuzzDocker(f *testing.F) {
	f.Add([]byte(docker("stdout", "a")+docker("stderr", "b\n")+docker("stdout", "c\n")+"{x\n"), []byte{50, 50}, uint8(0), uint8(100))
	f.Add([]byte(`{"log":"\u0000\n","stream":"stdout"}`+"\n[[[["), []byte{5}, uint8(1), uint8(2))
	f.Fuzz(func(t *testing.T, data, cuts []byte, which, maxSize uint8) {
		format := []string{"docker", "auto"}[which/4%2]
		o := Options{Format: format, MaxRecordSize: int64(maxSize) + 1, OnOversize: overs[which%3]}
		if which >= 128 {
			o.Multiline = &Multiline{Start: `^\d`}
		}
		sameHoweverCut(t, o, data, cuts)
	})
}

func FuzzUTF16(f *testing.F) {
	f.Add([]byte("\xff\xfea\x00\n\x00b\x00"), []byte{1, 2, 3}, uint8(0), uint8(3))
	f.Fuzz(func(t *testing.T, data, cuts []byte, which, maxSize uint8) {
		o := Options{Encoding: []string{"utf-16le", "utf-16be"}[which/4%2], MaxRecordSize: int64(maxSize) + 1, OnOversize: overs[which%3], SkipHeaderLines: int(which) / 8 % 3}
		for _, r := range sameHoweverCut(t, o, data, cuts) {
			if len(r.Text) > max(4, int(maxSize)+1) {
				t.Fatalf("%d bytes of %d", len(r.Text), o.MaxRecordSize)
			}
		}
		frame(t, mustNew(t, Options{Encoding: "utf-16", MaxRecordSize: int64(maxSize) + 1}), data, cuts)
	})
}
