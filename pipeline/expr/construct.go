package expr

import (
	"sort"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kinetail/kinetail/pipeline/record"
)

// template joins the parts of "...${x}...". A part that is null makes the whole null: half a partition key is none.
func (c *compiler) template(e *hclsyntax.TemplateExpr) node {
	parts := make([]func(*Env) record.Value, len(e.Parts))
	for i, p := range e.Parts {
		n := c.compile(p)
		if n.static == record.List || n.static == record.Object {
			c.errorf(n.rng, "Invalid template interpolation value", "A %s can't be put into a string; use tojson.", n.static)
		}
		if n.isConst && n.static == record.Null {
			c.errorf(n.rng, "Invalid template interpolation value", "The expression is null, which can't be put into a string.")
		}
		parts[i] = n.eval
	}
	none := c.none()
	return node{static: record.String, template: true, eval: func(env *Env) record.Value {
		var few [8]record.Value
		values := few[:0]
		size := 0
		for _, part := range parts {
			v := part(env)
			switch v.Kind() {
			case record.Error:
				return v
			case record.Null:
				env.failure = "null can't be put into a string"
				return none
			case record.List, record.Object:
				return env.fail("a list or an object can't be put into a string")
			}
			size += len(v.Str())
			values = append(values, v)
		}
		if size > maxString {
			return env.fail("a string is too long")
		}
		start := len(env.arena)
		for _, v := range values {
			env.arena = record.AppendText(env.arena, v)
		}
		return record.Of(env.made(start))
	}}
}

// tuple is [a, b]; it is built for each record.
func (c *compiler) tuple(e *hclsyntax.TupleConsExpr) node {
	parts := make([]func(*Env) record.Value, len(e.Exprs))
	for i, p := range e.Exprs {
		parts[i] = c.compile(p).eval
	}
	return node{static: record.List, eval: func(env *Env) record.Value {
		values := make([]record.Value, len(parts))
		for i, part := range parts {
			v := part(env)
			if v.Kind() == record.Error {
				return v
			}
			values[i] = v
		}
		return record.OfList(values)
	}}
}

// object is { a = b }; it is built for each record, with its names sorted as HCL has them.
func (c *compiler) object(e *hclsyntax.ObjectConsExpr) node {
	type item struct {
		name string
		eval func(*Env) record.Value
	}
	items := map[string]item{}
	for _, it := range e.Items {
		k := c.compile(it.KeyExpr)
		v := c.compile(it.ValueExpr)
		if !k.isConst {
			return c.errorf(it.KeyExpr.Range(), "Names of an object must be constant", "The name of a member can't depend on the record.")
		}
		name, ok := (&Env{}).text(k.constant)
		if !ok {
			return c.errorf(it.KeyExpr.Range(), "Invalid name", "The name of a member must be a string.")
		}
		name = string([]byte(name))
		items[name] = item{name, v.eval}
	}
	names := make([]string, 0, len(items))
	for name := range items {
		names = append(names, name)
	}
	sort.Strings(names)
	evals := make([]func(*Env) record.Value, len(names))
	for i, name := range names {
		evals[i] = items[name].eval
	}
	return node{static: record.Object, eval: func(env *Env) record.Value {
		values := make([]record.Value, len(evals))
		for i, eval := range evals {
			v := eval(env)
			if v.Kind() == record.Error {
				return v
			}
			values[i] = v
		}
		return record.OfObject(names, values)
	}}
}
