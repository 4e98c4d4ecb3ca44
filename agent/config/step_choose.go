package config

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/kinetail/kinetail/pipeline"
	"github.com/kinetail/kinetail/pipeline/expr"
	"github.com/kinetail/kinetail/pipeline/record"
)

func (b *body) filter() stepMaker {
	var o pipeline.FilterOptions
	o.Keep, o.Drop = b.condition("keep"), b.condition("drop")
	switch keep, drop := b.written["keep"], b.written["drop"]; {
	case keep != nil && drop != nil:
		b.d.conflict(problem{
			summary: "keep and drop in one filter", hint: "this says what goes",
			detail: "A filter has one condition. Write two filters, one after the other.",
		}, drop.NameRange, "and this what stays", keep.NameRange)
	case keep == nil && drop == nil:
		b.need("keep", "a condition", "keep = record.status >= 400, or drop = ...")
	}
	return func(func() time.Time) (pipeline.Step, error) { return pipeline.NewFilter(o) }
}

// condition reads an expression that is true or false.
func (b *body) condition(name string) *expr.Program {
	p := b.program(name)
	b.tell(name, "condition", "")
	if p == nil {
		return nil
	}
	if v, ok := p.Constant(); ok && v.Kind() != record.Bool && v.Kind() != record.Null {
		env := expr.Env{Record: &record.Record{}}
		if p.Decide(&env); env.Failures > 0 {
			b.d.error(b.written[name].Expr.Range(), problem{
				summary: fmt.Sprintf("%s must be a condition", name), hint: "this is neither true nor false",
				detail: `For example record.status >= 400, or startswith(record.path, "/api").`,
			})
			return nil
		}
	}
	return p
}

// program reads an argument that is computed for each record, and compiles it; nil if it was not written or is wrong.
func (b *body) program(name string) *expr.Program {
	b.tell(name, "expression", "")
	a := b.attr(name)
	if a == nil {
		return nil
	}
	return b.compile(name, a.Expr)
}

// compile compiles an expression that is computed for each record, and keeps it with the step; nil if it is wrong.
func (b *body) compile(name string, e hcl.Expression) *expr.Program {
	native, ok := b.d.native(e)
	if !ok {
		return nil
	}
	p := b.d.compile(native)
	if p != nil && b.step != nil {
		b.step.Expressions = append(b.step.Expressions, Expression{name, native})
	}
	return p
}

func (b *body) sample() stepMaker {
	o := pipeline.SampleOptions{Share: math.NaN()}
	b.share("share", &o.Share)
	if !b.has("share") {
		b.need("share", "the share of records to keep", `share = "10%"`)
	}
	o.Key = b.program("key")
	return func(func() time.Time) (pipeline.Step, error) { return pipeline.NewSample(o) }
}

// share reads "10%" or 0.1.
func (b *body) share(name string, dst *float64) {
	b.tell(name, "percentage from 0% to 100%, or a number from 0 to 1", "")
	v, a := b.value(name)
	if a == nil {
		return
	}
	f := math.NaN()
	switch v.Type() {
	case cty.Number:
		f, _ = v.AsBigFloat().Float64()
	case cty.String:
		if text, ok := strings.CutSuffix(v.AsString(), "%"); ok {
			if n, err := strconv.ParseFloat(text, 64); err == nil {
				f = n / 100
			}
		}
	}
	if !(f >= 0 && f <= 1) {
		p := problem{summary: name + ` must be from "0%" to "100%"`, detail: `"10%", which can be written 0.1, keeps one record in ten.`}
		if f > 1 && f <= 100 && v.Type() == cty.Number {
			p.hint = fmt.Sprintf(`did you mean "%v%%"?`, f)
		}
		b.d.error(a.Expr.Range(), p)
		return
	}
	*dst = f
}

func (b *body) limit() stepMaker {
	o := pipeline.LimitOptions{MaxKeys: 10_000}
	b.number("rate", &o.Rate, "more than 0 records a second", func(f float64) bool { return f > 0 && f <= 1e9 })
	if !b.has("rate") {
		b.need("rate", "a rate", "rate = 100, in records a second")
	}
	b.number("burst", &o.Burst, "1 or more records", func(f float64) bool { return f >= 1 && f <= 1e9 })
	o.Key = b.program("key")
	b.integer("max_keys", &o.MaxKeys, 1, 1_000_000)
	if a := b.written["max_keys"]; a != nil && !b.has("key") {
		b.d.error(a.NameRange, problem{summary: "max_keys without key", detail: "Without a key there is one limit for all records."})
	}
	return func(func() time.Time) (pipeline.Step, error) { return pipeline.NewLimit(o) }
}

// number reads a number that ok takes; want says in words which these are.
func (b *body) number(name string, dst *float64, want string, ok func(float64) bool) {
	b.tell(name, "number, "+want, "")
	v, a := b.value(name)
	if a == nil {
		return
	}
	if v.Type() != cty.Number {
		b.d.wrongType(a, v, "a number", "100")
		return
	}
	f, _ := v.AsBigFloat().Float64()
	if !ok(f) {
		b.d.error(a.Expr.Range(), problem{summary: fmt.Sprintf("%s is out of range", name), detail: fmt.Sprintf("It must be %s.", want)})
		return
	}
	*dst = f
}

// redactPatterns are the names of the built-in patterns. A test compares them with what the step knows.
var redactPatterns = []string{"aws_key", "card", "email", "ipv4", "ipv6", "jwt"}

var neighbourPatterns = map[string]string{
	"mail": "email", "emailaddress": "email", "creditcard": "card", "cardnumber": "card", "pan": "card", "ip": "ipv4", "ipaddress": "ipv4",
	"awskey": "aws_key", "awssecret": "aws_key", "accesskey": "aws_key", "token": "jwt",
}

func (b *body) redact() stepMaker {
	var o pipeline.RedactOptions
	names := b.fieldNames(false)
	b.regexp("pattern", &o.Pattern)
	b.strs("builtin", &o.Builtin, func(s string) *problem {
		if slices.Contains(redactPatterns, s) {
			return nil
		}
		p := &problem{summary: fmt.Sprintf("There is no built-in pattern %q", s), detail: fmt.Sprintf("There are %s.", quoteAll(redactPatterns))}
		if k := neighbourPatterns[flat(s)]; k != "" {
			p.hint = mean(k)
		} else if k := nearest(s, redactPatterns); k != "" {
			p.hint = mean(k)
		}
		return p
	})
	b.str("with", &o.With)
	switch pattern, builtin := b.written["pattern"], b.written["builtin"]; {
	case pattern != nil && builtin != nil:
		b.d.conflict(problem{
			summary: "pattern and builtin in one redact block", hint: "this says what is replaced",
			detail: "Write two blocks, one after the other.",
		}, builtin.NameRange, "and so does this", pattern.NameRange)
	case pattern == nil && builtin == nil:
		b.need("pattern", "a pattern", `pattern = "token=[^&]+", or builtin = ["email"]`)
	}
	o.Fields = *names
	return func(func() time.Time) (pipeline.Step, error) { return pipeline.NewRedact(o) }
}
