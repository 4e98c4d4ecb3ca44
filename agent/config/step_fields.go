package config

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/kinetail/kinetail/pipeline"
)

// pair is a name and what is written behind it.
type pair struct {
	name string
	at   hcl.Range // of the name
	expr hcl.Expression
}

// pairs are the arguments of a block that takes any name, and the members of its argument fields, which is for names that are no identifiers;
// in the order written.
func (b *body) pairs() []pair {
	if b.d.describing {
		what := map[string]string{"set": "map of expressions", "rename": "map of strings"}[b.step.Kind]
		b.args = append(b.args, "fields")
		b.tell("fields", what, "")
		return nil
	}
	var all []pair
	if fields := b.attr("fields"); fields != nil {
		all = b.members(fields)
	}
	attrs := hcl.Attributes{}
	if native, ok := b.rest.(*hclsyntax.Body); ok {
		for name, a := range native.Attributes {
			attrs[name] = a.AsHCLAttribute()
		}
	} else {
		var diags hcl.Diagnostics
		attrs, diags = b.rest.JustAttributes()
		b.d.add(diags...)
		b.rest = hcl.EmptyBody()
	}
	for name, a := range attrs {
		if name != "fields" {
			b.args = append(b.args, name)
			all = append(all, pair{name, a.NameRange, a.Expr})
		}
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].at.Start.Byte < all[j].at.Start.Byte })
	if len(all) == 0 && !b.has("fields") {
		b.need("fields", "a field", exampleField[b.step.Kind])
	}
	seen := map[string]hcl.Range{}
	for _, p := range all {
		if first, ok := seen[p.name]; ok {
			b.d.duplicate(fmt.Sprintf("%s names the field %q twice", b.name, p.name), p.at, first, "Leave one of them out, or write a second block.")
		}
		seen[p.name] = p.at
	}
	return all
}

var exampleField = map[string]string{"set": `service = "web"`, "rename": `old_name = "new_name"`}

// members are the pairs of a map.
func (b *body) members(fields *hcl.Attribute) []pair {
	written, diags := hcl.ExprMap(fields.Expr)
	if diags.HasErrors() { // computed, perhaps
		v, ok := b.d.evaluate(fields.Expr)
		if !ok || !v.IsWhollyKnown() || v.IsNull() {
			return nil
		}
		if !v.Type().IsObjectType() && !v.Type().IsMapType() {
			b.d.wrongType(fields, v, "a map", `{ "@timestamp" = record.timestamp }`)
			return nil
		}
		var all []pair
		values := v.AsValueMap()
		for _, name := range slices.Sorted(maps.Keys(values)) {
			all = append(all, pair{name, fields.Expr.Range(), &hclsyntax.LiteralValueExpr{Val: values[name], SrcRange: fields.Expr.Range()}})
		}
		return all
	}
	var all []pair
	for _, kv := range written {
		key, ok := b.d.evaluate(kv.Key)
		if !ok || !key.IsWhollyKnown() {
			continue
		}
		if key.IsNull() || key.Type() != cty.String || key.AsString() == "" {
			b.d.error(kv.Key.Range(), problem{summary: "A field needs a name", detail: "It is text, and not empty."})
			continue
		}
		all = append(all, pair{key.AsString(), kv.Key.Range(), kv.Value})
	}
	return all
}

func (b *body) set() stepMaker {
	var fields []pipeline.Assignment
	for _, p := range b.pairs() {
		if program := b.compile(p.name, p.expr); program != nil {
			fields = append(fields, pipeline.Assignment{Name: p.name, Value: program})
		}
	}
	return func(func() time.Time) (pipeline.Step, error) { return pipeline.NewSet(fields) }
}

func (b *body) rename() stepMaker {
	var names []pipeline.Renaming
	for _, p := range b.pairs() {
		if field := fieldOf(p.expr); field != "" {
			b.d.error(p.expr.Range(), problem{
				summary: "rename takes the new name of a field", hint: fmt.Sprintf("did you mean %s = %q?", field, p.name),
				detail: "The old name stands on the left, the new one in quotes on the right.",
			})
			continue
		}
		v, ok := b.d.evaluate(p.expr)
		if !ok || !v.IsWhollyKnown() {
			continue
		}
		if v.IsNull() || v.Type() != cty.String || v.AsString() == "" {
			b.d.error(p.expr.Range(), problem{summary: fmt.Sprintf("The new name of %s must be text", p.name), hint: "this is " + describe(v)})
			continue
		}
		b.keepArgument(p.name, v)
		names = append(names, pipeline.Renaming{From: p.name, To: v.AsString()})
	}
	return func(func() time.Time) (pipeline.Step, error) { return pipeline.NewRename(names) }
}

// fieldOf is the name of the field, where an expression is record.<name>.
func fieldOf(expr hcl.Expression) string {
	t, diags := hcl.AbsTraversalForExpr(expr)
	if diags.HasErrors() || len(t) != 2 || t.RootName() != "record" {
		return ""
	}
	if step, ok := t[1].(hcl.TraverseAttr); ok {
		return step.Name
	}
	return ""
}

// fieldNames reads the argument fields where it is a list of names.
func (b *body) fieldNames(needed bool) *[]string {
	names := &[]string{}
	b.strs("fields", names, func(s string) *problem {
		if s == "" {
			return &problem{summary: "A field needs a name"}
		}
		return nil
	})
	if needed && !b.has("fields") {
		b.need("fields", "the names of fields", `fields = ["..."]`)
	}
	return names
}

func (b *body) remove() stepMaker {
	names := b.fieldNames(true)
	return func(func() time.Time) (pipeline.Step, error) { return pipeline.NewRemove(*names) }
}

func (b *body) keepFields() stepMaker {
	names := b.fieldNames(true)
	return func(func() time.Time) (pipeline.Step, error) { return pipeline.NewKeepFields(*names) }
}

func (b *body) flatten() stepMaker {
	o := pipeline.FlattenOptions{Separator: "."}
	names := b.fieldNames(false)
	b.str("separator", &o.Separator, notEmpty("separator"))
	b.flag("lists", &o.Lists)
	o.Fields = *names
	return func(func() time.Time) (pipeline.Step, error) { return pipeline.NewFlatten(o) }
}
