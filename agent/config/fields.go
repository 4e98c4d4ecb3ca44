package config

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// hintAtFields tells of expressions that read a field which no line has before it is parsed: they are null for every record.
func (d *decoder) hintAtFields(f *Flow) {
	known := map[string]bool{"message": true}
	if f.Tail.Format != "" {
		known["stream"], known["time"] = true, true
	}
	for _, s := range f.Steps {
		if s.Kind == "parse" {
			return // from here on any field can be there
		}
		for _, e := range s.Expressions {
			d.hintAtField(e.Expr, known)
			if s.Kind == "set" {
				known[e.Name] = true
			}
		}
		if s.Kind == "flatten" || s.Kind == "rename" {
			return
		}
	}
	for _, e := range f.Emits {
		for _, x := range []hcl.Expression{e.PartitionKey, e.Template} {
			if x != nil {
				d.hintAtField(x, known)
			}
		}
	}
}

func (d *decoder) hintAtField(e hcl.Expression, known map[string]bool) {
	for _, t := range e.Variables() {
		if t.RootName() != "record" || len(t) < 2 {
			continue
		}
		name := member(t)
		if name == "" || known[name] {
			continue
		}
		d.warning(t.SourceRange(), problem{
			summary: fmt.Sprintf("There is no field %q here", name), hint: "this is null for every record",
			detail: "Before a parse step a record has the field message, the line, and what set steps have given it.",
		})
	}
}

// member is the name that follows the first in a.b or a["b"], empty where there is none.
func member(t hcl.Traversal) string {
	if len(t) < 2 {
		return ""
	}
	switch step := t[1].(type) {
	case hcl.TraverseAttr:
		return step.Name
	case hcl.TraverseIndex:
		if step.Key.Type() == cty.String {
			return step.Key.AsString()
		}
	}
	return ""
}
