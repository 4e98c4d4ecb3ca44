package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
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
	plain.Emits = nil
	var expressions []expression
	for _, e := range f.Emits {
		emit := *e
		emit.Range = hcl.Range{}
		var x expression
		if emit.PartitionKey != nil {
			x = expression{Source: sourceText(emit.PartitionKey, files), Locals: map[string]json.RawMessage{}}
			for _, t := range emit.PartitionKey.Variables() {
				for name, v := range localsOf(t, locals) {
					text, err := ctyjson.Marshal(v, cty.DynamicPseudoType)
					if err != nil {
						panic(fmt.Sprintf("config: local.%s cannot be written as JSON: %v", name, err))
					}
					x.Locals[name] = text
				}
			}
			emit.PartitionKey = nil
		}
		expressions = append(expressions, x)
		plain.Emits = append(plain.Emits, &emit)
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
