package expr

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"pgregory.net/rapid"

	"github.com/kinetail/kinetail/pipeline/record"
)

// TestEqualToHCL draws expressions and records, and compares with HCL's own evaluation: whatever HCL evaluates without an error and
// what compiles here has the same value, and no failure is counted. What HCL refuses may be anything but a panic.
//
// Numbers are drawn from those that are exact in both (HCL has 512 bits, a record 64), strings from those that Unicode normalisation
// leaves alone (HCL normalises, a record keeps the bytes).
func TestEqualToHCL(t *testing.T) {
	accepted := 0
	rapid.Check(t, func(t *rapid.T) {
		if compareWithHCL(t, drawExpr(t, 3)) {
			accepted++
		}
	})
	if accepted < 10 {
		t.Errorf("only %d expressions were comparable", accepted)
	}
}

var propertyRecord = map[string]cty.Value{
	"s":     cty.StringVal("Hello/World"),
	"n":     cty.NumberIntVal(42),
	"f":     cty.NumberFloatVal(2.5),
	"neg":   cty.NumberIntVal(-3),
	"b":     cty.True,
	"num":   cty.StringVal("17"),
	"yes":   cty.StringVal("true"),
	"empty": cty.StringVal(""),
	"uni":   cty.StringVal("héé 日本 \U0001f468\u200d\U0001f469\u200d\U0001f467\r\n."),
	"ip":    cty.StringVal("10.1.2.3"),
	"null":  cty.NullVal(cty.DynamicPseudoType),
	"time":  cty.StringVal("2026-01-02T03:04:05Z"),
	"list":  cty.TupleVal([]cty.Value{cty.StringVal("a"), cty.NumberIntVal(2), cty.True}),
	"words": cty.TupleVal([]cty.Value{cty.StringVal("x"), cty.StringVal("y")}),
	"obj": cty.ObjectVal(map[string]cty.Value{
		"a": cty.NumberIntVal(1), "b": cty.ObjectVal(map[string]cty.Value{"c": cty.StringVal("deep")}), "a-b": cty.StringVal("dash"),
	}),
}

func recordFromCty(values map[string]cty.Value) *record.Record {
	r := &record.Record{}
	for name, v := range values {
		rv, err := fromCty(v)
		if err != nil {
			panic(err)
		}
		if k := rv.Kind(); k == record.List || k == record.Object { // as the json format has them
			bad := 0
			rv = record.OfJSON(string(record.AppendValue(nil, rv, &bad)))
		}
		r.Add(name, rv)
	}
	return r
}

func compareWithHCL(t interface{ Fatalf(string, ...any) }, src string) bool {
	e, diags := hclsyntax.ParseExpression([]byte(src), "p.hcl", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatalf("%s: %s", src, diags.Error())
	}
	p, diags := Compile(e, testScope)
	if diags.HasErrors() {
		return false
	}
	env := testEnv()
	env.Record = recordFromCty(propertyRecord)
	got := p.Eval(env)
	want, ok := byHCL(e)
	if !ok {
		return false
	}
	w, err := fromCty(want)
	if err != nil {
		return false
	}
	if env.deviates || strings.Contains(src, "?") && (env.failure != "" || strings.Contains(src, "missing")) && !same(env, got, w) {
		return false // in the latter case the branch not taken failed in HCL, which then takes its type from what it knows of it
	}
	if env.Failures != 0 || !same(env, got, w) {
		t.Fatalf("%s\n got %s (failures: %d %s)\nwant %s", src, show(got), env.Failures, env.LastFailure, show(w))
	}
	d := p.Decide(env)
	if w.Kind() == record.Bool && (d == True) != w.Bool() {
		t.Fatalf("%s: Decide says %d, value is %s", src, d, show(w))
	}
	return true
}

func byHCL(e hcl.Expression) (v cty.Value, ok bool) {
	defer func() {
		if recover() != nil { // HCL itself panics on some operations on null
			ok = false
		}
	}()
	ctx := &hcl.EvalContext{Functions: Functions(), Variables: map[string]cty.Value{
		"record": cty.ObjectVal(propertyRecord),
		"local":  cty.ObjectVal(testScope.Locals),
		"file":   cty.ObjectVal(map[string]cty.Value{"path": cty.StringVal("/var/log/x.log"), "name": cty.StringVal("x.log"), "dir": cty.StringVal("/var/log")}),
		"host":   cty.ObjectVal(map[string]cty.Value{"name": cty.StringVal("web1")}),
	}}
	v, diags := e.Value(ctx)
	return v, !diags.HasErrors() && v.IsWhollyKnown()
}

func same(env *Env, a, b record.Value) bool {
	a, b = a.Resolve(), b.Resolve()
	switch {
	case a.IsNumber() && b.IsNumber():
		return math.Abs(a.Float()-b.Float()) <= 1e-9*math.Max(1, math.Abs(b.Float()))
	case a.Kind() != b.Kind():
		return false
	case a.Kind() == record.List || a.Kind() == record.Object:
		if a.Len(&env.arena) != b.Len(&env.arena) {
			return false
		}
		i, ok := int64(0), true
		a.Members(&env.arena, func(name string, m record.Value) bool {
			other, found := b.Element(i, &env.arena)
			if a.Kind() == record.Object {
				other, found = b.Member(name, &env.arena)
			}
			ok = found && same(env, m, other)
			i++
			return ok
		})
		return ok
	case a.Kind() == record.String:
		return a.Str() == strings.ReplaceAll(b.Str(), "-0", "0") || a.Str() == b.Str() // HCL has a negative zero
	case a.Kind() == record.Bool:
		return a.Bool() == b.Bool()
	}
	return true
}

func pick(t *rapid.T, options ...string) string { return rapid.SampledFrom(options).Draw(t, "pick") }

// drawExpr draws an expression of at most that many levels.
func drawExpr(t *rapid.T, depth int) string {
	if depth == 0 || rapid.IntRange(0, 9).Draw(t, "leaf") == 0 {
		return drawLeaf(t)
	}
	sub := func() string { return drawExpr(t, depth-1) }
	switch rapid.IntRange(0, 9).Draw(t, "form") {
	case 0, 1:
		return fmt.Sprintf("(%s %s %s)", sub(), pick(t, "+", "-", "*", "==", "!=", "<", "<=", ">", ">=", "&&", "||"), sub())
	case 2:
		if rapid.Bool().Draw(t, "divide") { // by what leaves numbers exact
			return fmt.Sprintf(pick(t, "(%s / 4)", "(%s / -2)", "(%s %% 7)", "(100 %% (%s))"), sub())
		}
		return pick(t, "!", "-") + "(" + sub() + ")"
	case 3:
		return fmt.Sprintf("(%s ? %s : %s)", sub(), sub(), sub())
	case 4:
		return fmt.Sprintf(`"%s${%s}%s${%s}"`, pick(t, "", "a ", "x-"), sub(), pick(t, "", "/"), sub())
	case 5:
		return fmt.Sprintf(`"%%{ if %s ~} yes %%{ else } no %%{ endif }"`, sub())
	case 6:
		return fmt.Sprintf(
			pick(t, "[%s, %s][0]", "[%s, %s][1]", "{ k = %s, l = %s }.k", "[%s, %s]", "try(%s, %s)", "coalesce(%s, %s)", "can([%s, %s])"), sub(), sub())
	}
	return drawCall(t, sub)
}

func drawLeaf(t *rapid.T) string {
	switch rapid.IntRange(0, 3).Draw(t, "kind") {
	case 0:
		return pick(t, "0", "1", "7", "-2", "2.5", "true", "false", "null", `"x"`, `""`, `"12"`, `"true"`, `"o"`, "local.env", "local.limit")
	case 1:
		return strconv.Itoa(rapid.IntRange(-1000, 1000).Draw(t, "int"))
	}
	return pick(t, "record.s", "record.n", "record.f", "record.neg", "record.b", "record.num", "record.yes", "record.empty", "record.uni",
		"record.ip", "record.null", "record.list", "record.obj", "record.obj.b.c", `record.obj["a-b"]`, "record.list[1]", "record.words",
		"record.missing", "record.obj.missing", "record.list[9]", "record.s.x", "file.name", "host.name", `record["n"]`)
}

func drawCall(t *rapid.T, sub func() string) string {
	one := []string{
		"lower", "upper", "trimspace", "length", "abs", "floor", "ceil", "md5", "sha1", "sha256", "base64encode", "jsonencode",
		"tostring", "tonumber", "tobool", "keys", "values", "signum", "strrev", "title", "can", "try", "reverse", "sort", "distinct",
	}
	two := []string{"startswith", "endswith", "strcontains", "trimprefix", "trimsuffix", "trim", "split", "min", "max", "coalesce", "contains", "concat", "merge"}
	switch rapid.IntRange(0, 12).Draw(t, "call") {
	case 0, 1, 2, 3:
		return fmt.Sprintf("%s(%s)", pick(t, one...), sub())
	case 4, 5, 6:
		return fmt.Sprintf("%s(%s, %s)", pick(t, two...), sub(), sub())
	case 7:
		return fmt.Sprintf("substr(%s, %d, %d)", sub(), rapid.IntRange(-4, 12).Draw(t, "from"), rapid.IntRange(-1, 6).Draw(t, "n"))
	case 8:
		return fmt.Sprintf("replace(%s, %s, %s)", sub(), pick(t, `"l"`, `"/[a-z]+/"`, `"/(.)o/"`, `""`, `"lo"`), pick(t, `""`, `"<$1>"`, `"Z"`, "record.s"))
	case 9:
		re := pick(t, `"o"`, `"[0-9]+"`, `"(\\w)(\\d)?"`, `"(?P<x>l+)(?P<a>.)"`, `"^$"`, "record.s", `"("`)
		return fmt.Sprintf(pick(t, "regex(%s, %s)", "regexall(%s, %s)", "can(regex(%s, %s))", "length(regexall(%s, %s))"), re, sub())
	case 10:
		return fmt.Sprintf(pick(t, `lookup(record.obj, %s, "d")`, `jsondecode(jsonencode(%s))`, `join("-", [%s, "z"])`, `base64decode(base64encode(%s))`,
			`cidrcontains("10.0.0.0/8", %s)`, `contains(["x", "y", 2, true, null], %s)`, `formatdate("YYYY-MM-DD", try(%s, record.time))`, `format("%%s|%%v", "x", %s)`), sub())
	}
	if rapid.Bool().Draw(t, "split") {
		return fmt.Sprintf("split(%s, %s)[%d]", pick(t, `"l"`, `" "`, `""`, `"lo"`, "record.s", sub()), sub(), rapid.IntRange(0, 5).Draw(t, "part"))
	}
	return fmt.Sprintf("timeadd(record.time, %s)", pick(t, `"1h"`, `"-90s"`, "record.s"))
}

// FuzzCompile feeds any text as an expression: it is refused or evaluated, never a panic, and never different from HCL.
func FuzzCompile(f *testing.F) {
	for _, s := range []string{
		`record.status >= 400 && startswith(record.path, "/api")`, `"a${record.s}b"`, `record["a-b"]`, `try(record.x.y[0], "z")`,
		`[for x in record.list : x]`, `record.list[*].a`, `record.obj.b.c`, `regex("(", record.s)`, `jsondecode("{\"a\":1}").a`, `-record.n % 0`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		if len(src) > 1000 || strings.Contains(src, "range") || strings.Contains(src, "format") || strings.Contains(src, "pow") {
			return // constants may be made as large as one likes
		}
		e, diags := hclsyntax.ParseExpression([]byte(src), "p.hcl", hcl.InitialPos)
		if diags.HasErrors() {
			return
		}
		if p, diags := Compile(e, testScope); !diags.HasErrors() {
			env := testEnv()
			p.Eval(env)
			p.Decide(env)
			p.Text(env)
		}
	})
}
