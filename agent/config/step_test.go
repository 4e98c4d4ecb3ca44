package config

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kinetail/kinetail/pipeline"
	formats "github.com/kinetail/kinetail/pipeline/parse"
	"github.com/kinetail/kinetail/tailer"
)

// process runs lines through the first flow of a configuration and returns what its first destination gets.
func process(t *testing.T, cfg *Config, lines ...string) []string {
	t.Helper()
	f := cfg.Flows[0]
	now := func() time.Time { return time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC) }
	steps, err := f.NewSteps(now)
	if err != nil {
		t.Fatal(err)
	}
	encoder, err := cfg.NewEncoder(f.Emits[0], "h")
	if err != nil {
		t.Fatal(err)
	}
	p, err := pipeline.New(steps, []*pipeline.Encoder{encoder}, pipeline.Options{Host: "h", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	b := &tailer.Batch{Source: &tailer.Source{Path: "/x"}}
	for _, l := range lines {
		b.Records = append(b.Records, tailer.Record{Off: uint32(len(b.Data)), Len: uint32(len(l))})
		b.Data = append(b.Data, l...)
	}
	var out pipeline.Payloads
	p.Process(b, []*pipeline.Payloads{&out})
	var got []string
	for _, item := range out.Items {
		text := strings.TrimSuffix(string(item.Data), "\n")
		if item.Refusal != nil {
			text = "refused: " + item.Refusal.Reason
		}
		got = append(got, text)
	}
	return got
}

func withSteps(steps, emit string) string {
	return "locals {\n words = [\"a\", \"b\"]\n more = { x = 1, y = \"z\" }\n}\nflow \"x\" {\n tail {\n paths = [\"/x\"]\n}\n" + steps + "\nemit \"stdout\" {\n" + emit + "\n}\n}\n"
}

func TestSteps(t *testing.T) {
	for _, c := range []struct {
		name, steps, emit string
		lines, want       []string
	}{
		{"in the order written", "set {\n n = 1\n}\nfilter { keep = record.n == 1 }\nset {\n n = record.n + 1\n}\nfilter { keep = record.n == 2 }", "", []string{"l"}, []string{`{"message":"l","n":2}`}},
		{"filter leaves the line as it is", `filter { drop = strcontains(record.message, "DEBUG") }`, "", []string{"a DEBUG", "b"}, []string{"b"}},
		{"parse json", `parse "json" {}`, "", []string{`{"a":1.50}`, "x"}, []string{`{"a":1.50}`, `{"message":"x","parse_error":"json"}`}},
		{"parse json into", `parse "json" { into = "data" }`, "", []string{`{"a":1}`}, []string{`{"data":{"a":1}}`}},
		{"parse a field", "set {\n raw = record.message\n}\nremove { fields = [\"message\"] }\nparse \"json\" { field = \"raw\" }", "", []string{`{"a":1}`}, []string{`{"a":1}`}},
		{"on_error drop", `parse "json" { on_error = "drop" }`, "", []string{"x"}, nil},
		{"on_error dead_letter", `parse "json" { on_error = "dead_letter" }`, "", []string{"x"}, []string{"refused: parse_error"}},
		{"csv", "parse \"csv\" {\n columns = [\"n\", \"\", \"s\"]\n delimiter = \";\"\n strings = true\n}", "", []string{`1;x;"a;b"`}, []string{`{"n":"1","s":"a;b"}`}},
		{"regex in a heredoc", "parse \"regex\" {\n pattern = <<EOT\n^(?P<n>\\d+) (?P<w>\\w+)$\nEOT\n}", "", []string{"1 a"}, []string{`{"n":1,"w":"a"}`}},
		{"grok with patterns of one's own", "parse \"grok\" {\n pattern = \"%%{ID:id} %%{GREEDYDATA:rest}\"\n patterns = { ID = \"[A-Z]-[0-9]+\" }\n}", "", []string{"A-7 z"}, []string{`{"id":"A-7","rest":"z"}`}},
		{"kv", "parse \"kv\" {\n pair_separator = \"|\"\n value_separator = \":\"\n}", "", []string{"a:1|b:x"}, []string{`{"a":1,"b":"x"}`}},
		{"a time and its zone", "parse \"json\" {\n timestamp_field = \"t\"\n timestamp_format = \"2006-01-02 15:04\"\n timezone = \"Europe/Berlin\"\n}", "", []string{`{"t":"2026-07-01 12:00"}`}, []string{`{"timestamp":"2026-07-01T12:00:00+02:00"}`}},
		{"a time without a year", `parse "syslog" { timezone = "UTC" }`, "template = record.timestamp", []string{"<13>Nov 21 10:00:00 h app: x"}, []string{"2026-11-21T10:00:00Z"}},
		{"names", "parse \"common\" { names = \"kinesis-agent\" }", "template = record.host", []string{`192.0.2.1 - - [22/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 5`}, []string{"192.0.2.1"}},
		{"set, with names that are no identifiers", "set {\n b = \"x\"\n fields = { \"@a\" = record.b, \"c-d\" = file.path }\n e = record[\"c-d\"]\n}\nremove { fields = [\"message\"] }", "", []string{"l"}, []string{`{"b":"x","@a":"x","c-d":"/x","e":"/x"}`}},
		{"set from a local", "set { fields = local.more }\nkeep_fields { fields = [\"x\", \"y\"] }", "", []string{"l"}, []string{`{"x":1,"y":"z"}`}},
		{"set a list and an object", "set {\n l = [1, record.message]\n o = { a = record.message }\n}\nremove { fields = [\"message\"] }", "", []string{"m"}, []string{`{"l":[1,"m"],"o":{"a":"m"}}`}},
		{"rename", "rename {\n message = \"text\"\n fields = { \"text\" = \"@text\" }\n}", "", []string{"l"}, []string{`{"@text":"l"}`}},
		{"redact with a pattern", "redact {\n pattern = \"pw=\\\\S+\"\n with = \"pw=***\"\n}", "", []string{"a pw=1 b"}, []string{"a pw=*** b"}},
		{"redact with a group", "redact {\n pattern = \"(?P<k>pw)=\\\\S+\"\n with = \"$${k}=?\"\n}", "", []string{"pw=1"}, []string{"pw=?"}},
		{"redact leaves the rest of the line as it is", `redact { builtin = ["email", "ipv4"] }`, "", []string{"a@b.example 192.0.2.77"}, []string{"[email] 192.0.2.0"}},
		{"k8s from the path", "set {\n pod = k8s.pod\n}", "", []string{"l"}, []string{`{"message":"l","pod":null}`}},
		{"bytes that are no UTF-8", "", "format = \"json\"\n invalid_utf8 = \"base64\"", []string{"\xff"}, []string{`{"message_base64":"/w=="}`}},
		{"flatten", "parse \"json\" {}\nflatten {\n separator = \"_\"\n lists = true\n fields = [\"a\"]\n}", "", []string{`{"a":{"b":[1]},"c":{"d":2}}`}, []string{`{"a_b_0":1,"c":{"d":2}}`}},
		{"sample nothing", `sample { share = "0%" }`, "", []string{"l"}, nil},
		{"sample all, by key", "sample {\n share = 1\n key = record.message\n}", "", []string{"l"}, []string{"l"}},
		{"limit by key", "limit {\n rate = 1\n burst = 2\n key = record.message\n max_keys = 10\n}", "", []string{"a", "a", "a", "b"}, []string{"a", "a", "b"}},
		{"a template of several lines", "", "template = <<EOT\n${record.message}!\nEOT", []string{"l"}, []string{"l!"}},
		{"json without steps", "", `format = "json"`, []string{"l"}, []string{`{"message":"l"}`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := mustLoad(t, withSteps(c.steps, c.emit))
			if diff := cmp.Diff(c.want, process(t, cfg, c.lines...)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestStepsInJSON(t *testing.T) {
	cfg, diags := loadNamed(t, "x.hcl.json", `{"flow": {"x": {
		"tail": {"paths": ["/x"]},
		"set": {"n": 1, "fields": {"@m": "${record.message}"}, "list": ["${record.message}", 2]},
		"filter": {"keep": "${record.n == 1}"},
		"set": {"n": "${record.n + 1}"},
		"remove": {"fields": ["message"]},
		"emit": {"stdout": {}}}}}`)
	if cfg == nil {
		t.Fatalf("%s", text(t, diags))
	}
	if diff := cmp.Diff([]string{`{"n":2,"@m":"l","list":["l",2]}`}, process(t, cfg, "l")); diff != "" {
		t.Error(diff)
	}
}

// The tables here say what the pipeline's constructors say: neither knows a format, an option or a pattern that the other does not.
func TestStepTablesAgreeWithThePipeline(t *testing.T) {
	if diff := cmp.Diff(formats.Formats(), slices.Sorted(maps.Keys(parseArguments))); diff != "" {
		t.Errorf("formats:\n%s", diff)
	}
	enough := formats.Options{Columns: []string{"a"}, Pattern: "(?P<a>.)"} // what some formats can't do without
	given := map[string]func(*formats.Options){
		"into": func(o *formats.Options) { o.Into = "x" }, "strings": func(o *formats.Options) { o.Strings = true },
		"names": func(o *formats.Options) { o.Names = "kinesis-agent" }, "timezone": func(o *formats.Options) { o.Timezone = time.UTC },
		"columns": func(o *formats.Options) { o.Columns = []string{"a"} }, "delimiter": func(o *formats.Options) { o.Delimiter = ";" },
		"separator": func(o *formats.Options) { o.Separator = ";" }, "null_value": func(o *formats.Options) { o.NullValue = "-" },
		"header":  func(o *formats.Options) { o.Header = true },
		"pattern": func(o *formats.Options) { o.Pattern = "(?P<a>.)" }, "patterns": func(o *formats.Options) { o.Patterns = map[string]string{"A": "a"} },
		"pair_separator": func(o *formats.Options) { o.Pairs = "," }, "value_separator": func(o *formats.Options) { o.Values = ":" },
		"timestamp_field": func(o *formats.Options) { o.TimestampField, o.TimestampFormat = "a", "unix" },
		"timestamp_format": func(o *formats.Options) {
			o.TimestampField, o.TimestampFormat = "a", "unix"
		},
	}
	for format, takes := range parseArguments {
		for _, argument := range allParseArguments {
			var o formats.Options
			if slices.Contains(takes, "columns") && format != "regex" { // which names groups that have no names
				o.Columns = enough.Columns
			}
			if slices.Contains(takes, "pattern") {
				o.Pattern = enough.Pattern
			}
			if format == "grok" {
				o.Pattern = "%{WORD:a}"
			}
			given[argument](&o)
			if argument == "header" {
				o.Columns = nil
			}
			if format == "regex" && argument == "columns" {
				o.Pattern = "(.)"
			}
			_, err := formats.New(format, o)
			if format == "grok" && argument == "pattern" {
				err = nil // the one given above is for regex
			}
			if took := err == nil; took != slices.Contains(takes, argument) {
				t.Errorf("format %q and %s: the parser says %v", format, argument, err)
			}
		}
	}
	for _, name := range redactPatterns {
		if _, err := pipeline.NewRedact(pipeline.RedactOptions{Builtin: []string{name}}); err != nil {
			t.Error(err)
		}
	}
	_, err := pipeline.NewRedact(pipeline.RedactOptions{Builtin: []string{"?"}})
	if err == nil || !strings.HasSuffix(err.Error(), `"`+strings.Join(redactPatterns, `", "`)+`"`) {
		t.Errorf("the step knows others: %v", err)
	}
}

// A step that may make another record of a line changes the default format, and only such a one refuses format = "raw".
func TestShapingStepsAgreeWithThePipeline(t *testing.T) {
	examples := map[string]string{
		"parse": `parse "json" {}`, "filter": "filter { keep = record.a }", "set": "set { a = 1 }", "remove": `remove { fields = ["a"] }`,
		"keep_fields": `keep_fields { fields = ["a"] }`, "rename": `rename { a = "b" }`, "redact": `redact { builtin = ["jwt"] }`,
		"flatten": "flatten {}", "sample": "sample { share = 0.5 }", "limit": "limit { rate = 1 }",
	}
	for kind, k := range stepKinds {
		f := mustLoad(t, withSteps(examples[kind], "")).Flows[0]
		if got := f.Emits[0].Format; (got == "json") != k.shapes {
			t.Errorf("%s: the format is %q", kind, got)
		}
		steps, err := f.NewSteps(nil)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := pipeline.NewEncoder(pipeline.EncoderOptions{Format: "raw"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pipeline.New(steps, []*pipeline.Encoder{raw}, pipeline.Options{}); (err != nil) != k.shapes {
			t.Errorf("%s: the pipeline says %v", kind, err)
		}
	}
}

func TestDigestOfSteps(t *testing.T) {
	const base = `
locals {
  used = "a"
}
flow "x" {
  tail { paths = ["/x"] }
  parse "regex" {
    pattern = "(?P<a>.)${env("SET")}"
  }
  set {
    b = record.a == local.used
  }
  remove { fields = ["c"] }
  emit "stdout" {
    template = record.b
  }
}
`
	digest := mustLoad(t, base).Flows[0].Digest
	for _, c := range []struct {
		what, old, new string
		same           bool
	}{
		{"layout", "    b = record.a", "\n    b =    record.a", true},
		{"an argument", `["c"]`, `["d"]`, false},
		{"what an argument is computed from", `env("SET")`, `env("UNSET", "no")`, false},
		{"an expression", "record.a ==", "record.z ==", false},
		{"a local in an expression", `"a"`, `"b"`, false},
		{"the name of a field", "b = record.a", "c = record.a", false},
		{"the template", "template = record.b", "template = record.c", false},
		{"the order", "  remove { fields = [\"c\"] }\n", "", false},
		{"the format of a parser", `parse "regex"`, `parse "grok"`, false},
	} {
		t.Run(c.what, func(t *testing.T) {
			text := strings.Replace(base, c.old, c.new, 1)
			if c.what == "the format of a parser" {
				text = strings.Replace(text, "(?P<a>.)", "%%{WORD:a}", 1)
			}
			if got := mustLoad(t, text).Flows[0].Digest; (got == digest) != c.same {
				t.Errorf("digest %s, before %s", got, digest)
			}
		})
	}
}

// Numbers that JSON does not have are no reason to fail.
func TestInfiniteArguments(t *testing.T) {
	for _, steps := range []string{"limit { rate = log(0, 10) }", "limit {\n rate = 1\n burst = -log(0, 10)\n}", "sample { share = log(0, 10) }"} {
		cfg, diags := loadText(t, withSteps(steps, ""))
		if got := string(text(t, diags)); cfg != nil || strings.Contains(got, "fault of kinetail") {
			t.Errorf("%s: %s", steps, got)
		}
	}
	cfg, diags := loadText(t, strings.Replace(withSteps("set { a = local.n }", ""), "words =", "n = log(0, 10)\n words =", 1))
	if got := string(text(t, diags)); cfg != nil || !strings.Contains(got, "the number is too large") {
		t.Errorf("got %s", got)
	}
}
