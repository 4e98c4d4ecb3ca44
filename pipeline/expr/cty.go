package expr

import (
	"errors"
	"fmt"
	"math/big"
	"sort"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/kinetail/kinetail/pipeline/record"
)

// fromCty makes a Value of a constant. Objects and maps get their names sorted.
func fromCty(v cty.Value) (record.Value, error) {
	if !v.IsWhollyKnown() {
		return record.Value{}, errors.New("it is not known")
	}
	v, _ = v.UnmarkDeep()
	if v.IsNull() {
		return record.Value{}, nil
	}
	switch ty := v.Type(); {
	case ty == cty.String:
		return record.Of(v.AsString()), nil
	case ty == cty.Bool:
		return record.OfBool(v.True()), nil
	case ty == cty.Number:
		return fromBig(v.AsBigFloat())
	case ty.IsTupleType(), ty.IsListType(), ty.IsSetType():
		values := []record.Value{}
		for it := v.ElementIterator(); it.Next(); {
			_, m := it.Element()
			r, err := fromCty(m)
			if err != nil {
				return record.Value{}, err
			}
			values = append(values, r)
		}
		return record.OfList(values), nil
	case ty.IsObjectType(), ty.IsMapType():
		members := v.AsValueMap()
		names := make([]string, 0, len(members))
		for name := range members {
			names = append(names, name)
		}
		sort.Strings(names)
		values := make([]record.Value, len(names))
		for i, name := range names {
			r, err := fromCty(members[name])
			if err != nil {
				return record.Value{}, err
			}
			values[i] = r
		}
		return record.OfObject(names, values), nil
	}
	return record.Value{}, fmt.Errorf("a %s can't be part of a record", v.Type().FriendlyName())
}

func fromBig(f *big.Float) (record.Value, error) {
	if n, acc := f.Int64(); acc == big.Exact {
		return record.OfInt(n), nil
	}
	d, acc := f.Float64()
	v := record.OfFloat(d)
	if v.Kind() == record.Error {
		return v, errors.New("the number is too large")
	}
	if acc != big.Exact && f.IsInt() {
		return v, errors.New("a whole number this large can't be kept exactly; write it as a string")
	}
	return v, nil
}

// toCty makes the cty value of v, as jsondecode would: lists are tuples. It allocates; only what is rare goes this way.
func (env *Env) toCty(v record.Value) cty.Value {
	switch v.Kind() {
	case record.Bool:
		return cty.BoolVal(v.Bool())
	case record.Int:
		return cty.NumberIntVal(v.Int())
	case record.Float:
		// Through its shortest decimal form, which is what it was written as.
		return cty.MustParseNumberVal(string(record.AppendText(nil, v)))
	case record.Number:
		if n, err := cty.ParseNumberVal(v.Str()); err == nil {
			return n
		}
	case record.String:
		return cty.StringVal(string([]byte(v.Str())))
	case record.List:
		values := []cty.Value{}
		v.Members(&env.arena, func(_ string, m record.Value) bool {
			values = append(values, env.toCty(m))
			return true
		})
		return cty.TupleVal(values)
	case record.Object:
		values := map[string]cty.Value{}
		v.Members(&env.arena, func(name string, m record.Value) bool {
			values[cty.NormalizeString(string([]byte(name)))] = env.toCty(m)
			return true
		})
		return cty.ObjectVal(values)
	}
	return cty.NullVal(cty.DynamicPseudoType)
}

// unifyTrees is v as the type that two lists or two objects have in common.
func (env *Env) unifyTrees(v, other record.Value) record.Value {
	a, b := env.toCty(v), env.toCty(other)
	if a.Type().Equals(b.Type()) {
		return v
	}
	ty, convs := convert.UnifyUnsafe([]cty.Type{a.Type(), b.Type()})
	if ty == cty.NilType {
		return env.fail("the results of a conditional have no common type")
	}
	if convs[0] == nil {
		return v
	}
	out, err := convs[0](a)
	if err != nil {
		return env.fail("the results of a conditional have no common type")
	}
	r, err := fromCty(out)
	if err != nil {
		return env.fail("a result can't be part of a record")
	}
	return r
}
