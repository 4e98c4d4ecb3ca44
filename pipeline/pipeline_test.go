package pipeline

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/kinetail/kinetail/pipeline/parse"
	"github.com/kinetail/kinetail/pipeline/record"
	"github.com/kinetail/kinetail/tailer"
)

// must takes what a step's constructor gives.
func must(t testing.TB) func(Step, error) Step {
	return func(s Step, err error) Step {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

func parseStepOf(t testing.TB, format, onError string) Step {
	return must(t)(NewParse(ParseOptions{Format: format, OnError: onError}))
}

func pipelineOf(t testing.TB, o EncoderOptions, steps ...Step) *Pipeline {
	t.Helper()
	p, err := New(steps, []*Encoder{encoder(t, o)}, Options{Host: "web1"})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// run gives what becomes of the lines: what is sent, and refusals as "!reason: data".
func run(p *Pipeline, b *tailer.Batch) []string {
	var out Payloads
	p.Process(b, []*Payloads{&out})
	lines := []string{}
	for _, i := range out.Items {
		if i.Refusal != nil {
			lines = append(lines, "!"+i.Refusal.Reason+": "+string(i.Data))
		} else {
			lines = append(lines, string(i.Data))
		}
	}
	return lines
}

var jsonOut = EncoderOptions{Format: "json"}

func TestSteps(t *testing.T) {
	is := must(t)
	set := func(pairs ...string) Step {
		var a []Assignment
		for i := 0; i < len(pairs); i += 2 {
			a = append(a, Assignment{pairs[i], program(t, pairs[i+1])})
		}
		return is(NewSet(a))
	}
	filter := func(keep string) Step { return is(NewFilter(FilterOptions{Keep: program(t, keep)})) }
	redact := func(o RedactOptions) Step { return is(NewRedact(o)) }
	json := func(onError string) Step { return parseStepOf(t, "json", onError) }
	for _, tc := range []struct {
		name  string
		steps []Step
		in    string
		want  []string
		count Counts
	}{
		{"no steps", nil, "a\nb\n", []string{`{"message":"a"}`, `{"message":"b"}`}, Counts{}},
		{"parse, keep", []Step{json("keep")}, "{\"a\":1}\nbad\n", []string{`{"a":1}`, `{"message":"bad","parse_error":"json"}`}, Counts{ParseErrors: 1}},
		{"parse, drop", []Step{json("drop")}, "{\"a\":1}\nbad\n", []string{`{"a":1}`}, Counts{ParseErrors: 1, Unparsed: 1}},
		{"parse, dead_letter", []Step{json("dead_letter")}, "{\"a\":1}\nbad\n", []string{`{"a":1}`, `!parse_error: bad`}, Counts{ParseErrors: 1, Refused: 1}},
		{
			"parse a field",
			[]Step{json(""), is(NewParse(ParseOptions{Format: "logfmt", Field: "log"}))},
			`{"a":1,"log":"x=1 a=2"}` + "\n" + `{"log":5}`,
			[]string{`{"x":1,"a":2}`, `{"log":5,"parse_error":"logfmt"}`},
			Counts{ParseErrors: 1},
		},
		{"parse a missing field", []Step{json(""), is(NewParse(ParseOptions{Format: "logfmt", Field: "log"}))}, `{"a":1}`, []string{`{"a":1}`}, Counts{}},
		{
			"filter",
			[]Step{json(""), filter(`record.n > 1`)},
			"{\"n\":1}\n{\"n\":2}\n{\"m\":0}\n{\"n\":\"x\"}",
			[]string{`{"n":2}`, `{"m":0}`, `{"n":"x"}`},
			Counts{Filtered: 1, FilterUndecided: 2, Failures: 1, LastFailure: "a number is needed"},
		},
		{"filter, drop", []Step{is(NewFilter(FilterOptions{Drop: program(t, `strcontains(record.message, "DEBUG")`)}))}, "a DEBUG\nb\n", []string{`{"message":"b"}`}, Counts{Filtered: 1}},
		{
			"set",
			[]Step{json(""), set("a", `record.a + 1`, "b", `record.a * 10`, "h", `host.name`, "f", `"${file.name}:${record.b}"`, "none", `record.zzz`)},
			`{"a":1,"c":true}`,
			[]string{`{"a":2,"c":true,"b":20,"h":"web1","f":"a.log:20","none":null}`},
			Counts{},
		},
		{
			"set, failed",
			[]Step{json(""), set("n", `tonumber(record.a)`, "b", `record.b`), is(NewKeepFields([]string{"b", "n"}))},
			"{\"a\":\"x\",\"b\":1}\n{\"a\":\"2\",\"b\":2}",
			[]string{`{"b":1,"n":null,"set_error":"n: a number is needed"}`, `{"b":2,"n":2}`},
			Counts{Failures: 1, LastFailure: "a number is needed"},
		},
		{"set overwrites message", []Step{set("message", `upper(record.message)`)}, "abc\n", []string{`{"message":"ABC"}`}, Counts{}},
		{"remove", []Step{json(""), is(NewRemove([]string{"a", "zz"}))}, `{"a":1,"b":2}`, []string{`{"b":2}`}, Counts{}},
		{"rename", []Step{json(""), is(NewRename([]Renaming{{"a", "c"}, {"zz", "b"}}))}, `{"c":0,"a":1,"b":2}`, []string{`{"c":1,"b":2}`}, Counts{}},
		{"keep_fields", []Step{json(""), is(NewKeepFields([]string{"b"}))}, "{\"a\":1,\"b\":2}\nbad", []string{`{"b":2}`, `{"message":"bad","parse_error":"json"}`}, Counts{ParseErrors: 1}},
		{"flatten", []Step{json(""), is(NewFlatten(FlattenOptions{}))}, `{"a":{"b":{"c":1},"d":[1,{"e":2}]},"x":{},"a.d":7}`, []string{`{"a.b.c":1,"a.d":[1,{"e":2}],"x":{}}`}, Counts{}},
		{"flatten lists", []Step{json(""), is(NewFlatten(FlattenOptions{Separator: "_", Lists: true, Fields: []string{"a"}}))}, `{"a":[1,{"e":2}],"b":[1]}`, []string{`{"a_0":1,"a_1_e":2,"b":[1]}`}, Counts{}},

		{
			"redact a pattern",
			[]Step{json(""), redact(RedactOptions{Fields: []string{"q"}, Pattern: `token=([^&]{2})[^&]*`, With: "token=$1***"})},
			`{"q":"a=1&token=secret&token=other","p":"token=kept"}`,
			[]string{`{"q":"a=1&token=se***&token=ot***","p":"token=kept"}`},
			Counts{Redacted: 2},
		},
		{
			"redact nested",
			[]Step{json(""), redact(RedactOptions{Builtin: []string{"email"}})},
			`{"u":{"m":["x@example.com",{"e":"\u0061b@c.org"}],"n":1.50}}`,
			[]string{`{"u":{"m":["[email]",{"e":"[email]"}],"n":1.50}}`},
			Counts{Redacted: 2},
		},
		{
			"redact built-in",
			[]Step{json(""), redact(RedactOptions{Builtin: []string{"card", "ipv4", "ipv6", "jwt", "aws_key"}})},
			`{"a":"4111 1111 1111 1111 and 4111111111111112","n":5500005555555559,"ip":"from 10.1.2.3 at 12:30:01","v6":"client:2001:db8:1:2::3: x ::ffff:10.1.2.3","j":"Bearer eyJhbGci.eyJzdWIi.c2ln","k":"AKIAIOSFODNN7EXAMPLE","s":"aws_secret_access_key=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}`,
			[]string{`{"a":"[card] and 4111111111111112","n":"[card]","ip":"from 10.1.2.0 at 12:30:01","v6":"client:2001:db8:1::: x ::ffff:10.1.2.0","j":"Bearer [jwt]","k":"[aws_key]","s":"[aws_key]"}`},
			Counts{Redacted: 8}, // the address in the IPv6 address is shortened once
		},
		{"redact with", []Step{redact(RedactOptions{Builtin: []string{"card"}, With: "****"})}, "4111111111111111\n", []string{`{"message":"****"}`}, Counts{Redacted: 1}},
		{
			"redact what was not parsed",
			[]Step{json("keep"), redact(RedactOptions{Fields: []string{"q"}, Pattern: "secret", With: "x"})},
			"{\"q\":\"secret\",\"z\":\"secret\"}\nsecret {\n",
			[]string{`{"q":"x","z":"secret"}`, `{"message":"x {","parse_error":"json"}`},
			Counts{ParseErrors: 1, Redacted: 2},
		},
		{"redact dead letters", []Step{json("dead_letter"), filter(`false`), redact(RedactOptions{Fields: []string{"q"}, Pattern: "secret", With: "x"})}, "secret {\n", []string{`!parse_error: x {`}, Counts{ParseErrors: 1, Refused: 1, Redacted: 1}},

		{"sample none", []Step{is(NewSample(SampleOptions{Share: 0}))}, "a\nb\n", []string{}, Counts{Sampled: 2}},
		{"sample all", []Step{is(NewSample(SampleOptions{Share: 1, Key: program(t, `record.message`)}))}, "a\n", []string{`{"message":"a"}`}, Counts{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := pipelineOf(t, jsonOut, tc.steps...)
			if diff := cmp.Diff(tc.want, run(p, batchOf(tc.in))); diff != "" {
				t.Errorf("sent (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.count, p.Counts()); diff != "" {
				t.Errorf("counts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStepsCanBeObserved(t *testing.T) {
	var seen []string
	p, err := New([]Step{
		parseStepOf(t, "json", "dead_letter"),
		must(t)(NewSet([]Assignment{{"b", program(t, `record.a + 1`)}})),
		must(t)(NewFilter(FilterOptions{Drop: program(t, `record.b == 3`)})),
		must(t)(NewRedact(RedactOptions{Pattern: "bad", With: "***"})),
	}, []*Encoder{encoder(t, jsonOut)}, Options{Observe: func(*tailer.Batch) Observer {
		return func(i, step int, r *record.Record, fate Fate) {
			n := 0
			seen = append(seen, fmt.Sprintf("%d.%d %s %d", i, step, r.AppendJSON(nil, &n), fate))
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	run(p, batchOf("{\"a\":1}\n{\"a\":2}\nbad\n"))
	want := []string{
		`0.0 {"a":1} 0`, `0.1 {"a":1,"b":2} 0`, `0.2 {"a":1,"b":2} 0`, `0.3 {"a":1,"b":2} 0`, `0.4 {"a":1,"b":2} 0`,
		`1.0 {"a":2} 0`, `1.1 {"a":2,"b":3} 0`, `1.2 {"a":2,"b":3} 1`, `1.4 {"a":2,"b":3} 1`,
		`2.0 {"message":"bad"} 2`, `2.4 {"message":"***"} 2`,
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRawLinesCanBeRedacted(t *testing.T) {
	p := pipelineOf(t, EncoderOptions{Delimiter: "\n"}, must(t)(NewRedact(RedactOptions{Builtin: []string{"ipv4"}})))
	if got := run(p, batchOf("from 10.1.2.3\nfine\nlast 10.1.2.4")); fmt.Sprint(got) != "[from 10.1.2.0\n fine\n last 10.1.2.0\n]" {
		t.Errorf("%q", got)
	}
}

func TestRedactionReachesOversizeRecords(t *testing.T) {
	p := pipelineOf(t, jsonOut, parseStepOf(t, "json", ""), must(t)(NewRedact(RedactOptions{Pattern: "secret", With: "x"})))
	b := batchOf("a secret\n")
	b.Records[0].Flags = tailer.Oversize
	if got := run(p, b); len(got) != 1 || got[0] != "!oversize: a x" {
		t.Error(got)
	}
}

func TestContainerFieldsStayBehindWhatWasParsed(t *testing.T) {
	b := batchOf("{\"time\":\"mine\",\"a\":1}\n")
	b.Meta = []tailer.Meta{{Stream: "stdout", Time: []byte("2026")}}
	if got := run(pipelineOf(t, jsonOut, parseStepOf(t, "json", "")), b); got[0] != `{"time":"mine","a":1,"stream":"stdout"}` {
		t.Error(got)
	}
}

func TestSampleByKeyIsConsistent(t *testing.T) {
	step := func() *Pipeline {
		return pipelineOf(t, jsonOut, must(t)(NewSample(SampleOptions{Share: 0.25, Key: program(t, `record.message`)})))
	}
	var in strings.Builder
	for i := range 4000 {
		fmt.Fprintf(&in, "user-%d\n", i)
	}
	first, second := run(step(), batchOf(in.String())), run(step(), batchOf(in.String()))
	if diff := cmp.Diff(first, second); diff != "" {
		t.Error("two pipelines chose differently")
	}
	if n := len(first); n < 900 || n > 1100 {
		t.Errorf("%d of 4000 kept, want about 1000", n)
	}
}

func TestLimitPerKey(t *testing.T) {
	now := time.Now()
	step := must(t)(NewLimit(LimitOptions{Rate: 2, Key: program(t, `substr(record.message, 0, 1)`), MaxKeys: 2}))
	p, err := New([]Step{step}, []*Encoder{encoder(t, EncoderOptions{})}, Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []struct {
		after time.Duration
		in    string
		want  []string
	}{
		{0, "a1\na2\na3\nb1\n", []string{"a1", "a2", "b1"}},
		{500 * time.Millisecond, "a4\na5\n", []string{"a4"}},
		{10 * time.Second, "a6\na7\na8\n", []string{"a6", "a7"}},
		{0, "c1\nb2\n", []string{"c1", "b2"}}, // b was forgotten for c, a for b
		{0, "a9\n", []string{"a9"}},
	} {
		now = now.Add(s.after)
		if diff := cmp.Diff(s.want, run(p, batchOf(s.in))); diff != "" {
			t.Errorf("%q (-want +got):\n%s", s.in, diff)
		}
	}
	if c := p.Counts(); c.Limited != 3 || c.Dropped() != 3 {
		t.Errorf("%+v", c)
	}
}

func TestTemplateAndPartitionKey(t *testing.T) {
	o := EncoderOptions{Format: "template", Template: program(t, `"${record.a} ${record.b}"`), Delimiter: "\n", PartitionKey: program(t, `record.a`)}
	p := pipelineOf(t, o, parseStepOf(t, "json", ""))
	var out Payloads
	p.Process(batchOf("{\"a\":1,\"b\":\"x\"}\n{\"a\":\"k\"}\n"), []*Payloads{&out})
	if i := out.Items[0]; string(i.Data) != "1 x\n" || string(i.Key) != "1" || i.Refusal != nil {
		t.Errorf("%q %q", i.Data, i.Key)
	}
	if i := out.Items[1]; i.Refusal == nil || i.Refusal.Reason != "template_null" || string(i.Data) != `{"a":"k"}`+"\n" {
		t.Errorf("%+v %q", i.Refusal, i.Data)
	}
}

func TestCompression(t *testing.T) {
	for name, open := range map[string]func(io.Reader) (io.Reader, error){
		"gzip": func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		"zstd": func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r) },
	} {
		var out Payloads
		encoder(t, EncoderOptions{Compression: name, Delimiter: "\n"}).Encode(batchOf("one\ntwo\n"), &out)
		for i, want := range []string{"one\n", "two\n"} {
			r, err := open(bytes.NewReader(out.Items[i].Data))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(r); err != nil || string(got) != want {
				t.Errorf("%s: %q %v", name, got, err)
			}
		}
	}
}

func TestTwoDestinationsGetTheirOwn(t *testing.T) {
	a, b := encoder(t, jsonOut), encoder(t, EncoderOptions{Format: "template", Template: program(t, `"${record.n}"`)})
	p, err := New([]Step{parseStepOf(t, "json", "")}, []*Encoder{a, b}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var x, y Payloads
	p.Process(batchOf("{\"n\":1}\n{\"n\":2}\n"), []*Payloads{&x, &y})
	if string(x.Items[1].Data) != `{"n":2}` || string(y.Items[0].Data) != "1" || string(y.Items[1].Data) != "2" {
		t.Errorf("%+v %+v", x, y)
	}
}

func TestWrongStepsAreRefused(t *testing.T) {
	p := program(t, `true`)
	for name, err := range map[string]error{
		"keep or drop":    second(NewFilter(FilterOptions{})),
		"two filters":     second(NewFilter(FilterOptions{Keep: p, Drop: p})),
		"from 0 to 1":     second(NewSample(SampleOptions{Share: 1.5})),
		"more than 0":     second(NewLimit(LimitOptions{})),
		"burst must be 1": second(NewLimit(LimitOptions{Rate: 5, Burst: 0.5})),
		"no field":        second(NewSet(nil)),
		"set twice":       second(NewSet([]Assignment{{"a", p}, {"a", p}})),
		"on_error":        second(NewParse(ParseOptions{Format: "json", OnError: "x"})),
		"use one of":      second(NewParse(ParseOptions{Format: "x"})),
		"either a":        second(NewRedact(RedactOptions{})),
		"\"email\"":       second(NewRedact(RedactOptions{Builtin: []string{"mail"}})),
		"missing closing": second(NewRedact(RedactOptions{Pattern: "("})),
		"empty string":    second(NewRedact(RedactOptions{Pattern: "a*"})),
	} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v does not say %q", err, name)
		}
	}
	if _, err := New([]Step{parseStepOf(t, "json", "")}, []*Encoder{encoder(t, EncoderOptions{})}, Options{}); err == nil {
		t.Error("raw after parse is accepted")
	}
}

func second(_ Step, err error) error { return err }

// FuzzPipeline gives any bytes to a long pipeline: nothing panics, and each record is sent, refused or counted as dropped.
func FuzzPipeline(f *testing.F) {
	f.Add([]byte("{\"a\":{\"b\":[1,\"x@y.zz\"]}}\nplain\n"))
	f.Add([]byte("a=1 b=\"4111111111111111\"\n10.1.2.3 ::1 client:1:2::3:\n"))
	is := must(f)
	p := pipelineOf(f, EncoderOptions{Format: "json", PartitionKey: program(f, `try(record.a, record.message)`)},
		parseStepOf(f, "json", "keep"),
		is(NewParse(ParseOptions{Format: "kv", Field: "message", OnError: "dead_letter", Options: parse.Options{Values: "="}})),
		is(NewFlatten(FlattenOptions{Lists: true})),
		is(NewRedact(RedactOptions{Builtin: []string{"email", "card", "ipv4", "ipv6", "jwt", "aws_key"}})),
		is(NewSet([]Assignment{{"x", program(f, `"${upper(coalesce(record.a, "none"))}!"`)}})),
		is(NewFilter(FilterOptions{Drop: program(f, `record.x == "Q!"`)})),
	)
	f.Fuzz(func(t *testing.T, in []byte) {
		b := batchOf(string(in))
		before := p.Counts()
		out := run(p, b)
		if c := p.Counts(); len(out)+int(c.Dropped()-before.Dropped()) != len(b.Records) {
			t.Fatalf("%d records, %d sent or refused, %d dropped", len(b.Records), len(out), c.Dropped()-before.Dropped())
		}
	})
}

func combinedToJSON(t testing.TB) *Pipeline {
	return pipelineOf(t, jsonOut, parseStepOf(t, "combined", ""))
}

func jsonFilterJSON(t testing.TB) *Pipeline {
	return pipelineOf(t, jsonOut, parseStepOf(t, "json", ""), must(t)(NewFilter(FilterOptions{Keep: program(t, `record.status < 400 && startswith(record.path, "/api")`)})))
}

func substring(t testing.TB) *Pipeline {
	return pipelineOf(t, EncoderOptions{}, must(t)(NewFilter(FilterOptions{Drop: program(t, `strcontains(record.message, "DEBUG")`)})))
}

func regexToJSON(t testing.TB) *Pipeline {
	return patternToJSON(t, "regex", `^(?P<client>\S+) (?P<ident>\S+) (?P<user>\S+) \[(?P<time>[^\]]+)\] "(?P<request>[^"]*)" (?P<status>\d+) (?P<bytes>\d+) "(?P<referer>[^"]*)" "(?P<agent>[^"]*)"$`)
}

func patternToJSON(t testing.TB, format, pattern string) *Pipeline {
	return pipelineOf(t, jsonOut, must(t)(NewParse(ParseOptions{Format: format, Options: parse.Options{Pattern: pattern}})))
}

func csvToJSON(t testing.TB) *Pipeline {
	return pipelineOf(t, jsonOut, must(t)(NewParse(ParseOptions{Format: "csv", Options: parse.Options{
		Columns: []string{"client", "user", "time", "method", "path", "status", "bytes"},
	}})))
}

// lazyPattern is how many people write them, and has something optional.
const lazyPattern = `^(?P<client>.*?) (?P<ident>.*?) (?P<user>.*?) \[(?P<time>.*?)\] "(?P<method>.*?)(?: (?P<path>.*?)(?: HTTP/(?P<version>.*?))?)?" (?P<status>.*?) (?P<bytes>.*?)(?: "(?P<referer>.*?)" "(?P<agent>.*?)")?$`

const logfmtLine = `ts=2026-10-10T13:55:36Z level=info caller=main.go:12 msg="request done, all \"well\"" method=GET path=/api/v1/products/12345 status=200 bytes=23261 client=203.0.113.195 duration=12.5ms ok=true` + "\n"

const csvLine = `203.0.113.195,frank,2026-10-10T13:55:36Z,GET,"/api/v1/products,""12345""",200,23261` + "\n"

const jsonLine = `{"client":"203.0.113.195","user":"frank","timestamp":"2026-10-10T13:55:36Z","method":"GET","path":"/api/v1/products/12345","query":"ref=homepage","protocol":"HTTP/1.1","status":200,"bytes":23261,"agent":"Mozilla/5.0 (X11; Linux x86_64) Gecko","ok":true}` + "\n"

func TestProcessAllocatesNothing(t *testing.T) {
	for name, tc := range map[string]struct {
		p    *Pipeline
		line string
	}{
		"combined":  {combinedToJSON(t), accessLine},
		"json":      {jsonFilterJSON(t), jsonLine},
		"logfmt":    {pipelineOf(t, jsonOut, parseStepOf(t, "logfmt", "")), logfmtLine},
		"csv":       {csvToJSON(t), csvLine},
		"regex":     {regexToJSON(t), accessLine},
		"lazy":      {patternToJSON(t, "regex", lazyPattern), accessLine},
		"grok":      {patternToJSON(t, "grok", "%{COMBINEDAPACHELOG}"), accessLine},
		"substring": {substring(t), accessLine},
	} {
		b := batchOf(strings.Repeat(tc.line, 100))
		var out Payloads
		outs := []*Payloads{&out}
		tc.p.Process(b, outs)
		tc.p.Process(b, outs)
		if n := testing.AllocsPerRun(20, func() { tc.p.Process(b, outs) }); n != 0 || len(out.Items) != 100 {
			t.Errorf("%s: %v allocations for 100 records, %d sent", name, n, len(out.Items))
		}
	}
}

// cpuTime is what the process has used of the processor, which says more than the clock where others use it too.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkPipeline's MB/cpu-s are megabytes of input per second of processor time.
func BenchmarkPipeline(b *testing.B) {
	for _, bc := range []struct {
		name string
		p    *Pipeline
		line string
	}{
		{"combined-json", combinedToJSON(b), accessLine},
		{"json-filter-json", jsonFilterJSON(b), jsonLine},
		{"logfmt-json", pipelineOf(b, jsonOut, parseStepOf(b, "logfmt", "")), logfmtLine},
		{"csv-json", csvToJSON(b), csvLine},
		{"regex-json", regexToJSON(b), accessLine},
		{"regex-lazy-json", patternToJSON(b, "regex", lazyPattern), accessLine},
		{"grok-json", patternToJSON(b, "grok", "%{COMBINEDAPACHELOG}"), accessLine},
		{"substring", substring(b), accessLine},
	} {
		b.Run(bc.name, func(b *testing.B) {
			batch := batchOf(strings.Repeat(bc.line, 1000))
			var out Payloads
			outs := []*Payloads{&out}
			b.SetBytes(int64(len(batch.Data)))
			b.ReportAllocs()
			bytes, began := 0, cpuTime()
			for b.Loop() {
				bc.p.Process(batch, outs)
				bytes += len(batch.Data)
			}
			b.ReportMetric(float64(bytes)/1e6/(cpuTime()-began).Seconds(), "MB/cpu-s")
		})
	}
}
