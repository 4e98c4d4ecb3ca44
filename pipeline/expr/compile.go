package expr

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/kinetail/kinetail/pipeline/record"
)

// Scope is what the names of an expression mean at load.
type Scope struct {
	// Locals are the values of local.*; they are folded into the program.
	Locals map[string]cty.Value
	// Roots are more names: Roots["ec2"]["instance_id"] gives ec2.instance_id. The functions are called for each evaluation, from any
	// goroutine, so they return what is known already: null where nothing is. What they return must never change.
	Roots map[string]map[string]func() record.Value
	// Pods tells k8s.labels and k8s.annotations; nil leaves them null.
	Pods Pods
}

// Compile makes a program of an HCL expression in native or JSON syntax. The diagnostics have errors where a part of it has no
// meaning here or can't succeed for any record.
func Compile(e hcl.Expression, scope *Scope) (*Program, hcl.Diagnostics) {
	c := newCompiler(scope)
	native, diags := nativeSyntax(e)
	if diags.HasErrors() {
		return nil, diags
	}
	root := c.compile(native)
	if c.diags.HasErrors() {
		return nil, c.diags
	}
	return &Program{root: root, decide: root.decider(), rng: e.Range()}, c.diags
}

type compiler struct {
	// ctx evaluates the parts that are constant.
	ctx   *hcl.EvalContext
	diags hcl.Diagnostics
	roots map[string]map[string]func(*Env) record.Value
	// strict is set inside try and can: there a missing field and an operation on null is an error as in HCL itself, for that is
	// what they are asked about.
	strict bool
}

func newCompiler(scope *Scope) *compiler {
	locals := cty.EmptyObjectVal
	if scope != nil && len(scope.Locals) > 0 {
		locals = cty.ObjectVal(scope.Locals)
	}
	return &compiler{roots: rootsOf(scope), ctx: &hcl.EvalContext{
		Variables: map[string]cty.Value{"local": locals},
		Functions: Functions(),
	}}
}

// none is the result of an operation on null: null, or an error where HCL's own rule counts.
func (c *compiler) none() record.Value {
	if c.strict {
		return record.Failed
	}
	return record.Value{}
}

func (c *compiler) errorf(rng hcl.Range, summary, format string, args ...any) node {
	c.diags = append(c.diags, &hcl.Diagnostic{
		Severity: hcl.DiagError, Summary: summary, Detail: fmt.Sprintf(format, args...), Subject: rng.Ptr(),
	})
	return constant(record.Value{}, rng)
}

func (c *compiler) compile(e hclsyntax.Expression) node {
	n := c.fold(e)
	n.rng = e.Range()
	return n
}

// fold evaluates what reads no record with HCL itself, now, and compiles the rest.
func (c *compiler) fold(e hclsyntax.Expression) node {
	if !readsRecord(e) {
		v, diags := c.ctxValue(e)
		c.diags = append(c.diags, diags...)
		if diags.HasErrors() {
			return constant(record.Value{}, e.Range())
		}
		r, err := fromCty(v)
		if err != nil {
			return c.errorf(e.Range(), "Unsupported value", "This value can't be used here: %s.", err)
		}
		return constant(r, e.Range())
	}
	switch e := e.(type) {
	case *hclsyntax.ParenthesesExpr:
		return c.compile(e.Expression)
	case *hclsyntax.TemplateWrapExpr:
		return c.compile(e.Wrapped)
	case *hclsyntax.TemplateExpr:
		return c.template(e)
	case *hclsyntax.BinaryOpExpr:
		return c.binary(e)
	case *hclsyntax.UnaryOpExpr:
		return c.unary(e)
	case *hclsyntax.ConditionalExpr:
		return c.conditional(e)
	case *hclsyntax.ScopeTraversalExpr:
		return c.scopeTraversal(e)
	case *hclsyntax.RelativeTraversalExpr:
		return c.traverse(c.compile(e.Source), e.Traversal)
	case *hclsyntax.IndexExpr:
		return c.index(e)
	case *hclsyntax.FunctionCallExpr:
		return c.call(e)
	case *hclsyntax.TupleConsExpr:
		return c.tuple(e)
	case *hclsyntax.ObjectConsExpr:
		return c.object(e)
	case *hclsyntax.ObjectConsKeyExpr:
		return c.compile(e.Wrapped)
	case *hclsyntax.SplatExpr:
		return c.errorf(e.Range(), "Splat expressions can't be used on a record",
			"The parts of a record can't be repeated over with [*] or .*; name the element, as in record.items[0].")
	case *hclsyntax.ForExpr, *hclsyntax.TemplateJoinExpr:
		return c.errorf(e.Range(), "For expressions can't be used on a record",
			"A \"for\" is possible over local.* and other constants only.")
	}
	return c.errorf(e.Range(), "Unsupported expression", "This kind of expression can't be evaluated for each record.")
}

// ctxValue guards against a panic in HCL or cty: a configuration must never stop the agent.
func (c *compiler) ctxValue(e hclsyntax.Expression) (v cty.Value, diags hcl.Diagnostics) {
	defer func() {
		if p := recover(); p != nil {
			diags = hcl.Diagnostics{{
				Severity: hcl.DiagError, Summary: "Invalid expression",
				Detail: fmt.Sprintf("This expression can't be evaluated: %v.", p), Subject: e.Range().Ptr(),
			}}
		}
	}()
	return e.Value(c.ctx)
}

// readsRecord says whether e needs more than constants: anything but local.*, or a name that "for" binds.
func readsRecord(e hclsyntax.Expression) bool {
	for _, t := range e.Variables() {
		if t.RootName() != "local" {
			return true
		}
	}
	return false
}

// nativeSyntax is the expression in HCL's native syntax. Strings of the JSON syntax are templates.
func nativeSyntax(e hcl.Expression) (hclsyntax.Expression, hcl.Diagnostics) {
	if n, ok := e.(hclsyntax.Expression); ok {
		return n, nil
	}
	if list, diags := hcl.ExprList(e); !diags.HasErrors() {
		out := &hclsyntax.TupleConsExpr{SrcRange: e.Range(), OpenRange: e.StartRange()}
		for _, m := range list {
			n, diags := nativeSyntax(m)
			if diags.HasErrors() {
				return nil, diags
			}
			out.Exprs = append(out.Exprs, n)
		}
		return out, nil
	}
	if pairs, diags := hcl.ExprMap(e); !diags.HasErrors() {
		out := &hclsyntax.ObjectConsExpr{SrcRange: e.Range(), OpenRange: e.StartRange()}
		for _, p := range pairs {
			k, diags := nativeSyntax(p.Key)
			if diags.HasErrors() {
				return nil, diags
			}
			v, diags := nativeSyntax(p.Value)
			if diags.HasErrors() {
				return nil, diags
			}
			out.Items = append(out.Items, hclsyntax.ObjectConsItem{KeyExpr: k, ValueExpr: v})
		}
		return out, nil
	}
	v, diags := e.Value(nil) // without a context the JSON syntax gives strings as they are written
	if diags.HasErrors() {
		return nil, diags
	}
	if v.Type() != cty.String || v.IsNull() {
		return &hclsyntax.LiteralValueExpr{Val: v, SrcRange: e.Range()}, nil
	}
	start := e.Range().Start
	start.Byte++
	start.Column++
	return hclsyntax.ParseTemplate([]byte(v.AsString()), e.Range().Filename, start)
}

// suggest is " Did you mean ...?" for the nearest of the names, or empty.
func suggest(name string, names []string) string {
	best, distance := "", len(name)/3+2
	for _, n := range names {
		if d := editDistance(strings.ToLower(name), n); d < distance {
			best, distance = n, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" Did you mean %q?", best)
}

// editDistance is the Levenshtein distance, in bytes.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			above := row[j]
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above+1, row[j-1]+1, diagonal+cost)
			diagonal = above
		}
	}
	return row[len(b)]
}
