package expr

import (
	"github.com/hashicorp/hcl/v2"

	"github.com/kinetail/kinetail/pipeline/record"
)

// Verdict is the result of a condition.
type Verdict uint8

// A condition is false, true, or undecided because it is null.
const (
	False Verdict = iota
	True
	Undecided
	// failed and mistyped are not seen outside: an operation failed, or the value can't be a condition. HCL's && and || settle the
	// former from the other side, the latter never.
	failed
	mistyped
)

// Program is a compiled expression. It is safe for concurrent use with different Envs.
type Program struct {
	root   node
	decide func(*Env) Verdict
	rng    hcl.Range
}

// Eval is the expression's value for env's record. An operation that fails (a wrong type, a division by zero, a number that isn't
// one) makes the result null and is counted in env.Failures. Strings alias the record, the configuration or env's arena:
// they are good until the batch is released or env.Reset.
func (p *Program) Eval(env *Env) record.Value {
	v := p.root.eval(env)
	if v.Kind() == record.Error {
		env.Failures++
		env.LastFailure = env.failure
		return record.Value{}
	}
	return v
}

// Decide is the expression's value as a condition. Null, and what is no condition, is Undecided; the latter is counted like a failure.
func (p *Program) Decide(env *Env) Verdict {
	d := p.decide(env)
	if d >= failed {
		env.Failures++
		env.LastFailure = env.failure
		return Undecided
	}
	return d
}

// Constant is the value of an expression that reads no record, file or host, and whether it is one.
func (p *Program) Constant() (record.Value, bool) { return p.root.constant, p.root.isConst }

// Field is the name of the field, where the expression is nothing but a field of the record.
func (p *Program) Field() (string, bool) { return p.root.field, p.root.isField }

// Range is where the expression stands in the configuration.
func (p *Program) Range() hcl.Range { return p.rng }

// Text is the value as a string (numbers and booleans are converted), and false where it is null, a list or an object. The
// string aliases what Eval's does.
func (p *Program) Text(env *Env) (string, bool) {
	v := p.root.eval(env)
	if v.Kind() == record.Null {
		return "", false
	}
	s, ok := env.text(v)
	if !ok {
		if v.Kind() != record.Error {
			env.failure = "a list or an object where a string is needed"
		}
		env.Failures++
		env.LastFailure = env.failure
	}
	return s, ok
}

// node is a compiled part of an expression.
type node struct {
	eval func(*Env) record.Value
	// verdict is set where the result is a condition by nature; see decide.
	verdict func(*Env) Verdict

	constant record.Value
	isConst  bool
	// field and slot are those of a plain field of the record (where missing fields are null), for which operators have shorter ways.
	field   string
	slot    uint8
	isField bool
	// static is the kind that the value has unless it is null or an error; Null where that isn't known at load. Numbers are Int.
	static record.Kind
	// template is set for "...": it is a string even where it fails.
	template bool
	// element is set where a member of a list is cheaper to make than the list: the i-th, and false where there is none. What is no list
	// is an error or null, as eval has it.
	element func(env *Env, i int64) (record.Value, bool)
	// succeeds says, where that is cheaper to know than the value, whether eval has no error.
	succeeds func(*Env) Verdict

	rng hcl.Range
}

func constant(v record.Value, rng hcl.Range) node {
	v = v.Resolve()
	n := node{eval: func(*Env) record.Value { return v }, constant: v, isConst: true, static: v.Kind(), rng: rng}
	if n.static == record.Float {
		n.static = record.Int
	}
	if v.Kind() == record.Bool {
		d := False
		if v.Bool() {
			d = True
		}
		n.verdict = func(*Env) Verdict { return d }
	}
	return n
}

// condition makes a node of a function that decides.
func condition(decide func(*Env) Verdict) node {
	return node{
		verdict: decide,
		static:  record.Bool,
		eval: func(env *Env) record.Value {
			switch decide(env) {
			case False:
				return record.OfBool(false)
			case True:
				return record.OfBool(true)
			case Undecided:
				return record.Value{}
			}
			return record.Failed
		},
	}
}

// decider is the function that decides n.
func (n *node) decider() func(*Env) Verdict {
	if n.verdict != nil {
		return n.verdict
	}
	eval := n.eval
	return func(env *Env) Verdict { return env.verdict(eval(env)) }
}
