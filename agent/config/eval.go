package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// recordNames are known only while a record is looked at, never while the configuration is loaded.
var recordNames = []string{"record", "file", "k8s", "ec2", "ecs", "now"}

// evaluate computes an expression while the configuration is loaded. It reports what is wrong with it.
// words are the values that are taken, if they are few.
func (d *decoder) evaluate(expr hcl.Expression, words ...string) (cty.Value, bool) {
	if d.describing {
		return cty.NilVal, false
	}
	if p, at := d.unknownVariable(expr, words); p != nil {
		d.error(at, *p)
		return cty.NilVal, false
	}
	v, diags := expr.Value(d.eval)
	for _, diag := range diags {
		d.add(explainEvaluation(diag))
	}
	if diags.HasErrors() {
		return cty.NilVal, false
	}
	v, _ = v.UnmarkDeep()
	return v, true
}

// unknownVariable finds a name in expr that has no value at load time, and says what to write instead.
func (d *decoder) unknownVariable(expr hcl.Expression, words []string) (*problem, hcl.Range) {
	for _, traversal := range expr.Variables() {
		root, at := traversal.RootName(), traversal.SourceRange()
		switch {
		case root == "local" && len(traversal) > 1:
			if p := d.unknownLocal(traversal); p != nil {
				return p, at
			}
		case root == "local" || root == "host":
		case slices.Contains(recordNames, root):
			return &problem{
				summary: fmt.Sprintf("%s is not known here", root),
				hint:    "known only while a record is looked at",
				detail:  "This argument is computed once, when the configuration is loaded: it may use local.*, host.name, env() and other functions.",
			}, at
		case root == "env":
			p := &problem{summary: "env is a function", hint: `write env("NAME")`}
			if len(traversal) > 1 {
				if step, ok := traversal[1].(hcl.TraverseAttr); ok {
					p.hint = fmt.Sprintf("write env(%q)", step.Name)
				}
			}
			return p, at
		case root == "var" || root == "locals":
			p := &problem{summary: fmt.Sprintf("Unknown name %q", root), hint: "write local.<name>", detail: "Values with a name are defined in a locals block and used as local.<name>."}
			return p, at
		case len(traversal) == 1:
			text := root
			if near := nearest(root, words); near != "" {
				text = near
			}
			return &problem{
				summary: fmt.Sprintf("Unknown name %q", root),
				hint:    fmt.Sprintf("write %q, in quotes", text),
				detail:  "Without quotes it is a name, and the names known here are local.* and host.name.",
			}, at
		default:
			return &problem{summary: fmt.Sprintf("Unknown name %q", root), detail: "The names known here are local.* and host.name. Text is put in quotes."}, at
		}
	}
	return nil, hcl.Range{}
}

func (d *decoder) unknownLocal(traversal hcl.Traversal) *problem {
	step, ok := traversal[1].(hcl.TraverseAttr)
	if !ok {
		return nil
	}
	if _, ok := d.locals[step.Name]; ok {
		return nil
	}
	p := &problem{summary: fmt.Sprintf("Unknown local %q", step.Name)}
	names := slices.Sorted(maps.Keys(d.locals))
	if near := nearest(step.Name, names); near != "" {
		p.hint = mean("local." + near)
	} else if len(names) == 0 {
		p.detail = "There is no locals block. Write locals { " + step.Name + " = ... } at the top level."
	} else {
		p.detail = fmt.Sprintf("The locals blocks define %s.", strings.Join(names, ", "))
	}
	return p
}

// explainEvaluation says in this program's words what hcl says about an expression.
func explainEvaluation(diag *hcl.Diagnostic) *hcl.Diagnostic {
	if u, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallUnknownDiagExtra](diag); ok {
		name := u.CalledFunctionName()
		diag.Summary, diag.Detail = fmt.Sprintf("There is no function %s()", name), ""
		if near := nearest(name, slices.Sorted(maps.Keys(functions(Options{})))); near != "" {
			diag.Extra = extra{hint: mean(near)}
		}
	}
	e, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallDiagExtra](diag)
	if ok && e.FunctionCallError() != nil {
		var unset unsetError
		if errors.As(e.FunctionCallError(), &unset) {
			diag.Summary = fmt.Sprintf("The environment variable %s is not set", string(unset))
			diag.Detail = fmt.Sprintf("Set it for the agent (systemd: Environment= or EnvironmentFile=), or write env(%q, \"...\") with a default.", string(unset))
			diag.Extra = extra{hint: "and there is no default"}
		} else {
			diag.Summary = fmt.Sprintf("%s() failed", e.CalledFunctionName())
			diag.Detail = upperFirst(strings.TrimSuffix(e.FunctionCallError().Error(), ".")) + "."
		}
	}
	// What hcl adds about the values of variables is kept out: it would print the values of env().
	diag.Expression, diag.EvalContext = nil, nil
	return diag
}

// evalContext makes what expressions may use at load time; locals come in as they are computed.
func (d *decoder) evalContext() *hcl.EvalContext {
	return &hcl.EvalContext{
		Variables: map[string]cty.Value{
			"local": cty.EmptyObjectVal,
			"host":  cty.ObjectVal(map[string]cty.Value{"name": cty.StringVal(d.opts.Hostname)}),
		},
		Functions: functions(d.opts),
	}
}
