package config

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/kinetail/kinetail/pipeline/expr"
)

// hintAtID tells of record.id where lines can have a field of that name: which of the two is meant cannot be seen. Whoever reads, renames or
// removes the field as well knows both.
func (d *decoder) hintAtID(f *Flow) {
	fields, knows := false, false
	var used []hcl.Traversal
	look := func(e hcl.Expression) {
		if e == nil {
			return
		}
		for _, t := range e.Variables() {
			switch {
			case expr.IsID(t):
				used = append(used, t)
			case t.RootName() == "record" && member(t) == "id":
				knows = true
			}
		}
	}
	for _, s := range f.Steps {
		fields = fields || s.Kind == "parse" || s.Kind == "flatten"
		for _, e := range s.Expressions {
			look(e.Expr)
			knows = knows || fields && s.Kind == "set" && e.Name == "id"
		}
		text, _ := json.Marshal(s.Arguments) // plain data
		knows = knows || (s.Kind == "rename" || s.Kind == "remove" || s.Kind == "keep") && strings.Contains(string(text), `"id"`)
	}
	for _, e := range f.Emits {
		look(e.PartitionKey)
		look(e.Template)
	}
	if !fields || knows || len(used) == 0 {
		return
	}
	d.warning(used[0].SourceRange(), problem{
		summary: "record.id is the record's own id, not a field", hint: `a field of that name is record["id"]`,
		detail: "It is made of the file's generation and the record's place in it, so that a consumer can tell repeats. To say that this is meant, set the field: set { id = record.id }; or remove it: remove { fields = [\"id\"] }.",
	})
}

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
		if name == "" || known[name] || expr.IsID(t) {
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
