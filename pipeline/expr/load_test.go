package expr

import (
	"flag"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/json"
	"go.uber.org/goleak"

	"github.com/kinetail/kinetail/pipeline/record"
)

// TestMain makes the drawn expressions the same in every run; -rapid.seed and -rapid.checks draw others.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{"rapid.seed": "7", "rapid.checks": "1500", "rapid.nofailfile": "true"} {
		_ = flag.Set(name, value)
	}
	flag.Parse()
	goleak.VerifyTestMain(m)
}

func TestRefusedAtLoad(t *testing.T) {
	for _, tc := range []struct{ src, subject, say string }{
		{`record.a-b`, `.a-b`, `write record["a-b"]`},
		{`record.x.a-b`, `.a-b`, `write record.x["a-b"]`},
		{`status >= 400`, `status`, `record.status`},
		{`recrod.status`, `recrod`, `Did you mean "record"?`},
		{`file.nam`, `.nam`, `Did you mean "name"?`},
		{`file`, `file`, `file.dir, file.name, file.path`},
		{`gce.instance_id`, `gce`, `nothing named "gce"`},
		{`startwith(record.a, "x")`, `startwith`, `Did you mean "startswith"?`},
		{`lower(record.a, "x")`, `"x"`, `takes only 1`},
		{`replace(record.a)`, `)`, `needs 3`},
		{`startswith(record.a)`, `)`, `"prefix" is missing`},
		{`regex("(", record.a)`, `"("`, `missing closing )`},
		{`replace(record.a, "/(/", "")`, `"/(/"`, `missing closing )`},
		{`cidrcontains("10.0.0.0", record.a)`, `"10.0.0.0"`, `no address range`},
		{`record.a > "abc"`, `"abc"`, `A number is needed`},
		{`record.a && 5`, `5`, `True or false is needed`},
		{`record.a ? 1 : true`, `record.a ? 1 : true`, `one type`},
		{`record.items[*].id`, `record.items[*].id`, `name the element`},
		{`[for x in record.items : x]`, `[for x in record.items : x]`, `constants only`},
		{`local.nothing`, `.nothing`, `nothing`},
		{`1 + "x" + record.a`, `"x"`, `a number is required`},
		{`contains("x", record.a)`, `"x"`, `strcontains`},
		{`lower(null) == record.a`, `null`, `must not be null`},
		{`"a${[record.a]}"`, `[record.a]`, `tojson`},
	} {
		_, diags := tryCompile(tc.src)
		if !diags.HasErrors() {
			t.Errorf("%s is accepted", tc.src)
			continue
		}
		d := diags.Errs()[0].(*hcl.Diagnostic)
		if !strings.Contains(d.Detail, tc.say) {
			t.Errorf("%s: %q does not say %q", tc.src, d.Detail, tc.say)
		}
		if got := string(d.Subject.SliceBytes([]byte(tc.src))); got != tc.subject {
			t.Errorf("%s: points to %q, want %q", tc.src, got, tc.subject)
		}
	}
}

func TestFailuresAreCountedAndNull(t *testing.T) {
	for _, src := range []string{
		`record.client + 1`, `record.path > 5`, `record.bytes / (record.status - 404)`, `record.client && true`, `!record.nested`,
		`"a${record.nested}"`, `regex(record.bad, "x")`, `jsondecode(record.path)`, `record.nested == record.nested`, `cidrcontains("10.0.0.0/8", record.path)`,
		`timeadd(record.path, "1h")`, `base64decode(record.path)`, `tonumber(record.path)`, `try(record.missing)`,
	} {
		env := testEnv()
		env.Record.Add("bad", record.Of("("))
		if got := show(compile(t, src).Eval(env)); got != "null" || env.Failures != 1 || env.LastFailure == "" {
			t.Errorf("%s = %s, %d failures, %q", src, got, env.Failures, env.LastFailure)
		}
		if d := compile(t, src).Decide(env); d != Undecided {
			t.Errorf("%s decides %d", src, d)
		}
	}
}

func TestJSONSyntax(t *testing.T) {
	for _, tc := range []struct{ src, want string }{
		{`{"x": "${record.status >= 400}"}`, `true`},
		{`{"x": "${record.client}-a"}`, `"10.1.2.3-a"`},
		{`{"x": 5}`, `5`},
		{`{"x": ["${record.method}", true]}`, `["GET",true]`},
		{`{"x": {"k": "${record.method}"}}`, `{"k":"GET"}`},
		{`{"x": "plain"}`, `"plain"`},
	} {
		f, diags := json.Parse([]byte(tc.src), "x.hcl.json")
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		attrs, diags := f.Body.JustAttributes()
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		p, diags := Compile(attrs["x"].Expr, testScope)
		if diags.HasErrors() {
			t.Errorf("%s: %s", tc.src, diags.Error())
			continue
		}
		if got := show(p.Eval(testEnv())); got != tc.want {
			t.Errorf("%s = %s, want %s", tc.src, got, tc.want)
		}
	}
}

func TestConstantsAndFields(t *testing.T) {
	if v, ok := compile(t, `upper(local.env)`).Constant(); !ok || v.Str() != "DEV" {
		t.Error("constant not folded")
	}
	if name, ok := compile(t, `record["a-b"]`).Field(); !ok || name != "a-b" {
		t.Error("field not known")
	}
	if _, ok := compile(t, `record.a.b`).Field(); ok {
		t.Error("a part of a field is no field")
	}
}

func TestNoAllocations(t *testing.T) {
	for _, src := range []string{
		`record.status >= 400 && startswith(record.path, "/api")`,
		`record.method == "GET" || record.bytes > 10 * record.status`,
		`"${record.client}-${record.status}-${file.name}"`,
		`record.nested.a.b[1]`,
		`lower(record.method) == "get" ? record.client : record.path`,
		`contains(["POST", "GET"], record.method)`,
		`can(regex("^10\\.", record.client))`,
		`coalesce(record.missing, record.client)`,
		`cidrcontains("10.0.0.0/8", record.client)`,
		`md5(record.client)`,
	} {
		p, env := compile(t, src), testEnv()
		p.Eval(env)
		if n := testing.AllocsPerRun(100, func() { env.Reset(); p.Eval(env); p.Decide(env) }); n != 0 {
			t.Errorf("%s: %v allocations", src, n)
		}
	}
}

func TestKubernetesFromThePath(t *testing.T) {
	for _, tc := range []struct{ path, want string }{
		{"/var/log/pods/shop_web-7d9_0a1b-2c/nginx/3.log", `["shop","web-7d9","nginx","0a1b-2c","3",null]`},
		{"/var/log/pods/shop_web-7d9_0a1b-2c/nginx/3.log.20260102-030405.gz", `["shop","web-7d9","nginx","0a1b-2c","3",null]`},
		{"/var/log/containers/web-7d9_shop_nginx-side-car-0123abcd.log", `["shop","web-7d9","nginx-side-car",null,null,"0123abcd"]`},
		{"/var/log/nginx/access.log", `[null,null,null,null,null,null]`},
		{"/var/log/containers/x.log", `[null,null,null,null,null,null]`},
		{"", `[null,null,null,null,null,null]`},
	} {
		env := testEnv()
		env.Path = tc.path
		if got := show(compile(t, `[k8s.namespace, k8s.pod, k8s.container, k8s.uid, k8s.restart, k8s.container_id]`).Eval(env)); got != tc.want {
			t.Errorf("%s: %s", tc.path, got)
		}
	}
}

// fakePods counts how often it is asked.
type fakePods struct {
	asked   int
	version uint64
	labels  string
}

func (f *fakePods) Version() uint64 { return f.version }

func (f *fakePods) Pod(namespace, name, uid string) PodMeta {
	f.asked++
	return PodMeta{Labels: record.OfJSON(f.labels), Annotations: record.Of(namespace + "/" + name + "/" + uid)}
}

func TestPodMetadata(t *testing.T) {
	e, _ := hclsyntax.ParseExpression([]byte(`[k8s.labels.app, k8s.labels["app.kubernetes.io/name"], k8s.annotations]`), "t.hcl", hcl.InitialPos)
	pods := &fakePods{labels: `{"app":"web","app.kubernetes.io/name":"shop"}`, version: 1}
	p, diags := Compile(e, &Scope{Pods: pods})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	env := testEnv()
	for _, tc := range []struct {
		path, labels string
		version      uint64
		want         string
		asked        int
	}{
		{"/var/log/pods/shop_web_uid/nginx/0.log", pods.labels, 1, `["web","shop","shop/web/uid"]`, 1},
		{"/var/log/pods/shop_web_uid/nginx/0.log", `{}`, 1, `["web","shop","shop/web/uid"]`, 1},
		{"/var/log/pods/shop_web_uid/nginx/0.log", `{"app":"new"}`, 2, `["new",null,"shop/web/uid"]`, 2},
		{"/var/log/containers/web_shop_nginx-0123.log", `{}`, 2, `[null,null,"shop/web/"]`, 3},
		{"/var/log/syslog", `{}`, 2, `[null,null,null]`, 3},
	} {
		env.Path, pods.labels, pods.version = tc.path, tc.labels, tc.version
		if got := show(p.Eval(env)); got != tc.want || pods.asked != tc.asked {
			t.Errorf("%s: %s, asked %d times", tc.path, got, pods.asked)
		}
	}
	p, diags = Compile(e, nil)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if got := show(p.Eval(env)); got != `[null,null,null]` {
		t.Errorf("without an API server: %s", got)
	}
}

func TestMoreRoots(t *testing.T) {
	e, _ := hclsyntax.ParseExpression([]byte(`"${ec2.zone}/${ec2.tags["Name"]}"`), "t.hcl", hcl.InitialPos)
	zone := record.Value{}
	p, diags := Compile(e, &Scope{Roots: map[string]map[string]func() record.Value{"ec2": {
		"zone": func() record.Value { return zone },
		"tags": func() record.Value { return record.OfJSON(`{"Name":"web"}`) },
	}}})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if got := show(p.Eval(testEnv())); got != "null" {
		t.Error(got)
	}
	zone = record.Of("eu-west-1a")
	if got := show(p.Eval(testEnv())); got != `"eu-west-1a/web"` {
		t.Error(got)
	}
}
