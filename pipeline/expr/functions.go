package expr

import (
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"github.com/kinetail/kinetail/pipeline/record"
)

// builtin is one function: what it means, in cty's terms, and how it is compiled.
type builtin struct {
	// reference is evaluated where all arguments are constant, and says how many arguments there are.
	reference function.Function
	// build compiles a call. Without it a call goes through reference, which costs about a microsecond and some allocations.
	build func(c *compiler, call *hclsyntax.FunctionCallExpr, args []node) node
}

// builtins are the functions by Terraform's names. It is a function because the entries refer to the compiler, which refers to them.
func builtins() map[string]builtin { return table }

var table map[string]builtin

func init() {
	table = map[string]builtin{
		"abs":          {stdlib.AbsoluteFunc, number1(absolute)},
		"base64decode": {base64DecodeFunc, text1(base64Decode)},
		"base64encode": {base64EncodeFunc, text1(base64Encode)},
		"can":          {tryfunc.CanFunc, nil},
		"ceil":         {stdlib.CeilFunc, number1(ceil)},
		"chomp":        {stdlib.ChompFunc, nil},
		"cidrcontains": {cidrContainsFunc, buildCIDRContains},
		"coalesce":     {stdlib.CoalesceFunc, buildCoalesce},
		"concat":       {stdlib.ConcatFunc, nil},
		"contains":     {stdlib.ContainsFunc, buildContains},
		"distinct":     {stdlib.DistinctFunc, nil},
		"element":      {stdlib.ElementFunc, nil},
		"endswith":     {endsWithFunc, buildEndsWith},
		"flatten":      {stdlib.FlattenFunc, nil},
		"floor":        {stdlib.FloorFunc, number1(floor)},
		"format":       {stdlib.FormatFunc, nil},
		"formatdate":   {stdlib.FormatDateFunc, nil},
		"indent":       {stdlib.IndentFunc, nil},
		"join":         {stdlib.JoinFunc, buildJoin},
		"jsondecode":   {stdlib.JSONDecodeFunc, text1(jsonDecode)},
		"jsonencode":   {stdlib.JSONEncodeFunc, buildJSONEncode},
		"keys":         {stdlib.KeysFunc, nil},
		"length":       {lengthFunc, buildLength},
		"log":          {stdlib.LogFunc, nil},
		"lookup":       {stdlib.LookupFunc, buildLookup},
		"lower":        {stdlib.LowerFunc, text1(lower)},
		"max":          {stdlib.MaxFunc, buildExtreme(1)},
		"md5":          {digestFunc(md5Hex), text1(digest(md5Hex))},
		"merge":        {stdlib.MergeFunc, nil},
		"min":          {stdlib.MinFunc, buildExtreme(-1)},
		"parseint":     {stdlib.ParseIntFunc, nil},
		"pow":          {stdlib.PowFunc, nil},
		"range":        {stdlib.RangeFunc, nil},
		"regex":        {stdlib.RegexFunc, buildRegex},
		"regexall":     {stdlib.RegexAllFunc, buildRegexAll},
		"replace":      {replaceFunc, buildReplace},
		"reverse":      {stdlib.ReverseListFunc, nil},
		"sha1":         {digestFunc(sha1Hex), text1(digest(sha1Hex))},
		"sha256":       {digestFunc(sha256Hex), text1(digest(sha256Hex))},
		"signum":       {stdlib.SignumFunc, nil},
		"slice":        {stdlib.SliceFunc, nil},
		"sort":         {stdlib.SortFunc, nil},
		"split":        {stdlib.SplitFunc, buildSplit},
		"startswith":   {startsWithFunc, buildStartsWith},
		"strcontains":  {strContainsFunc, buildStrContains},
		"strrev":       {stdlib.ReverseFunc, nil},
		"substr":       {stdlib.SubstrFunc, buildSubstr},
		"timeadd":      {stdlib.TimeAddFunc, nil},
		"title":        {stdlib.TitleFunc, nil},
		"tobool":       {stdlib.MakeToFunc(cty.Bool), buildToBool},
		"tojson":       {toJSONFunc, buildToJSON},
		"tonumber":     {stdlib.MakeToFunc(cty.Number), buildToNumber},
		"tostring":     {stdlib.MakeToFunc(cty.String), buildToString},
		"trim":         {stdlib.TrimFunc, text2(trim)},
		"trimprefix":   {stdlib.TrimPrefixFunc, text2(trimPrefix)},
		"trimspace":    {stdlib.TrimSpaceFunc, text1(trimSpace)},
		"trimsuffix":   {stdlib.TrimSuffixFunc, text2(trimSuffix)},
		"try":          {tryfunc.TryFunc, nil},
		"upper":        {stdlib.UpperFunc, text1(upper)},
		"values":       {stdlib.ValuesFunc, nil},
	}
}

// Functions are the functions that expressions may call, in cty's terms, for the parts of a configuration that are evaluated at
// load. The map is the caller's.
func Functions() map[string]function.Function {
	out := make(map[string]function.Function, len(table))
	for name, b := range builtins() {
		out[name] = b.reference
	}
	return out
}

func (c *compiler) call(e *hclsyntax.FunctionCallExpr) node {
	b, ok := builtins()[e.Name]
	if !ok {
		return c.errorf(e.NameRange, "Call to unknown function", "There is no function named %q.%s",
			e.Name, suggest(e.Name, slices.Sorted(maps.Keys(builtins()))))
	}
	if e.ExpandFinal {
		return c.errorf(e.Range(), "Unsupported call", "The arguments of a call that reads a record can't be expanded with \"...\".")
	}
	params, rest := b.reference.Params(), b.reference.VarParam()
	switch {
	case len(e.Args) < len(params):
		return c.errorf(e.CloseParenRange, "Not enough function arguments", "Function %q needs %d; the one for %q is missing.",
			e.Name, len(params), params[len(e.Args)].Name)
	case rest == nil && len(e.Args) > len(params):
		return c.errorf(e.Args[len(params)].Range(), "Too many function arguments", "Function %q takes only %d.", e.Name, len(params))
	}
	switch e.Name {
	case "try":
		return c.try(e.Args)
	case "can":
		return c.can(e.Args[0])
	}
	args := make([]node, len(e.Args))
	for i, a := range e.Args {
		args[i] = c.compile(a)
		p := rest
		if i < len(params) {
			p = &params[i]
		}
		c.checkArgument(args[i], p, e.Name)
	}
	if c.diags.HasErrors() {
		return constant(record.Value{}, e.Range())
	}
	if b.build != nil {
		return b.build(c, e, args)
	}
	return c.throughCty(b.reference, args)
}

// checkArgument refuses an argument that can never have the parameter's type.
func (c *compiler) checkArgument(n node, p *function.Parameter, name string) {
	switch p.Type {
	case cty.String:
		if n.static == record.List || n.static == record.Object {
			c.errorf(n.rng, "Invalid function argument", "%q needs a string for %q, and this is a %s.", name, p.Name, n.static)
		}
	case cty.Number:
		c.wantNumber(n)
	case cty.Bool:
		c.wantCondition(n)
	}
	if n.isConst && n.static == record.Null && !p.AllowNull {
		c.errorf(n.rng, "Invalid function argument", "%q needs a value for %q, and this is null.", name, p.Name)
	}
}

// throughCty calls the function as cty has it.
func (c *compiler) throughCty(f function.Function, args []node) node {
	evals, none := evalsOf(args), c.none()
	params, rest := f.Params(), f.VarParam()
	return node{eval: func(env *Env) (result record.Value) {
		in := make([]cty.Value, len(evals))
		for i, eval := range evals {
			p := rest
			if i < len(params) {
				p = &params[i]
			}
			v := eval(env)
			switch {
			case v.Kind() == record.Error:
				return v
			case v.IsNull() && !p.AllowNull:
				env.failure = "an argument of a function is null"
				return none
			}
			converted, ok := convertTo(env.toCty(v), p.Type)
			if !ok {
				return env.fail("an argument of a function has the wrong type")
			}
			in[i] = converted
		}
		defer func() {
			if recover() != nil {
				result = env.fail("a function failed")
			}
		}()
		out, err := f.Call(in)
		if err != nil {
			return env.fail("a function can't do that with these arguments")
		}
		result, err = fromCty(out)
		if err != nil {
			return env.fail("the result of a function can't be part of a record")
		}
		return result
	}}
}

// try is the first argument that has no error, by HCL's rules: a missing field is one.
func (c *compiler) try(args []hclsyntax.Expression) node {
	evals := c.strictly(args)
	return node{eval: func(env *Env) record.Value {
		for _, eval := range evals {
			if v := eval(env); v.Kind() != record.Error {
				return v
			}
		}
		return record.Failed
	}}
}

// can says whether its argument has no error, by HCL's rules: can(record.a) is false where the record has no field "a".
func (c *compiler) can(arg hclsyntax.Expression) node {
	was := c.strict
	c.strict = true
	n := c.compile(arg)
	c.strict = was
	if n.succeeds != nil {
		return condition(n.succeeds)
	}
	eval := n.eval
	return condition(func(env *Env) Verdict {
		if eval(env).Kind() == record.Error {
			return False
		}
		return True
	})
}

func (c *compiler) strictly(args []hclsyntax.Expression) []func(*Env) record.Value {
	was := c.strict
	c.strict = true
	defer func() { c.strict = was }()
	evals := make([]func(*Env) record.Value, len(args))
	for i, a := range args {
		evals[i] = c.compile(a).eval
	}
	return evals
}

func evalsOf(args []node) []func(*Env) record.Value {
	evals := make([]func(*Env) record.Value, len(args))
	for i := range args {
		evals[i] = args[i].eval
	}
	return evals
}
