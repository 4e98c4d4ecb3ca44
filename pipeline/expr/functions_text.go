package expr

import (
	"crypto/md5"  //nolint:gosec // for names and keys, not for secrets
	"crypto/sha1" //nolint:gosec // as above
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kinetail/kinetail/pipeline/record"
)

type builder = func(c *compiler, call *hclsyntax.FunctionCallExpr, args []node) node

// text1 compiles a function of one string.
func text1(f func(env *Env, s string) record.Value) builder {
	return func(c *compiler, _ *hclsyntax.FunctionCallExpr, args []node) node {
		arg, none := args[0].eval, c.none()
		return node{eval: func(env *Env) record.Value {
			v := arg(env)
			s, ok := env.text(v)
			if !ok {
				return env.unfit(v, none)
			}
			return f(env, s)
		}}
	}
}

// text2 compiles a function of two strings.
func text2(f func(env *Env, a, b string) record.Value) builder {
	return func(c *compiler, _ *hclsyntax.FunctionCallExpr, args []node) node {
		first, second, none := args[0].eval, args[1].eval, c.none()
		return node{eval: func(env *Env) record.Value {
			v := first(env)
			a, ok := env.text(v)
			if !ok {
				return env.unfit(v, none)
			}
			v = second(env)
			b, ok := env.text(v)
			if !ok {
				return env.unfit(v, none)
			}
			return f(env, a, b)
		}}
	}
}

// unfit is the result for an argument that is no string.
func (env *Env) unfit(v, none record.Value) record.Value {
	switch v.Kind() {
	case record.Null:
		env.failure = "an argument of a function is null"
		return none
	case record.Error:
		return v
	}
	return env.fail("a string is needed")
}

// test2 compiles a function that decides about two strings.
func test2(f func(a, b string) bool) builder {
	return func(c *compiler, _ *hclsyntax.FunctionCallExpr, args []node) node {
		undecided := c.undecided()
		if args[1].isConst && args[0].isField {
			if want, ok := (&Env{}).text(args[1].constant); ok {
				want = string([]byte(want))
				name, slot := args[0].field, args[0].slot
				return condition(func(env *Env) Verdict {
					v := env.hinted(name, slot)
					if v == nil {
						v = env.field(name, slot)
					}
					s := v.Str()
					if v.Kind() != record.String {
						var ok bool
						if s, ok = env.text(*v); !ok {
							return env.unfitVerdict(*v, undecided)
						}
					}
					if f(s, want) {
						return True
					}
					return False
				})
			}
		}
		first, second := args[0].eval, args[1].eval
		return condition(func(env *Env) Verdict {
			v := first(env)
			a, ok := env.text(v)
			if !ok {
				return env.unfitVerdict(v, undecided)
			}
			v = second(env)
			b, ok := env.text(v)
			if !ok {
				return env.unfitVerdict(v, undecided)
			}
			if f(a, b) {
				return True
			}
			return False
		})
	}
}

func (env *Env) unfitVerdict(v record.Value, undecided Verdict) Verdict {
	switch v.Kind() {
	case record.Null:
		env.failure = "an argument of a function is null"
		return undecided
	case record.Error:
		return failed
	}
	env.failure = "a string is needed"
	return failed
}

var (
	buildStartsWith  = startsWith
	buildEndsWith    = test2(strings.HasSuffix)
	buildStrContains = test2(strings.Contains)
)

// startsWith is what filters do most; with a constant prefix it has a shorter way.
func startsWith(c *compiler, call *hclsyntax.FunctionCallExpr, args []node) node {
	general := test2(strings.HasPrefix)(c, call, args)
	if !args[0].isField || !args[1].isConst || args[1].static != record.String {
		return general
	}
	name, slot, want, slow := args[0].field, args[0].slot, args[1].constant.Str(), general.verdict
	return condition(func(env *Env) Verdict {
		v := env.hinted(name, slot)
		if v == nil || v.Kind() != record.String {
			return slow(env)
		}
		if s := v.Str(); len(s) >= len(want) && s[:len(want)] == want {
			return True
		}
		return False
	})
}

func lower(env *Env, s string) record.Value {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= 'A' && c <= 'Z' || c >= utf8.RuneSelf {
			return env.mapped(s, 'A', 'Z', strings.ToLower)
		}
	}
	return record.Of(s)
}

func upper(env *Env, s string) record.Value {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= 'a' && c <= 'z' || c >= utf8.RuneSelf {
			return env.mapped(s, 'a', 'z', strings.ToUpper)
		}
	}
	return record.Of(s)
}

// mapped changes the case of s; from and to are the ASCII letters that change.
func (env *Env) mapped(s string, from, to byte, whole func(string) string) record.Value {
	start := len(env.arena)
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= utf8.RuneSelf {
			env.arena = append(env.arena[:start], whole(s)...)
			break
		}
		if c >= from && c <= to {
			c ^= 0x20
		}
		env.arena = append(env.arena, c)
	}
	return record.Of(env.made(start))
}

func trimSpace(_ *Env, s string) record.Value     { return record.Of(strings.TrimSpace(s)) }
func trim(_ *Env, s, cut string) record.Value     { return record.Of(strings.Trim(s, cut)) }
func trimPrefix(_ *Env, s, p string) record.Value { return record.Of(strings.TrimPrefix(s, p)) }
func trimSuffix(_ *Env, s, p string) record.Value { return record.Of(strings.TrimSuffix(s, p)) }

func base64Encode(env *Env, s string) record.Value {
	start := len(env.arena)
	env.arena = base64.StdEncoding.AppendEncode(env.arena, record.Bytes(s))
	return record.Of(env.made(start))
}

func base64Decode(env *Env, s string) record.Value {
	start := len(env.arena)
	out, err := base64.StdEncoding.AppendDecode(env.arena, record.Bytes(s))
	if err != nil {
		return env.fail("base64decode: the string is no valid base64")
	}
	if env.arena = out; !utf8.Valid(out[start:]) {
		return env.fail("base64decode: the result is no UTF-8")
	}
	return record.Of(env.made(start))
}

func md5Hex(dst, s []byte) []byte {
	d := md5.Sum(s) //nolint:gosec // as above
	return hex.AppendEncode(dst, d[:])
}

func sha1Hex(dst, s []byte) []byte {
	d := sha1.Sum(s) //nolint:gosec // as above
	return hex.AppendEncode(dst, d[:])
}

func sha256Hex(dst, s []byte) []byte {
	d := sha256.Sum256(s)
	return hex.AppendEncode(dst, d[:])
}

// digest appends the hexadecimal form of a checksum to the arena.
func digest(appendHex func(dst, s []byte) []byte) func(*Env, string) record.Value {
	return func(env *Env, s string) record.Value {
		start := len(env.arena)
		env.arena = appendHex(env.arena, record.Bytes(s))
		return record.Of(env.made(start))
	}
}

func jsonDecode(env *Env, s string) record.Value {
	v, end, ok := record.ReadJSON(s, 0, &env.arena)
	if !ok || record.SkipSpace(s, end) != len(s) {
		return env.fail("jsondecode: the string is no valid JSON")
	}
	return v.Resolve()
}

func buildJSONEncode(_ *compiler, _ *hclsyntax.FunctionCallExpr, args []node) node {
	arg := args[0].eval
	return node{static: record.String, eval: func(env *Env) record.Value {
		v := arg(env)
		switch v.Kind() {
		case record.Error:
			return v
		case record.Null:
			return record.Of("null")
		case record.Int, record.Float, record.Bool:
			s, _ := env.text(v)
			return record.Of(s)
		}
		out, err := jsonEncode(env.toCty(v))
		if err != nil {
			return env.fail("jsonencode: the value has no JSON")
		}
		return record.Of(out)
	}}
}

// buildToJSON compiles tojson: JSON as format = "json" writes it, and not as Terraform does: the fields of a record and the members of an object in
// their order, and <, > and & as they are.
func buildToJSON(_ *compiler, _ *hclsyntax.FunctionCallExpr, args []node) node {
	arg := args[0].eval
	return node{static: record.String, eval: func(env *Env) record.Value {
		v := arg(env)
		if v.Kind() == record.Error {
			return v
		}
		start, replaced := len(env.arena), 0
		env.arena = record.AppendValue(env.arena, v, &replaced)
		return record.Of(env.made(start))
	}}
}
