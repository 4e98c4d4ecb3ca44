package expr

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/kinetail/kinetail/pipeline/record"
)

// rootsOf are the names with fixed attributes that an expression may start with, besides record and local.
func rootsOf(scope *Scope) map[string]map[string]func(*Env) record.Value {
	text := func(get func(*Env) string) func(*Env) record.Value {
		return func(env *Env) record.Value { return record.Of(get(env)) }
	}
	all := map[string]map[string]func(*Env) record.Value{
		"file": {
			"path": text(func(env *Env) string { return env.Path }),
			"name": text(func(env *Env) string { return env.Name }),
			"dir":  text(func(env *Env) string { return env.Dir }),
		},
		"host": {"name": text(func(env *Env) string { return env.Host })},
		"k8s":  {},
		"now": {
			"rfc3339": func(env *Env) record.Value {
				start := len(env.arena)
				env.arena = env.now().UTC().AppendFormat(env.arena, "2006-01-02T15:04:05.000Z")
				return record.Of(env.made(start))
			},
			"unix_ms": func(env *Env) record.Value { return record.OfInt(env.now().UnixMilli()) },
		},
	}
	for name, get := range podAttributes {
		all["k8s"][name] = podAttribute(get)
	}
	for root, names := range MachineNames() {
		all[root] = map[string]func(*Env) record.Value{}
		for _, name := range names {
			all[root][name] = func(*Env) record.Value { return record.Value{} }
		}
	}
	var pods Pods
	if scope != nil {
		pods = scope.Pods
	}
	all["k8s"]["labels"] = podMeta(pods, func(m *PodMeta) record.Value { return m.Labels })
	all["k8s"]["annotations"] = podMeta(pods, func(m *PodMeta) record.Value { return m.Annotations })
	if scope == nil {
		return all
	}
	for root, attrs := range scope.Roots {
		if all[root] == nil {
			all[root] = map[string]func(*Env) record.Value{}
		}
		for name, get := range attrs {
			all[root][name] = func(*Env) record.Value { return get() }
		}
	}
	return all
}

func (c *compiler) scopeTraversal(e *hclsyntax.ScopeTraversalExpr) node {
	t := e.Traversal
	root := t.RootName()
	if root == "record" {
		return c.recordTraversal(t)
	}
	if attrs, ok := c.roots[root]; ok {
		return c.fixedTraversal(root, attrs, t, e.SrcRange)
	}
	if root == "local" {
		return c.errorf(e.SrcRange, "Not a constant", "local.* can't be used here.")
	}
	names := append(slices.Sorted(maps.Keys(c.roots)), "record", "local")
	hint := suggest(root, names)
	if hint == "" {
		hint = fmt.Sprintf(" For a field of the record write record.%s.", root)
	}
	return c.errorf(t[0].SourceRange(), "Unknown name",
		"There is nothing named %q here: an expression can start with %s.%s", root, strings.Join(names, ", "), hint)
}

func (c *compiler) fixedTraversal(root string, attrs map[string]func(*Env) record.Value, t hcl.Traversal, rng hcl.Range) node {
	names := slices.Sorted(maps.Keys(attrs))
	all := root + "." + strings.Join(names, ", "+root+".")
	if len(t) < 2 {
		return c.errorf(rng, "Incomplete name", "%q is no value itself; use %s.", root, all)
	}
	c.checkDash(t)
	name, _, ok := stepName(t[1])
	get := attrs[name]
	if !ok || get == nil {
		hint := suggest(name, names)
		if hint == "" {
			hint = suggestPart(name, names)
		}
		return c.errorf(t[1].SourceRange(), "Unknown name", "%q has no %q; there is %s.%s", root, name, all, hint)
	}
	return c.traverse(node{eval: get}, t[2:])
}

// suggestPart is suggest for a name that holds one of names, as pod_name does pod, or is held by one, as zone by availability_zone.
func suggestPart(name string, names []string) string {
	best := ""
	for _, n := range names {
		if (strings.Contains(name, n) || len(name) > 1 && strings.Contains(n, name)) && len(n) > len(best) {
			best = n
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" Did you mean %q?", best)
}

// stepName is the name that a step of a traversal looks up; isIndex says that it is a number.
func stepName(step hcl.Traverser) (name string, isIndex, ok bool) {
	switch s := step.(type) {
	case hcl.TraverseAttr:
		return s.Name, false, true
	case hcl.TraverseIndex:
		key := s.Key
		if key.IsNull() || !key.IsKnown() {
			return "", false, false
		}
		text, err := convert.Convert(key, cty.String)
		if err != nil {
			return "", false, false
		}
		return text.AsString(), key.Type() == cty.Number, true
	}
	return "", false, false
}

func (c *compiler) recordTraversal(t hcl.Traversal) node {
	if len(t) == 1 {
		return c.wholeRecord()
	}
	name, _, ok := stepName(t[1])
	if !ok {
		return c.errorf(t[1].SourceRange(), "Unsupported access", "A field of the record is named by a string, as in record[\"name\"].")
	}
	c.checkDash(t)
	if IsID(t) {
		return c.traverse(node{static: record.String, eval: recordID}, t[2:])
	}
	n := c.fieldNode(name)
	return c.traverse(n, t[2:])
}

// IsID says whether a traversal begins with record.id, which is the record's own id and no field of it: a line must not choose what the
// consumer takes for the same record. A field of that name is record["id"].
func IsID(t hcl.Traversal) bool {
	if len(t) < 2 || t.RootName() != "record" {
		return false
	}
	a, ok := t[1].(hcl.TraverseAttr)
	return ok && a.Name == "id"
}

func recordID(env *Env) record.Value {
	if env.ID.Generation == "" {
		return record.Value{}
	}
	start := len(env.arena)
	env.arena = env.ID.Append(env.arena)
	return record.Of(env.made(start))
}

// checkDash refuses names with a dash after a dot: HCL takes record.a-b for one name, people may have meant a difference.
func (c *compiler) checkDash(t hcl.Traversal) {
	path := t.RootName()
	for _, step := range t[1:] {
		a, isAttr := step.(hcl.TraverseAttr)
		if isAttr && strings.Contains(a.Name, "-") {
			left, right, _ := strings.Cut(a.Name, "-")
			c.errorf(a.SrcRange, "Ambiguous name",
				"For the field named %q write %s[%q]; for a difference put spaces around the minus: %s.%s - %s.", a.Name, path, a.Name, path, left, strings.TrimLeft(right, "-"))
		}
		if isAttr {
			path += "." + a.Name
		} else if name, isIndex, _ := stepName(step); isIndex {
			path += "[" + name + "]"
		} else {
			path += fmt.Sprintf("[%q]", name)
		}
	}
}

func (c *compiler) fieldNode(name string) node {
	slot := slotOf(name)
	if c.strict {
		return node{eval: func(env *Env) record.Value {
			v := env.hinted(name, slot)
			if v == nil {
				v = env.field(name, slot)
			}
			if v == &absent {
				return env.fail("a field that the record does not have")
			}
			return v.Resolve()
		}}
	}
	return node{field: name, slot: slot, isField: true, eval: func(env *Env) record.Value {
		v := env.hinted(name, slot)
		if v == nil {
			v = env.field(name, slot)
		}
		if v.Kind() == record.Number {
			return v.Resolve()
		}
		return *v
	}}
}

// wholeRecord is the record as an object. It is built for each evaluation, and costs what that costs.
func (c *compiler) wholeRecord() node {
	return node{static: record.Object, eval: func(env *Env) record.Value {
		fields := env.Record.Fields
		names, values := make([]string, len(fields)), make([]record.Value, len(fields))
		for i, f := range fields {
			names[i], values[i] = f.Name, f.Value
		}
		return record.OfObject(names, values)
	}}
}

// traverse follows the steps from the value of n.
func (c *compiler) traverse(n node, steps hcl.Traversal) node {
	for _, step := range steps {
		name, _, ok := stepName(step)
		if !ok {
			return c.errorf(step.SourceRange(), "Unsupported access", "This part of a value can't be reached.")
		}
		if a, isAttr := step.(hcl.TraverseAttr); isAttr && strings.Contains(a.Name, "-") && len(c.diags) == 0 {
			c.errorf(a.SrcRange, "Ambiguous name", "For the field named %q write [%q] after what is before it.", a.Name, a.Name)
		}
		at, whole := int64(-1), false
		if _, isAttr := step.(hcl.TraverseAttr); !isAttr {
			at, whole = record.ParseInt(name)
		}
		from, none := n.eval, c.none()
		rng := step.SourceRange()
		if element := n.element; element != nil && whole {
			n = node{rng: rng, eval: func(env *Env) record.Value {
				v, ok := element(env, at)
				if ok || v.Kind() == record.Error {
					return v
				}
				env.failure = "a part that the value does not have"
				return none
			}}
			continue
		}
		n = node{rng: rng, eval: func(env *Env) record.Value {
			v := from(env)
			switch v.Kind() {
			case record.Error:
				return v
			case record.Object:
				if m, ok := v.Member(name, &env.arena); ok {
					return m.Resolve()
				}
			case record.List:
				if whole {
					if m, ok := v.Element(at, &env.arena); ok {
						return m.Resolve()
					}
				}
			}
			env.failure = "a part that the value does not have"
			return none
		}}
	}
	return n
}

// index is collection[key] with a key or a collection that HCL's grammar takes for an expression.
func (c *compiler) index(e *hclsyntax.IndexExpr) node {
	key := c.compile(e.Key)
	if t, ok := e.Collection.(*hclsyntax.ScopeTraversalExpr); ok && t.Traversal.RootName() == "record" && len(t.Traversal) == 1 {
		if key.isConst {
			if name, ok := (&Env{}).text(key.constant); ok {
				return c.fieldNode(string([]byte(name)))
			}
			return c.errorf(e.Key.Range(), "Unsupported access", "A field of the record is named by a string.")
		}
		return c.dynamicField(key)
	}
	from, at, none := c.compile(e.Collection).eval, key.eval, c.none()
	return node{eval: func(env *Env) record.Value {
		v, k := from(env), at(env)
		if v.Kind() == record.Error || k.Kind() == record.Error {
			return record.Failed
		}
		env.failure = "a part that the value does not have"
		switch v.Kind() {
		case record.Object:
			name, ok := env.text(k)
			if !ok {
				return none
			}
			if m, ok := v.Member(name, &env.arena); ok {
				return m.Resolve()
			}
		case record.List:
			n := env.number(k)
			if n.Kind() == record.Int {
				if m, ok := v.Element(n.Int(), &env.arena); ok {
					return m.Resolve()
				}
			}
		}
		return none
	}}
}

func (c *compiler) dynamicField(key node) node {
	at, none := key.eval, c.none()
	return node{eval: func(env *Env) record.Value {
		k := at(env)
		if k.Kind() == record.Error {
			return k
		}
		if name, ok := env.text(k); ok {
			if i := env.Record.Index(name); i >= 0 {
				return env.Record.Fields[i].Value.Resolve()
			}
		}
		env.failure = "a field that the record does not have"
		return none
	}}
}
