package config

import (
	"fmt"
	"slices"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/kinetail/kinetail/pipeline/expr"
	"github.com/kinetail/kinetail/pipeline/record"
)

// Known is what a test says of its surroundings, in place of the services that a running agent asks: values by root and name. It
// implements expr.Pods.
type Known struct {
	values  map[string]map[string]record.Value
	version uint64
}

// Set puts what a test says in place of what the one before said.
func (k *Known) Set(t *Test) {
	k.values = t.Known
	k.version++
}

// Version implements expr.Pods.
func (k *Known) Version() uint64 { return k.version }

// Pod implements expr.Pods: a test has one pod.
func (k *Known) Pod(_, _, _ string) expr.PodMeta {
	return expr.PodMeta{Labels: k.values["k8s"]["labels"], Annotations: k.values["k8s"]["annotations"]}
}

func (k *Known) roots() map[string]map[string]func() record.Value {
	all := map[string]map[string]func() record.Value{}
	for root, names := range expr.MachineNames() {
		all[root] = map[string]func() record.Value{}
		for _, name := range names {
			all[root][name] = func() record.Value { return k.values[root][name] }
		}
	}
	return all
}

// known reads what a test says of its surroundings.
func (b *body) known(t *Test) {
	names := expr.MachineNames()
	names["k8s"] = []string{"labels", "annotations"}
	for _, root := range []string{"ec2", "ecs", "k8s"} {
		b.tell(root, "object", "")
		v, a := b.value(root)
		if a == nil {
			continue
		}
		if !v.Type().IsObjectType() && !v.Type().IsMapType() {
			b.d.wrongType(a, v, "an object", fmt.Sprintf("{ %s = ... }", names[root][0]))
			continue
		}
		for name, member := range v.AsValueMap() {
			if !slices.Contains(names[root], name) {
				p := problem{summary: fmt.Sprintf("There is no %s.%s", root, name), detail: fmt.Sprintf("There are %s.", quoteAll(names[root]))}
				if root == "k8s" {
					p.detail = "A test says labels and annotations; the rest of k8s.* is read from path."
				}
				if near := nearest(name, names[root]); near != "" {
					p.hint = mean(near)
				}
				b.d.error(a.Expr.Range(), p)
				continue
			}
			if t.Known == nil {
				t.Known = map[string]map[string]record.Value{}
			}
			if t.Known[root] == nil {
				t.Known[root] = map[string]record.Value{}
			}
			t.Known[root][name] = recordValue(member)
		}
	}
}

// recordValue is a constant as a record has it.
func recordValue(v cty.Value) record.Value {
	text, err := ctyjson.Marshal(v, v.Type())
	if err != nil {
		return record.Value{}
	}
	var arena []byte
	r, _, _ := record.ReadJSON(string(text), 0, &arena)
	return r.Resolve()
}
