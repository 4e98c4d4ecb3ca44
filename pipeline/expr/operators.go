package expr

import (
	"math"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kinetail/kinetail/pipeline/record"
)

func (c *compiler) binary(e *hclsyntax.BinaryOpExpr) node {
	a, b := c.compile(e.LHS), c.compile(e.RHS)
	switch e.Op {
	case hclsyntax.OpLogicalAnd:
		return c.logic(a, b, False)
	case hclsyntax.OpLogicalOr:
		return c.logic(a, b, True)
	case hclsyntax.OpEqual:
		return equality(a, b, True)
	case hclsyntax.OpNotEqual:
		return equality(a, b, False)
	case hclsyntax.OpLessThan:
		return c.ordering(a, b, [3]Verdict{True, False, False})
	case hclsyntax.OpLessThanOrEqual:
		return c.ordering(a, b, [3]Verdict{True, True, False})
	case hclsyntax.OpGreaterThan:
		return c.ordering(a, b, [3]Verdict{False, False, True})
	case hclsyntax.OpGreaterThanOrEqual:
		return c.ordering(a, b, [3]Verdict{False, True, True})
	case hclsyntax.OpAdd:
		return c.arithmetic(a, b, add)
	case hclsyntax.OpSubtract:
		return c.arithmetic(a, b, subtract)
	case hclsyntax.OpMultiply:
		return c.arithmetic(a, b, multiply)
	case hclsyntax.OpDivide:
		return c.arithmetic(a, b, divide)
	case hclsyntax.OpModulo:
		return c.arithmetic(a, b, modulo)
	}
	return c.errorf(e.SrcRange, "Unsupported operator", "This operator can't be evaluated for each record.")
}

func (c *compiler) unary(e *hclsyntax.UnaryOpExpr) node {
	v := c.compile(e.Val)
	if e.Op == hclsyntax.OpLogicalNot {
		c.wantCondition(v)
		decide := v.decider()
		results := [...]Verdict{False: True, True: False, Undecided: c.undecided(), failed: failed, mistyped: failed}
		return condition(func(env *Env) Verdict { return results[decide(env)] })
	}
	zero := constant(record.OfInt(0), v.rng)
	zero.rng = e.SrcRange
	return c.arithmetic(zero, v, subtract)
}

// undecided is the verdict of an operation on null: undecided, or failed where HCL's own rule counts.
func (c *compiler) undecided() Verdict {
	if c.strict {
		return failed
	}
	return Undecided
}

// wantCondition refuses what can never be true or false.
func (c *compiler) wantCondition(n node) {
	bad := n.static == record.Int || n.static == record.List || n.static == record.Object
	if n.isConst && n.static == record.String {
		bad = (&Env{}).verdict(n.constant) == mistyped
	}
	if bad {
		c.errorf(n.rng, "Not a condition", "True or false is needed here, and this is a %s.", n.static)
	}
}

// wantNumber refuses what can never be a number.
func (c *compiler) wantNumber(n node) {
	bad := n.static == record.Bool || n.static == record.List || n.static == record.Object
	if n.isConst && n.static == record.String {
		bad = (&Env{}).number(n.constant).Kind() == record.Error
	}
	if bad {
		c.errorf(n.rng, "Not a number", "A number is needed here, and this is a %s. Strings are compared with == and !=, or with startswith, strcontains and regex.", n.static)
	}
}

// logic is && and ||: decisive settles it from either side, whatever the other is; null is neither true nor false.
func (c *compiler) logic(a, b node, decisive Verdict) node {
	c.wantCondition(a)
	c.wantCondition(b)
	left, right, undecided, strict := a.decider(), b.decider(), c.undecided(), c.strict
	return condition(func(env *Env) Verdict {
		l := left(env)
		if l == decisive && !strict {
			return l
		}
		r := right(env)
		if l <= True && r <= True && !strict {
			return r // l is not decisive
		}
		switch {
		case strict && (l == mistyped || r == mistyped):
			return failed
		case l == decisive || r == decisive:
			return decisive
		case l >= failed || r >= failed:
			env.deviates = env.deviates || l == Undecided || r == Undecided
			return failed
		case l == Undecided || r == Undecided:
			env.differ("null is neither true nor false")
			return undecided
		}
		return r
	})
}

// equality is == (same is True) and != (same is False). As in HCL, values of different types are different, and null equals null.
func equality(a, b node, same Verdict) node {
	if a.isConst && !b.isConst {
		a, b = b, a
	}
	different := True - same
	if b.isConst && b.static == record.String && a.isField {
		name, slot, want := a.field, a.slot, b.constant.Str()
		return condition(func(env *Env) Verdict {
			v := env.hinted(name, slot)
			if v == nil {
				v = env.field(name, slot)
			}
			if v.Kind() == record.String && v.Str() == want {
				return same
			}
			return different
		})
	}
	left, right := a.eval, b.eval
	return condition(func(env *Env) Verdict {
		l := left(env)
		r := right(env)
		switch {
		case l.Kind() == record.Error || r.Kind() == record.Error:
			return failed
		case env.equal(l, r):
			return same
		case l.Kind() == r.Kind() && (l.Kind() == record.List || l.Kind() == record.Object):
			env.differ("lists and objects can't be compared; compare their parts, or what jsonencode makes of them")
			return failed
		}
		return different
	})
}

// equal compares plain values; lists and objects are never equal here.
func (env *Env) equal(l, r record.Value) bool {
	switch l.Kind() {
	case record.Null:
		return r.Kind() == record.Null
	case record.String:
		return r.Kind() == record.String && l.Str() == r.Str()
	case record.Bool:
		return r.Kind() == record.Bool && l.Bool() == r.Bool()
	case record.Int, record.Float:
		return r.IsNumber() && compare(l, r) == 0
	}
	return false
}

// ordering is <, <=, > and >=; results are for less, equal and greater.
func (c *compiler) ordering(a, b node, results [3]Verdict) node {
	c.wantNumber(a)
	c.wantNumber(b)
	undecided := c.undecided()
	if a.isConst && !b.isConst {
		a, b = b, a
		results[0], results[2] = results[2], results[0]
	}
	left, right := a.eval, b.eval
	slow := func(env *Env, l, r record.Value) Verdict {
		l, r = env.number(l), env.number(r)
		switch {
		case l.Kind() == record.Error || r.Kind() == record.Error:
			return failed
		case l.IsNull() || r.IsNull():
			env.failure = "null can't be ordered"
			return undecided
		}
		return results[compare(l, r)+1]
	}
	if want := (&Env{}).number(b.constant); b.isConst && want.Kind() == record.Int && a.isField {
		name, slot, limit := a.field, a.slot, want.Int()
		less, equal, greater := results[0], results[1], results[2] // copies, for a closure reads what was assigned to through a pointer
		return condition(func(env *Env) Verdict {
			v := env.hinted(name, slot)
			if v == nil {
				v = env.field(name, slot)
			}
			var n int64
			switch v.Kind() {
			case record.Int:
				n = v.Int()
			case record.Number:
				var ok bool
				if n, ok = record.ParseInt(v.Str()); !ok {
					return slow(env, *v, want)
				}
			default:
				return slow(env, *v, want)
			}
			switch {
			case n < limit:
				return less
			case n > limit:
				return greater
			}
			return equal
		})
	}
	return condition(func(env *Env) Verdict {
		l := left(env)
		return slow(env, l, right(env))
	})
}

// compare orders two numbers: -1, 0 or 1. An Int and a Float are compared without rounding the Int.
func compare(l, r record.Value) int {
	if l.Kind() == record.Int && r.Kind() == record.Int {
		return order(l.Int(), r.Int())
	}
	if l.Kind() == record.Float && r.Kind() == record.Float {
		return order(l.Float(), r.Float())
	}
	if l.Kind() == record.Float {
		return -compare(r, l)
	}
	f := r.Float()
	switch {
	case f >= 1<<63:
		return -1
	case f < -1<<63:
		return 1
	}
	whole := math.Floor(f)
	if d := order(l.Int(), int64(whole)); d != 0 || f == whole {
		return d
	}
	return -1
}

func order[T int64 | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (c *compiler) arithmetic(a, b node, op func(*Env, record.Value, record.Value) record.Value) node {
	c.wantNumber(a)
	c.wantNumber(b)
	left, right, none := a.eval, b.eval, c.none()
	return node{static: record.Int, eval: func(env *Env) record.Value {
		l := env.number(left(env))
		r := env.number(right(env))
		switch {
		case l.Kind() == record.Error || r.Kind() == record.Error:
			return record.Failed
		case l.IsNull() || r.IsNull():
			env.failure = "null can't be reckoned with"
			return none
		}
		return op(env, l, r)
	}}
}

func (env *Env) float(f float64) record.Value {
	v := record.OfFloat(f)
	if v.Kind() == record.Error {
		return env.differ("a number is too large")
	}
	return v
}

func add(env *Env, l, r record.Value) record.Value {
	if l.Kind() == record.Int && r.Kind() == record.Int {
		a, b := l.Int(), r.Int()
		if s := a + b; (s > a) == (b > 0) {
			return record.OfInt(s)
		}
	}
	return env.float(l.Float() + r.Float())
}

func subtract(env *Env, l, r record.Value) record.Value {
	if l.Kind() == record.Int && r.Kind() == record.Int {
		a, b := l.Int(), r.Int()
		if d := a - b; (d < a) == (b > 0) {
			return record.OfInt(d)
		}
	}
	return env.float(l.Float() - r.Float())
}

func multiply(env *Env, l, r record.Value) record.Value {
	if l.Kind() == record.Int && r.Kind() == record.Int {
		a, b := l.Int(), r.Int()
		if a == 0 || b == 0 {
			return record.OfInt(0)
		}
		if p := a * b; p/b == a && !(a == -1 && b == math.MinInt64) && !(b == -1 && a == math.MinInt64) {
			return record.OfInt(p)
		}
	}
	return env.float(l.Float() * r.Float())
}

func divide(env *Env, l, r record.Value) record.Value {
	if r.Float() == 0 {
		return env.differ("division by zero")
	}
	if l.Kind() == record.Int && r.Kind() == record.Int {
		if a, b := l.Int(), r.Int(); b != -1 && a%b == 0 {
			return record.OfInt(a / b)
		}
	}
	return env.float(l.Float() / r.Float())
}

func modulo(env *Env, l, r record.Value) record.Value {
	if r.Float() == 0 {
		return env.differ("division by zero")
	}
	if l.Kind() == record.Int && r.Kind() == record.Int {
		if b := r.Int(); b != -1 {
			return record.OfInt(l.Int() % b)
		}
		return record.OfInt(0)
	}
	return env.float(math.Mod(l.Float(), r.Float()))
}

// conditional is cond ? a : b. As in HCL both results have one type: a number or boolean becomes a string where the other is a string.
func (c *compiler) conditional(e *hclsyntax.ConditionalExpr) node {
	cond, a, b := c.compile(e.Condition), c.compile(e.TrueResult), c.compile(e.FalseResult)
	c.wantCondition(cond)
	if a.static != record.Null && b.static != record.Null && !unifiable(a.static, b.static) {
		c.errorf(e.SrcRange, "Inconsistent conditional result types", "The results must have one type: one is a %s, the other a %s.", a.static, b.static)
	}
	decide, yes, no, none := cond.decider(), a.eval, b.eval, c.none()
	sameType := a.static != record.Null && a.static == b.static && a.static != record.List && a.static != record.Object
	return node{eval: func(env *Env) record.Value {
		chosen, other, unchosen := yes, no, &b
		switch decide(env) {
		case True:
		case False:
			chosen, other, unchosen = no, yes, &a
		case Undecided:
			env.failure = "a condition is null"
			return none
		default:
			return record.Failed
		}
		v := chosen(env)
		if sameType || v.Kind() == record.Null || v.Kind() == record.Error {
			return v
		}
		o := other(env)
		if o.Kind() == record.Null && unchosen.static == record.String || o.Kind() == record.Error && unchosen.template {
			o = record.Of("") // it has a type though it has no value
		}
		return env.unify(v, o)
	}, static: staticOf(a.static, b.static)}
}

func staticOf(a, b record.Kind) record.Kind {
	switch {
	case a == b:
		return a
	case a == record.Null || b == record.Null:
		return record.Null
	}
	return record.String
}

func unifiable(a, b record.Kind) bool {
	tree := func(k record.Kind) bool { return k == record.List || k == record.Object }
	if a == b {
		return true
	}
	return !tree(a) && !tree(b) && (a == record.String || b == record.String)
}

// unify is v as the type that it and other have in common.
func (env *Env) unify(v, other record.Value) record.Value {
	a, b := plainKind(v.Kind()), plainKind(other.Kind())
	switch {
	case b == record.Null || b == record.Error:
		return v
	case a == record.List && b == a, a == record.Object && b == a:
		return env.unifyTrees(v, other)
	case a == b || a == record.String && unifiable(a, b):
		return v
	case unifiable(a, b):
		s, _ := env.text(v)
		return record.Of(s)
	}
	return env.fail("the results of a conditional have no common type")
}

func plainKind(k record.Kind) record.Kind {
	if k == record.Float || k == record.Number {
		return record.Int
	}
	return k
}
