package expr

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/kinetail/kinetail/pipeline/record"
)

var testScope = &Scope{Locals: map[string]cty.Value{
	"env":   cty.StringVal("dev"),
	"limit": cty.NumberIntVal(400),
	"list":  cty.TupleVal([]cty.Value{cty.StringVal("a"), cty.StringVal("b")}),
}}

func compile(t testing.TB, src string) *Program {
	t.Helper()
	p, diags := tryCompile(src)
	if diags.HasErrors() {
		t.Fatalf("%s: %s", src, diags.Error())
	}
	return p
}

func tryCompile(src string) (*Program, hcl.Diagnostics) {
	e, diags := hclsyntax.ParseExpression([]byte(src), "test.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		return nil, diags
	}
	return Compile(e, testScope)
}

func testEnv() *Env {
	r := &record.Record{}
	r.Add("client", record.Of("10.1.2.3"))
	r.Add("ident", record.Value{})
	r.Add("method", record.Of("GET"))
	r.Add("path", record.Of("/api/users"))
	r.Add("protocol", record.Of("HTTP/1.1"))
	r.Add("status", record.OfNumber("404"))
	r.Add("bytes", record.OfInt(1234))
	r.Add("a-b", record.Of("dash"))
	r.Add("text", record.Of("42"))
	r.Add("nested", record.OfJSON(`{"a": {"b": [1, "two", {"c": true}]}, "s": "q\"x"}`))
	return &Env{Record: r, Path: "/var/log/x.log", Name: "x.log", Dir: "/var/log", Host: "web1", Now: func() time.Time {
		return time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)
	}}
}

func show(v record.Value) string {
	bad := 0
	return string(record.AppendValue(nil, v, &bad))
}

func TestValues(t *testing.T) {
	for _, tc := range []struct{ src, want string }{
		{`record.status >= 400 && startswith(record.path, "/api")`, `true`},
		{`record.status < local.limit`, `false`},
		{`400 <= record.status`, `true`},
		{`record.status == 404`, `true`},
		{`record.status == "404"`, `false`},
		{`record.text + 1`, `43`},
		{`record["a-b"]`, `"dash"`},
		{`record.nested.a.b[1]`, `"two"`},
		{`record.nested.a.b[2].c`, `true`},
		{`record.nested.s`, `"q\"x"`},
		{`record.nested.a.b[7]`, `null`},
		{`record.missing`, `null`},
		{`record.missing.deeper.still`, `null`},
		{`record.missing == null`, `true`},
		{`record.missing != "x"`, `true`},
		{`record.missing > 4`, `null`},
		{`record.missing > 4 && false`, `false`},
		{`record.missing > 4 || record.status == 404`, `true`},
		{`!(record.missing > 4)`, `null`},
		{`record.missing + 1`, `null`},
		{`"${record.client}-${record.status}"`, `"10.1.2.3-404"`},
		{`"${record.client}-${record.missing}"`, `null`},
		{`"${record.client}"`, `"10.1.2.3"`},
		{"\"a ${~ record.method ~} b\"", `"aGETb"`},
		{`"%{ if record.status > 400 }bad%{ else }good%{ endif }"`, `"bad"`},
		{`record.status > 400 ? "err" : "ok"`, `"err"`},
		{`record.status > 400 ? record.bytes : "none"`, `"1234"`},
		{`try(record.missing, "d")`, `"d"`},
		{`try(record.nested.zip.zap, record.method)`, `"GET"`},
		{`can(record.missing)`, `false`},
		{`can(record.client)`, `true`},
		{`can(regex("^10\\.", record.client))`, `true`},
		{`can(regex("^11\\.", record.client))`, `false`},
		{`regex("^11\\.", record.client)`, `null`},
		{`regex("(\\d+)\\.(\\d+)", record.client)[1]`, `"1"`},
		{`regex("(?P<first>\\d+)", record.client).first`, `"10"`},
		{`coalesce(record.missing, record.ident, record.method)`, `"GET"`},
		{`contains(["GET", "PUT"], record.method)`, `true`},
		{`contains(local.list, record.method)`, `false`},
		{`lower(record.method)`, `"get"`},
		{`replace(record.path, "/us.*/", "X")`, `"/api/X"`},
		{`replace(record.path, "api", "v1")`, `"/v1/users"`},
		{`substr(record.path, 1, 3)`, `"api"`},
		{`split("/", record.path)[1]`, `"api"`},
		{`split("/", record.path)[0]`, `""`},
		{`split("/", record.path)[2]`, `"users"`},
		{`split("/", record.path)[3]`, `null`},
		{`split("", record.method)[1]`, `"E"`},
		{`split("", record.method)[3]`, `null`},
		{`split("/", record.missing)[0]`, `null`},
		{`split("/", record.path)["1"]`, `"api"`},
		{`join(",", [record.method, record.status])`, `"GET,404"`},
		{`md5(record.method)`, `"7528035a93ee69cedb1dbddb2f0bfcc8"`},
		{`cidrcontains("10.0.0.0/8", record.client)`, `true`},
		{`file.path == "/var/log/x.log"`, `true`},
		{`"${file.dir}|${file.name}|${host.name}"`, `"/var/log|x.log|web1"`},
		{`local.env`, `"dev"`},
		{`upper(local.env)`, `"DEV"`},
		{`[for x in local.list : upper(x)]`, `["A","B"]`},
		{`{ b = record.status, a = local.env }`, `{"a":"dev","b":404}`},
		{`tojson(record.path)`, `"\"/api/users\""`},
		{`tojson({ b = "<&>", a = 1 })`, `"{\"a\":1,\"b\":\"<&>\"}"`},
		{`tojson(record.missing)`, `"null"`},
		{`tojson(record.nested)`, `"{\"a\": {\"b\": [1, \"two\", {\"c\": true}]}, \"s\": \"q\\\"x\"}"`},
		{`startswith(tojson(record), "{\"client\":\"10.1.2.3\",\"ident\":null,\"method\"")`, `true`},
		{`now.rfc3339`, `"2026-01-02T03:04:05.006Z"`},
		{`now.unix_ms`, `1767323045006`},
		{`jsonencode(record.nested.a)`, `"{\"b\":[1,\"two\",{\"c\":true}]}"`},
		{`record[record.missing == null ? "method" : "x"]`, `"GET"`},
		{`tonumber(record.text) * 2`, `84`},
		{`length(record.nested.a.b)`, `3`},
		{`formatdate("YYYY", "2026-01-02T03:04:05Z")`, `"2026"`},
		{`lookup(record.nested, "s", "none")`, `"q\"x"`},
	} {
		env := testEnv()
		p := compile(t, tc.src)
		if got := show(p.Eval(env)); got != tc.want {
			t.Errorf("%s = %s, want %s (%s)", tc.src, got, tc.want, env.LastFailure)
		}
		if env.Failures != 0 {
			t.Errorf("%s: %d failures counted: %s", tc.src, env.Failures, env.LastFailure)
		}
	}
}

func BenchmarkFilter(b *testing.B) {
	p := compile(b, `record.status >= 400 && startswith(record.path, "/api")`)
	for name, status := range map[string]record.Value{"number": record.OfInt(404), "text": record.OfNumber("404")} {
		b.Run(name, func(b *testing.B) {
			env := testEnv()
			env.Record.Set("status", status)
			b.ReportAllocs()
			began := cpuTime()
			for b.Loop() {
				if p.Decide(env) != True {
					b.Fatal()
				}
			}
			b.ReportMetric(float64((cpuTime()-began).Nanoseconds())/float64(b.N), "cpu-ns/op")
		})
	}
}

func BenchmarkSplitPart(b *testing.B) {
	p := compile(b, `split(" ", record.line)[0]`)
	env := testEnv()
	env.Record.Set("line", record.Of(strings.Repeat("10.0.0.1 - - [22/Nov/2026] ", 10)))
	b.ReportAllocs()
	for b.Loop() {
		if s, _ := p.Text(env); s != "10.0.0.1" {
			b.Fatal(s)
		}
	}
}

// cpuTime is what the process has used of the processor.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
