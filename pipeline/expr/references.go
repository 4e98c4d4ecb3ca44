package expr

import (
	"errors"
	"regexp"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"github.com/kinetail/kinetail/pipeline/record"
)

// The functions of Terraform that cty does not have, in cty's terms.

func stringParams(names ...string) []function.Parameter {
	var out []function.Parameter
	for _, n := range names {
		out = append(out, function.Parameter{Name: n, Type: cty.String})
	}
	return out
}

func stringTest(about string, f func(a, b string) bool, names ...string) function.Function {
	return function.New(&function.Spec{
		Description: about,
		Params:      stringParams(names...),
		Type:        function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.BoolVal(f(args[0].AsString(), args[1].AsString())), nil
		},
	})
}

func stringMap(about string, f func(s string) (string, error)) function.Function {
	return function.New(&function.Spec{
		Description: about,
		Params:      stringParams("str"),
		Type:        function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			s, err := f(args[0].AsString())
			return cty.StringVal(s), err
		},
	})
}

var (
	startsWithFunc  = stringTest("Says whether the string begins with the prefix.", strings.HasPrefix, "str", "prefix")
	endsWithFunc    = stringTest("Says whether the string ends with the suffix.", strings.HasSuffix, "str", "suffix")
	strContainsFunc = stringTest("Says whether the string contains the other.", strings.Contains, "str", "substr")

	toJSONFunc = function.New(&function.Spec{
		Description: "The value as JSON, as `format = \"json\"` writes it: `tojson(record)` is the whole record, with its fields in their order.",
		Params:      []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType, AllowNull: true, AllowDynamicType: true}},
		Type:        function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			v, err := fromCty(args[0])
			if err != nil {
				return cty.NilVal, err
			}
			replaced := 0
			return cty.StringVal(string(record.AppendValue(nil, v, &replaced))), nil
		},
	})

	base64EncodeFunc = stringMap("Encodes the string in base64.", func(s string) (string, error) {
		return base64Encode(&Env{}, s).Str(), nil
	})
	base64DecodeFunc = stringMap("Decodes a base64 string; the result must be UTF-8.", func(s string) (string, error) {
		env := &Env{}
		v := base64Decode(env, s)
		if v.Str() == "" && s != "" {
			return "", errors.New(env.failure)
		}
		return v.Str(), nil
	})

	cidrContainsFunc = function.New(&function.Spec{
		Description: "Says whether the address range contains the address or range. Addresses of the other family are outside.",
		Params:      stringParams("prefix", "address"),
		Type:        function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			p, ok := parsePrefix(args[0].AsString())
			if !ok {
				return cty.NilVal, function.NewArgErrorf(0, "%q is no address range", args[0].AsString())
			}
			env := &Env{}
			v, err := toCtyResult(env, cidrContains(env, p, args[1].AsString()).Bool())
			return v, err
		},
	})

	replaceFunc = function.New(&function.Spec{
		Description: "Replaces every occurrence of a substring; one between slashes is a regular expression.",
		Params:      stringParams("str", "substr", "replace"),
		Type:        function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			s, from, to := args[0].AsString(), args[1].AsString(), args[2].AsString()
			if isPattern(from) {
				re, err := regexp.Compile(from[1 : len(from)-1])
				if err != nil {
					return cty.NilVal, function.NewArgError(1, err)
				}
				return cty.StringVal(re.ReplaceAllString(s, to)), nil
			}
			return cty.StringVal(strings.ReplaceAll(s, from, to)), nil
		},
	})

	lengthFunc = function.New(&function.Spec{
		Description: "The number of members of a list or an object, or of characters of a string.",
		Params:      []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType}},
		Type: func(args []cty.Value) (cty.Type, error) {
			if ty := args[0].Type(); ty == cty.Number || ty == cty.Bool {
				return cty.NilType, errors.New("a string, a list or an object is needed")
			}
			return cty.Number, nil
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			switch ty := args[0].Type(); {
			case ty == cty.String:
				return stdlib.Strlen(args[0])
			case ty.IsObjectType():
				return cty.NumberIntVal(int64(len(ty.AttributeTypes()))), nil
			}
			return args[0].Length(), nil
		},
	})
)

func toCtyResult(env *Env, b bool) (cty.Value, error) {
	if env.failure != "" {
		return cty.NilVal, errors.New(env.failure)
	}
	return cty.BoolVal(b), nil
}

func digestFunc(appendHex func(dst, s []byte) []byte) function.Function {
	return stringMap("The checksum of the string, in hexadecimal.", func(s string) (string, error) {
		return string(appendHex(nil, []byte(s))), nil
	})
}

func jsonEncode(v cty.Value) (string, error) {
	out, err := stdlib.JSONEncode(v)
	if err != nil {
		return "", err
	}
	return out.AsString(), nil
}

// convertTo is the conversion that HCL makes for an argument.
func convertTo(v cty.Value, ty cty.Type) (cty.Value, bool) {
	out, err := convert.Convert(v, ty)
	return out, err == nil
}
