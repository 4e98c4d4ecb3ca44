package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// localsReader computes the locals in the order in which they refer to each other.
type localsReader struct {
	d     *decoder
	attrs map[string]*hcl.Attribute
	// path is the chain of locals being computed, to tell a circle.
	path []string
}

// maxLocals bounds the work, which grows with the square.
const maxLocals = 1000

// maxLocal is the most text in one local, in bytes: one that doubles another doubles it again and again.
const maxLocal = 1 << 20

// size is about what a value takes, in bytes.
func size(v cty.Value) int {
	n := 0
	_ = cty.Walk(v, func(_ cty.Path, v cty.Value) (bool, error) {
		n += 8
		if v.IsKnown() && !v.IsNull() && v.Type() == cty.String {
			n += len(v.AsString())
		}
		return n <= maxLocal, nil
	})
	return n
}

// readLocals computes all locals blocks together. One that can't be computed is reported and unknown: what uses it is not
// reported again.
func (d *decoder) readLocals(blocks hcl.Blocks) map[string]cty.Value {
	r := &localsReader{d: d, attrs: map[string]*hcl.Attribute{}}
	d.locals = map[string]cty.Value{}
	for _, blk := range blocks {
		attrs, diags := blk.Body.JustAttributes()
		for _, diag := range diags {
			diag.Summary, diag.Detail = "locals takes arguments only", "A map is written as name = { key = \"value\" }."
			d.add(diag)
		}
		for name, a := range attrs {
			if first, ok := r.attrs[name]; ok {
				at, other := a.NameRange, first.NameRange
				if other.Filename == at.Filename && other.Start.Byte > at.Start.Byte {
					at, other = other, at
				}
				d.duplicate(fmt.Sprintf("A second local %q", name), at, other, "A name is defined once in all files together.")
				continue
			}
			r.attrs[name] = a
			d.locals[name] = cty.DynamicVal
		}
	}
	if len(r.attrs) > maxLocals {
		d.error(blocks[0].DefRange, problem{summary: fmt.Sprintf("More than %d locals", maxLocals)})
		return nil
	}
	d.eval.Variables["local"] = cty.ObjectVal(d.locals)
	done := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(r.attrs)) {
		r.compute(name, done)
	}
	out := map[string]cty.Value{}
	for name, v := range d.locals {
		if v.IsWhollyKnown() {
			out[name] = v
		}
	}
	return out
}

func (r *localsReader) compute(name string, done map[string]bool) {
	if done[name] {
		return
	}
	a := r.attrs[name]
	for i, open := range r.path {
		if open == name {
			r.d.error(a.NameRange, problem{
				summary: fmt.Sprintf("local.%s refers to itself", name),
				detail:  "The circle is local." + strings.Join(append(r.path[i:], name), " -> local.") + ".",
			})
			done[name] = true
			return
		}
	}
	r.path = append(r.path, name)
	for _, t := range a.Expr.Variables() {
		if t.RootName() != "local" || len(t) < 2 {
			continue
		}
		if step, ok := t[1].(hcl.TraverseAttr); ok && r.attrs[step.Name] != nil {
			r.compute(step.Name, done)
		}
	}
	r.path = r.path[:len(r.path)-1]
	if done[name] { // found to be part of a circle
		return
	}
	done[name] = true
	if v, ok := r.d.evaluate(a.Expr); ok {
		if size(v) > maxLocal {
			r.d.error(a.Expr.Range(), problem{summary: fmt.Sprintf("local.%s is larger than %s", name, formatSize(maxLocal))})
		} else {
			r.d.locals[name] = v
		}
	}
	r.d.eval.Variables["local"] = cty.ObjectVal(r.d.locals)
}
