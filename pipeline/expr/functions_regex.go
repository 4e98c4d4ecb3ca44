package expr

import (
	"regexp"
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kinetail/kinetail/pipeline/match"
	"github.com/kinetail/kinetail/pipeline/record"
)

const (
	// patternsKept is how many regular expressions that aren't known at load are kept compiled.
	patternsKept = 64
	// patternLimit is the longest regular expression that a record may bring, in bytes.
	patternLimit = 1 << 10
)

// pattern is the regular expression an argument stands for: compiled at load where it is constant.
func (c *compiler) pattern(arg node) func(*Env) (*pattern, record.Value) {
	if arg.isConst {
		text, _ := (&Env{}).text(arg.constant)
		p, err := compilePattern(string([]byte(text)))
		if err != "" {
			c.errorf(arg.rng, "Invalid regular expression", "%s. In a quoted string a backslash is written twice.", err)
		}
		return func(*Env) (*pattern, record.Value) { return p, record.Value{} }
	}
	eval, none := arg.eval, c.none()
	return func(env *Env) (*pattern, record.Value) {
		v := eval(env)
		s, ok := env.text(v)
		if !ok {
			return nil, env.unfit(v, none)
		}
		return env.pattern(s)
	}
}

// pattern is a regular expression and the shape of its result.
type pattern struct {
	*regexp.Regexp
	fast *match.Regexp // the same, for the first match
	// names are those of the groups if they have names; order sorts them.
	names []string
	order []int
	named bool
}

func compilePattern(text string) (*pattern, string) {
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, err.Error()
	}
	p := &pattern{Regexp: re, fast: match.New(re)}
	names := re.SubexpNames()[1:]
	for _, n := range names {
		if n != "" {
			p.named = true
		}
	}
	if !p.named {
		return p, ""
	}
	seen := map[string]bool{}
	for i, n := range names {
		if n == "" {
			return nil, "a regular expression can't have groups with names and groups without"
		}
		if !seen[n] {
			p.order = append(p.order, i+1)
		}
		seen[n] = true
	}
	sort.Slice(p.order, func(a, b int) bool { return names[p.order[a]-1] < names[p.order[b]-1] })
	for _, g := range p.order {
		p.names = append(p.names, names[g-1])
	}
	return p, ""
}

func (env *Env) pattern(s string) (*pattern, record.Value) {
	if p, ok := env.patterns[s]; ok {
		return p, record.Value{}
	}
	if len(s) > patternLimit {
		return nil, env.fail("a regular expression is too long")
	}
	s = string([]byte(s))
	p, err := compilePattern(s)
	if err != "" {
		return nil, env.fail("a regular expression is not valid")
	}
	if env.patterns == nil || len(env.patterns) >= patternsKept {
		env.patterns = map[string]*pattern{}
	}
	env.patterns[s] = p
	return p, record.Value{}
}

// result is what regex gives for one match: the text, a list of the groups, or an object of the named groups.
func (p *pattern) result(s string, at []int) record.Value {
	group := func(i int) record.Value {
		if at[2*i] < 0 {
			return record.Value{}
		}
		return record.Of(s[at[2*i]:at[2*i+1]])
	}
	if p.named {
		values := make([]record.Value, len(p.order))
		for i, g := range p.order {
			values[i] = group(g)
		}
		return record.OfObject(p.names, values)
	}
	if len(at) == 2 {
		return group(0)
	}
	values := make([]record.Value, len(at)/2-1)
	for i := range values {
		values[i] = group(i + 1)
	}
	return record.OfList(values)
}

// buildRegex compiles regex(pattern, string). No match is null; inside try and can it is an error, as in HCL.
func buildRegex(c *compiler, _ *hclsyntax.FunctionCallExpr, args []node) node {
	compiled, subject, none := c.pattern(args[0]), args[1].eval, c.none()
	succeeds := func(env *Env) Verdict {
		if p, _ := compiled(env); p != nil {
			if s, ok := env.text(subject(env)); ok && p.fast.Match(&env.matching, s) {
				return True
			}
		}
		return False
	}
	return node{succeeds: succeeds, eval: func(env *Env) record.Value {
		p, v := compiled(env)
		if p == nil {
			return v
		}
		v = subject(env)
		s, ok := env.text(v)
		if !ok {
			return env.unfit(v, none)
		}
		at := p.fast.Find(&env.matching, s)
		if at == nil {
			env.failure = "no match"
			return none
		}
		return p.result(s, at)
	}}
}

func buildRegexAll(c *compiler, _ *hclsyntax.FunctionCallExpr, args []node) node {
	compiled, subject, none := c.pattern(args[0]), args[1].eval, c.none()
	return node{static: record.List, eval: func(env *Env) record.Value {
		p, v := compiled(env)
		if p == nil {
			return v
		}
		v = subject(env)
		s, ok := env.text(v)
		if !ok {
			return env.unfit(v, none)
		}
		values := []record.Value{}
		for _, at := range p.FindAllStringSubmatchIndex(s, -1) {
			values = append(values, p.result(s, at))
		}
		return record.OfList(values)
	}}
}

// buildReplace compiles replace(string, old, new); an old between slashes is a regular expression, as in Terraform.
func buildReplace(c *compiler, _ *hclsyntax.FunctionCallExpr, args []node) node {
	subject, with, none := args[0].eval, args[2].eval, c.none()
	var fixed *pattern
	if args[1].isConst {
		if text, ok := (&Env{}).text(args[1].constant); ok && isPattern(text) {
			fixed = &pattern{}
			re, err := regexp.Compile(string([]byte(text[1 : len(text)-1])))
			if err != nil {
				return c.errorf(args[1].rng, "Invalid regular expression", "%s. In a quoted string a backslash is written twice.", err)
			}
			fixed.Regexp, fixed.fast = re, match.New(re)
		}
	}
	old := args[1].eval
	return node{static: record.String, eval: func(env *Env) record.Value {
		v := subject(env)
		s, ok := env.text(v)
		if !ok {
			return env.unfit(v, none)
		}
		v = old(env)
		from, ok := env.text(v)
		if !ok {
			return env.unfit(v, none)
		}
		v = with(env)
		to, ok := env.text(v)
		if !ok {
			return env.unfit(v, none)
		}
		p := fixed
		if p == nil && isPattern(from) {
			if p, v = env.pattern(from[1 : len(from)-1]); p == nil {
				return v
			}
		}
		if p != nil {
			if len(s)*(len(to)+1) > maxString {
				return env.fail("a string is too long")
			}
			if p.fast != nil && !p.fast.Match(&env.matching, s) {
				return record.Of(s)
			}
			return record.Of(p.ReplaceAllString(s, to))
		}
		return env.replace(s, from, to)
	}}
}

func isPattern(s string) bool { return len(s) > 1 && s[0] == '/' && s[len(s)-1] == '/' }

func (env *Env) replace(s, from, to string) record.Value {
	n := strings.Count(s, from)
	if n == 0 {
		return record.Of(s)
	}
	if len(s)+n*len(to) > maxString {
		return env.fail("a string is too long")
	}
	if from == "" {
		return record.Of(strings.ReplaceAll(s, from, to))
	}
	start := len(env.arena)
	for {
		i := strings.Index(s, from)
		if i < 0 {
			break
		}
		env.arena = append(append(env.arena, s[:i]...), to...)
		s = s[i+len(from):]
	}
	env.arena = append(env.arena, s...)
	return record.Of(env.made(start))
}
