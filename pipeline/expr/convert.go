package expr

import (
	"github.com/kinetail/kinetail/pipeline/record"
)

// The conversions are those of HCL: numbers and booleans become strings, strings that hold a number or a boolean become one.

// verdict is v as a condition.
func (env *Env) verdict(v record.Value) Verdict {
	switch v.Kind() {
	case record.Bool:
		if v.Bool() {
			return True
		}
		return False
	case record.Null:
		return Undecided
	case record.Error:
		return failed
	case record.String:
		switch v.Str() {
		case "true", "1":
			return True
		case "false", "0":
			return False
		}
	}
	env.failure = "true or false is needed"
	return mistyped
}

// number is v as an Int or Float. Null stays null; what is no number becomes an Error.
func (env *Env) number(v record.Value) record.Value {
	switch v.Kind() {
	case record.Int, record.Float, record.Null, record.Error:
		return v
	case record.Number:
		return v.Resolve()
	case record.String:
		if n, ok := record.ParseNumber(v.Str()); ok && n.Kind() != record.Error {
			return n
		}
	}
	return env.fail("a number is needed")
}

// text is v as a string; false for null, lists, objects and errors.
func (env *Env) text(v record.Value) (string, bool) {
	switch v.Kind() {
	case record.String:
		return v.Str(), true
	case record.Bool:
		if v.Bool() {
			return "true", true
		}
		return "false", true
	case record.Int, record.Float:
		start := len(env.arena)
		env.arena = record.AppendText(env.arena, v)
		return env.made(start), true
	case record.Number:
		return env.text(v.Resolve())
	case record.List, record.Object:
		env.failure = "a list or an object where a string is needed"
	}
	return "", false
}
