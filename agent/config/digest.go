package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// digest is the same for two flows exactly when running one is running the other. Everything inherited has been written into the flow
// by now, but for what its expressions use of the locals.
func digest(f *Flow, locals map[string]cty.Value, files map[string]*hcl.File) string {
	type expression struct {
		Source string
		Locals map[string]json.RawMessage
	}
	plain := *f
	plain.Range, plain.Digest = hcl.Range{}, ""
	plain.Emits, plain.Steps = nil, nil
	var expressions []expression
	add := func(e hcl.Expression) {
		x := expression{}
		if e != nil {
			x = expression{Source: sourceText(e, files), Locals: map[string]json.RawMessage{}}
			for _, t := range e.Variables() {
				for name, v := range localsOf(t, locals) {
					x.Locals[name] = jsonOf(v)
				}
			}
		}
		expressions = append(expressions, x)
	}
	for _, e := range f.Emits {
		emit := *e
		emit.Range, emit.PartitionKey, emit.Template = hcl.Range{}, nil, nil
		add(e.PartitionKey)
		add(e.Template)
		plain.Emits = append(plain.Emits, &emit)
	}
	for _, s := range f.Steps {
		step := Step{Kind: s.Kind, Label: s.Label, Arguments: s.Arguments}
		for _, e := range s.Expressions {
			step.Expressions = append(step.Expressions, Expression{Name: e.Name})
			add(e.Expr)
		}
		plain.Steps = append(plain.Steps, &step)
	}
	text, err := json.Marshal(struct {
		Flow        *Flow
		Expressions []expression
	}{&plain, expressions})
	if err != nil {
		panic(fmt.Sprintf("config: flow %q cannot be written as JSON: %v", f.Name, err)) // plain data only
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// localsOf are the locals that a traversal uses: one, or all where the name is computed.
func localsOf(t hcl.Traversal, locals map[string]cty.Value) map[string]cty.Value {
	if t.RootName() != "local" {
		return nil
	}
	if len(t) > 1 {
		if step, ok := t[1].(hcl.TraverseAttr); ok {
			if v, ok := locals[step.Name]; ok {
				return map[string]cty.Value{step.Name: v}
			}
			return nil
		}
	}
	return locals
}
