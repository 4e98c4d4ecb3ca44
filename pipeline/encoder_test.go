package pipeline

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kinetail/kinetail/pipeline/expr"
	"github.com/kinetail/kinetail/tailer"
)

// batchOf frames text as the newline framer does.
func batchOf(text string) *tailer.Batch {
	b := &tailer.Batch{Data: []byte(text), Source: &tailer.Source{Path: "/l/a.log", Name: "a.log", Dir: "/l"}}
	off := 0
	for off < len(text) {
		n := strings.IndexByte(text[off:], '\n')
		end := off + n + 1
		if n < 0 {
			n, end = len(text)-off, len(text)
		}
		b.Records = append(b.Records, tailer.Record{Off: uint32(off), Len: uint32(n), Start: int64(off), End: int64(end)})
		off = end
	}
	b.End = int64(off)
	return b
}

func program(t testing.TB, src string) *expr.Program {
	t.Helper()
	e, diags := hclsyntax.ParseExpression([]byte(src), "test.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	p, diags := expr.Compile(e, nil)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return p
}

func encoder(t testing.TB, o EncoderOptions) *Encoder {
	t.Helper()
	e, err := NewEncoder(o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// within says whether p lies in b: nothing was copied.
func within(p, b []byte) bool {
	for i := range b {
		if &b[i] == &p[0] {
			return true
		}
	}
	return false
}

func TestRawAliasesTheBatch(t *testing.T) {
	b := batchOf("one\ntwo\r\nlast")
	var out Payloads
	encoder(t, EncoderOptions{}).Encode(b, &out)
	for i, want := range []string{"one", "two\r", "last"} {
		if p := out.Items[i]; string(p.Data) != want || !within(p.Data, b.Data) || p.Key != nil || p.Record != i || p.Refusal != nil {
			t.Errorf("record %d is %q %+v", i, p.Data, p)
		}
	}
	encoder(t, EncoderOptions{Delimiter: "\n"}).Encode(b, &out)
	for i, want := range []string{"one\n", "two\r\n", "last\n"} {
		p := out.Items[i]
		if string(p.Data) != want {
			t.Errorf("record %d is %q", i, p.Data)
		}
		if aliased := within(p.Data, b.Data); aliased != (i < 2) {
			t.Errorf("record %d aliases the batch: %v", i, aliased)
		}
		if cap(p.Data) != len(p.Data) {
			t.Errorf("appending to payload %d would write into the next", i)
		}
	}
}

func TestJSONIsValidForAnyBytes(t *testing.T) {
	e := encoder(t, EncoderOptions{Format: "json", Delimiter: "\n"})
	var out Payloads
	e.Encode(batchOf("a\"b\\c\x00\x1f\t\nx\xff\xc3y\né\u2028\n"), &out)
	want := []string{"a\"b\\c\x00\x1f\t", "x\ufffd\ufffdy", "é\u2028"}
	for i, p := range out.Items {
		var m map[string]string
		if err := json.Unmarshal(p.Data, &m); err != nil || m["message"] != want[i] || len(m) != 1 {
			t.Errorf("%q: %v %q", p.Data, err, m)
		}
	}
	if n := e.Counts().Replaced; n != 2 {
		t.Errorf("%d bytes replaced, want 2", n)
	}
}

func TestInvalidUTF8AsBase64(t *testing.T) {
	var out Payloads
	encoder(t, EncoderOptions{Format: "json", InvalidUTF8: "base64"}).Encode(batchOf("a\xff\nfine\n"), &out)
	if a, b := string(out.Items[0].Data), string(out.Items[1].Data); a != `{"message_base64":"Yf8="}` || b != `{"message":"fine"}` {
		t.Error(a, b)
	}
}

func FuzzJSONLine(f *testing.F) {
	f.Add([]byte("plain"))
	f.Add([]byte("\xff\x00\"\\ é \xe2\x80"))
	e := encoder(f, EncoderOptions{Format: "json"})
	f.Fuzz(func(t *testing.T, line []byte) {
		b := &tailer.Batch{Data: line, Records: []tailer.Record{{Len: uint32(len(line))}}, Source: &tailer.Source{}}
		var out Payloads
		e.Encode(b, &out)
		var m map[string]string
		if err := json.Unmarshal(out.Items[0].Data, &m); err != nil || !utf8.Valid(out.Items[0].Data) {
			t.Fatalf("%q: %v", out.Items[0].Data, err)
		}
		if want := string([]rune(string(line))); m["message"] != want {
			t.Fatalf("%q became %q", want, m["message"])
		}
	})
}

func TestContainerFieldsArePartOfTheRecord(t *testing.T) {
	b := batchOf("hello\n")
	b.Meta = []tailer.Meta{{Stream: "stderr", Time: []byte("2026-01-02T03:04:05.678Z")}}
	var out Payloads
	encoder(t, EncoderOptions{Format: "json", PartitionKey: program(t, `record.stream`)}).Encode(b, &out)
	if got := string(out.Items[0].Data); got != `{"message":"hello","stream":"stderr","time":"2026-01-02T03:04:05.678Z"}` {
		t.Error(got)
	}
	if got := string(out.Items[0].Key); got != "stderr" {
		t.Error(got)
	}
}

func TestPartitionKey(t *testing.T) {
	long := strings.Repeat("é", 300)
	for _, tc := range []struct{ src, line, want string }{
		{`regex("^\\S+", record.message)`, "10.0.0.1 GET /", "10.0.0.1"},
		{`regex("^\\d+", record.message)`, "none here", ""},
		{`record.missing`, "x", ""},
		{`record.message`, "", ""},
		{`"${file.name}-${host.name}"`, "x", "a.log-h"},
		{`record.message`, long, strings.Repeat("é", 256)},
		{`record.message`, strings.Repeat("\U0001f600", 256), strings.Repeat("\U0001f600", 256)},
		{`record.message`, strings.Repeat("\U0001f600", 257), strings.Repeat("\U0001f600", 256)},
		{`record.message`, strings.Repeat("a", 5000), strings.Repeat("a", 256)},
		{`record.message`, "a\xffb", "a\ufffdb"},
		{`length(record.message)`, "12345", "5"},
		{`record.message + 1`, "x", ""},
	} {
		var out Payloads
		b := batchOf(tc.line + "\n")
		e := encoder(t, EncoderOptions{PartitionKey: program(t, tc.src), Host: "h"})
		e.Encode(b, &out)
		if got := string(out.Items[0].Key); got != tc.want {
			t.Errorf("%s of %.20q is %q, want %q", tc.src, tc.line, got, tc.want)
		}
		if c := e.Counts(); (c.KeysTruncated > 0) != (len([]rune(tc.line)) > 256 && tc.src == "record.message") {
			t.Errorf("%s of %.20q: %+v", tc.src, tc.line, c)
		}
	}
}

func TestOversizeIsRefused(t *testing.T) {
	b := batchOf("one\ntwo\n")
	b.Records[0].Flags = tailer.Oversize
	var out Payloads
	encoder(t, EncoderOptions{Format: "json"}).Encode(b, &out)
	if r := out.Items[0].Refusal; r == nil || r.Reason != "oversize" || string(out.Items[0].Data) != "one" {
		t.Errorf("%+v", out.Items[0])
	}
	if out.Items[1].Refusal != nil {
		t.Errorf("%+v", out.Items[1])
	}
}

func TestUnknownFormatIsRefused(t *testing.T) {
	if _, err := NewEncoder(EncoderOptions{Format: "xml"}); err == nil {
		t.Error("accepted")
	}
}

func TestEncodeAllocatesNothing(t *testing.T) {
	b := batchOf(strings.Repeat(accessLine, 100))
	for name, o := range map[string]EncoderOptions{
		"raw":       {},
		"delimiter": {Delimiter: "\n"},
		"arena":     {Delimiter: "|\n"},
		"json":      {Format: "json"},
		"key":       {PartitionKey: program(t, `"${record.message}-${file.name}"`)},
	} {
		e := encoder(t, o)
		var out Payloads
		e.Encode(b, &out) // grow
		e.Encode(b, &out)
		if n := testing.AllocsPerRun(20, func() { e.Encode(b, &out) }); n != 0 {
			t.Errorf("%s: %v allocations for 100 records", name, n)
		}
	}
}

const accessLine = `203.0.113.195 - frank [10/Oct/2026:13:55:36 +0000] "GET /api/v1/products/12345?ref=homepage&session=af83bc HTTP/1.1" 200 23261 "https://www.example.com/catalog/index.html" "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0 Safari/537.36"` + "\n"

func BenchmarkEncode(b *testing.B) {
	batch := batchOf(strings.Repeat(accessLine, 1000))
	for _, bc := range []struct {
		name string
		o    EncoderOptions
	}{
		{"raw", EncoderOptions{}},
		{"delimiter", EncoderOptions{Delimiter: "\n"}},
		{"json", EncoderOptions{Format: "json"}},
		{"key", EncoderOptions{PartitionKey: program(b, `file.name`)}},
	} {
		b.Run(bc.name, func(b *testing.B) {
			e := encoder(b, bc.o)
			var out Payloads
			b.SetBytes(int64(len(batch.Data)))
			b.ReportAllocs()
			for b.Loop() {
				e.Encode(batch, &out)
			}
		})
	}
}
