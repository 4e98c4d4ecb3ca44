package expr

import (
	"math"
	"net/netip"
	"strings"

	"github.com/apparentlymart/go-textseg/v17/textseg"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kinetail/kinetail/pipeline/record"
)

// number1 compiles a function of one number.
func number1(f func(env *Env, v record.Value) record.Value) builder {
	return func(c *compiler, _ *hclsyntax.FunctionCallExpr, args []node) node {
		arg, none := args[0].eval, c.none()
		return node{static: record.Int, eval: func(env *Env) record.Value {
			v := env.number(arg(env))
			switch v.Kind() {
			case record.Error:
				return v
			case record.Null:
				env.failure = "an argument of a function is null"
				return none
			}
			return f(env, v)
		}}
	}
}

func absolute(env *Env, v record.Value) record.Value {
	if v.Float() >= 0 {
		return v
	}
	return subtract(env, record.OfInt(0), v)
}

func ceil(env *Env, v record.Value) record.Value {
	if v.Kind() == record.Int {
		return v
	}
	return env.float(math.Ceil(v.Float()))
}

func floor(env *Env, v record.Value) record.Value {
	if v.Kind() == record.Int {
		return v
	}
	return env.float(math.Floor(v.Float()))
}

// buildExtreme compiles max (sign 1) and min (sign -1).
func buildExtreme(sign int) builder {
	return func(c *compiler, call *hclsyntax.FunctionCallExpr, args []node) node {
		if len(args) == 0 {
			return c.errorf(call.CloseParenRange, "Not enough function arguments", "Function %q needs at least one number.", call.Name)
		}
		evals, none := evalsOf(args), c.none()
		return node{static: record.Int, eval: func(env *Env) record.Value {
			var best record.Value
			missing := false
			for _, eval := range evals {
				v := env.number(eval(env))
				switch {
				case v.Kind() == record.Error:
					return v
				case v.IsNull():
					missing = true
				case best.IsNull() || compare(v, best)*sign > 0:
					best = v
				}
			}
			if missing {
				env.failure = "an argument of a function is null"
				return none
			}
			return best
		}}
	}
}

func buildToNumber(c *compiler, _ *hclsyntax.FunctionCallExpr, args []node) node {
	c.wantNumber(args[0])
	arg := args[0].eval
	return node{static: record.Int, eval: func(env *Env) record.Value { return env.number(arg(env)) }}
}

func buildToString(_ *compiler, _ *hclsyntax.FunctionCallExpr, args []node) node {
	arg := args[0].eval
	return node{static: record.String, eval: func(env *Env) record.Value {
		v := arg(env)
		if v.IsNull() {
			return v
		}
		s, ok := env.text(v)
		if !ok {
			return env.unfit(v, v)
		}
		return record.Of(s)
	}}
}

func buildToBool(c *compiler, _ *hclsyntax.FunctionCallExpr, args []node) node {
	c.wantCondition(args[0])
	return condition(args[0].decider())
}

// buildLength compiles length: the members of a list or an object, the characters (grapheme clusters) of a string.
func buildLength(c *compiler, _ *hclsyntax.FunctionCallExpr, args []node) node {
	arg, none := args[0].eval, c.none()
	return node{static: record.Int, eval: func(env *Env) record.Value {
		v := arg(env)
		switch v.Kind() {
		case record.String:
			return record.OfInt(int64(characters(v.Str())))
		case record.List:
			return record.OfInt(int64(v.Len(&env.arena)))
		case record.Object:
			if v.Tree() != nil {
				return record.OfInt(int64(v.Len(&env.arena)))
			}
			return record.OfInt(int64(env.toCty(v).LengthInt())) // a JSON text may repeat names
		case record.Null:
			env.failure = "an argument of a function is null"
			return none
		case record.Error:
			return v
		}
		return env.fail("length: a string, a list or an object is needed")
	}}
}

// characters counts grapheme clusters. ASCII has one a byte, but for CR LF, which is one.
func characters(s string) int {
	n := 0
	for len(s) > 0 {
		s = s[character(s):]
		n++
	}
	return n
}

// character is the length in bytes of the first grapheme cluster.
func character(s string) int {
	if len(s) == 1 || s[0] < 0x80 && s[0] != '\r' && s[1] < 0x80 {
		return 1
	}
	// A cluster that needs more bytes than these is cut; none that means anything does.
	const window = 256
	n, _, err := textseg.ScanGraphemeClusters([]byte(s[:min(len(s), window)]), true)
	if err != nil || n == 0 {
		return 1
	}
	return n
}

// buildSubstr compiles substr(string, offset, length), in characters; a negative offset counts from the end, a negative
// length goes to the end.
func buildSubstr(c *compiler, _ *hclsyntax.FunctionCallExpr, args []node) node {
	subject, from, count, none := args[0].eval, args[1].eval, args[2].eval, c.none()
	return node{static: record.String, eval: func(env *Env) record.Value {
		v := subject(env)
		s, ok := env.text(v)
		if !ok {
			return env.unfit(v, none)
		}
		offset, length := env.number(from(env)), env.number(count(env))
		if offset.IsNull() || length.IsNull() {
			env.failure = "an argument of a function is null"
			return none
		}
		if offset.Kind() != record.Int || length.Kind() != record.Int {
			return env.fail("substr: whole numbers are needed")
		}
		return record.Of(substr(s, offset.Int(), length.Int()))
	}}
}

func substr(s string, offset, length int64) string {
	if offset < 0 {
		offset += int64(characters(s))
	} else if length == 0 {
		return ""
	}
	for ; offset > 0; offset-- {
		if s == "" {
			return ""
		}
		s = s[character(s):]
	}
	if length < 0 {
		return s
	}
	end := 0
	for end < len(s) {
		end += character(s[end:])
		if length--; length == 0 {
			break
		}
	}
	return s[:end]
}

// buildCoalesce compiles coalesce: the first argument that isn't null, as the type that all have in common.
func buildCoalesce(c *compiler, call *hclsyntax.FunctionCallExpr, args []node) node {
	if len(args) == 0 {
		return c.errorf(call.CloseParenRange, "Not enough function arguments", "\"coalesce\" needs at least one.")
	}
	evals, none := evalsOf(args), c.none()
	return node{eval: func(env *Env) record.Value {
		var first record.Value
		var few [8]record.Value
		values := few[:0]
		text := false
		for _, eval := range evals {
			v := eval(env)
			switch v.Kind() {
			case record.Error:
				return v
			case record.Null:
				continue
			case record.String:
				text = true
			}
			if first.IsNull() {
				first = v
			}
			values = append(values, v)
		}
		if first.IsNull() {
			env.failure = "coalesce: all arguments are null"
			return none
		}
		for _, v := range values[1:] {
			if text && unifiable(plainKind(v.Kind()), record.String) {
				v = record.Of("")
			}
			if first = env.unify(first, v); first.Kind() == record.Error {
				return first
			}
		}
		return first
	}}
}

// buildContains compiles contains(list, value).
func buildContains(c *compiler, _ *hclsyntax.FunctionCallExpr, args []node) node {
	list, wanted, undecided := args[0].eval, args[1].eval, c.undecided()
	if args[0].static != record.Null && args[0].static != record.List {
		return c.errorf(args[0].rng, "Invalid function argument", "\"contains\" searches a list, and this is a %s; for strings there is strcontains.", args[0].static)
	}
	return condition(func(env *Env) Verdict {
		l, w := list(env), wanted(env)
		switch {
		case l.Kind() == record.Error || w.Kind() == record.Error:
			return failed
		case l.IsNull():
			env.failure = "an argument of a function is null"
			return undecided
		case l.Kind() != record.List:
			env.failure = "contains: a list is needed"
			return failed
		case w.Kind() == record.List || w.Kind() == record.Object:
			env.differ("contains: lists and objects can't be compared")
			return failed
		}
		found := False
		if t := l.Tree(); t != nil {
			for _, m := range t.Values {
				if env.equal(w, m.Resolve()) {
					return True
				}
			}
			return False
		}
		l.Members(&env.arena, func(_ string, m record.Value) bool {
			if env.equal(w, m.Resolve()) {
				found = True
			}
			return found == False
		})
		return found
	})
}

// buildLookup compiles lookup(object, key, default).
func buildLookup(c *compiler, _ *hclsyntax.FunctionCallExpr, args []node) node {
	object, key, fallback, none := args[0].eval, args[1].eval, args[2].eval, c.none()
	return node{eval: func(env *Env) record.Value {
		o := object(env)
		k := key(env)
		d := fallback(env)
		switch {
		case o.Kind() == record.Error || k.Kind() == record.Error || d.Kind() == record.Error:
			return record.Failed
		case o.IsNull() || k.IsNull() || d.IsNull():
			env.failure = "an argument of a function is null"
			return none
		case o.Kind() != record.Object:
			return env.fail("lookup: an object is needed")
		}
		name, ok := env.text(k)
		if !ok {
			return env.unfit(k, none)
		}
		if m, ok := o.Member(name, &env.arena); ok {
			return m.Resolve()
		}
		return d
	}}
}

// buildJoin compiles join(separator, list, ...).
func buildJoin(c *compiler, call *hclsyntax.FunctionCallExpr, args []node) node {
	if len(args) < 2 {
		return c.errorf(call.CloseParenRange, "Not enough function arguments", "\"join\" needs at least one list.")
	}
	sep, lists, none := args[0].eval, evalsOf(args[1:]), c.none()
	return node{static: record.String, eval: func(env *Env) record.Value {
		v := sep(env)
		between, ok := env.text(v)
		if !ok {
			return env.unfit(v, none)
		}
		var few [16]string
		parts := few[:0]
		bad := false
		for _, list := range lists {
			l := list(env)
			switch l.Kind() {
			case record.List:
			case record.Null:
				env.failure = "an argument of a function is null"
				return none
			case record.Error:
				return l
			default:
				return env.fail("join: a list is needed")
			}
			l.Members(&env.arena, func(_ string, m record.Value) bool {
				s, ok := env.text(m)
				bad = bad || !ok
				parts = append(parts, s)
				return ok
			})
		}
		if bad {
			return env.fail("join: the members of the list must be strings")
		}
		start := len(env.arena)
		for i, p := range parts {
			if i > 0 {
				env.arena = append(env.arena, between...)
			}
			if env.arena = append(env.arena, p...); len(env.arena)-start > maxString {
				return env.fail("a string is too long")
			}
		}
		return record.Of(env.made(start))
	}}
}

// buildSplit compiles split(separator, string).
func buildSplit(c *compiler, call *hclsyntax.FunctionCallExpr, args []node) node {
	n := text2(func(_ *Env, sep, s string) record.Value {
		parts := strings.Split(s, sep)
		values := make([]record.Value, len(parts))
		for i, p := range parts {
			values[i] = record.Of(p)
		}
		return record.OfList(values)
	})(c, call, args)
	n.static = record.List
	first, second, none := args[0].eval, args[1].eval, c.none()
	n.element = func(env *Env, i int64) (record.Value, bool) {
		v := first(env)
		sep, ok := env.text(v)
		if !ok {
			return env.unfit(v, none), false
		}
		v = second(env)
		s, ok := env.text(v)
		if !ok {
			return env.unfit(v, none), false
		}
		part, ok := splitPart(s, sep, i)
		return record.Of(part), ok
	}
	return n
}

// splitPart is strings.Split(s, sep)[i], if there is one, without making the others: for a partition key out of a log line that is the
// largest part of the line's cost.
func splitPart(s, sep string, i int64) (string, bool) {
	if i < 0 {
		return "", false
	}
	if sep == "" {
		parts := strings.Split(s, sep)
		if i >= int64(len(parts)) {
			return "", false
		}
		return parts[i], true
	}
	for ; i > 0; i-- {
		_, after, found := strings.Cut(s, sep)
		if !found {
			return "", false
		}
		s = after
	}
	part, _, _ := strings.Cut(s, sep)
	return part, true
}

// buildCIDRContains compiles cidrcontains(prefix, address or prefix). Addresses of the other family are outside.
func buildCIDRContains(c *compiler, call *hclsyntax.FunctionCallExpr, args []node) node {
	if !args[0].isConst {
		return text2(func(env *Env, outer, inner string) record.Value {
			p, ok := parsePrefix(outer)
			if !ok {
				return env.fail("cidrcontains: an address range like 10.0.0.0/8 is needed")
			}
			return cidrContains(env, p, inner)
		})(c, call, args)
	}
	text, _ := (&Env{}).text(args[0].constant)
	prefix, ok := parsePrefix(text)
	if !ok {
		return c.errorf(args[0].rng, "Invalid address range", "%q is no address range like 10.0.0.0/8 or 2001:db8::/32.", text)
	}
	return text1(func(env *Env, inner string) record.Value { return cidrContains(env, prefix, inner) })(c, call, args[1:])
}

func parsePrefix(s string) (netip.Prefix, bool) {
	p, err := netip.ParsePrefix(s)
	return p.Masked(), err == nil
}

func cidrContains(env *Env, outer netip.Prefix, inner string) record.Value {
	if strings.IndexByte(inner, '/') >= 0 {
		p, ok := parsePrefix(inner)
		if !ok {
			return env.fail("cidrcontains: not an address or an address range")
		}
		return record.OfBool(p.Bits() >= outer.Bits() && outer.Contains(p.Addr()))
	}
	a, err := netip.ParseAddr(inner)
	if err != nil {
		return env.fail("cidrcontains: not an address or an address range")
	}
	return record.OfBool(outer.Contains(a.Unmap().WithZone("")))
}
