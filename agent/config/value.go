package config

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// check looks at the value of an argument; nil means that it is right.
type check func(string) *problem

// value evaluates an argument that may be one of words, if there are any. The attribute is nil if it was not written, is null (which is
// the same), or was reported.
func (b *body) value(name string, words ...string) (cty.Value, *hcl.Attribute) {
	a := b.attr(name)
	if a == nil {
		return cty.NilVal, nil
	}
	v, ok := b.d.evaluate(a.Expr, words...)
	if !ok || !v.IsWhollyKnown() || v.IsNull() {
		return cty.NilVal, nil
	}
	b.keepArgument(name, v)
	return v, a
}

// str reads a string.
func (b *body) str(name string, dst *string, checks ...check) *hcl.Attribute {
	return b.text(name, dst, nil, checks...)
}

func (b *body) text(name string, dst *string, words []string, checks ...check) *hcl.Attribute {
	b.tell(name, cmp.Or(strings.Join(quoted(words), ", "), "string"), quotedOrNone(*dst))
	v, a := b.value(name, words...)
	if a == nil {
		return nil
	}
	if v.Type() != cty.String {
		example := `"..."`
		if word := neighbourValues[name][flat(plainText(v))]; slices.Contains(words, word) {
			example = fmt.Sprintf("%q", word)
		} else if len(words) > 0 {
			example = strings.Join(quoted(words), " or ")
		} else if text := plainText(v); text != "" {
			example = fmt.Sprintf("%q", text)
		}
		b.d.wrongType(a, v, "a string", example)
		return nil
	}
	if !b.d.accept(v.AsString(), a.Expr.Range(), checks) {
		return nil
	}
	*dst = v.AsString()
	return a
}

// maxList is the longest list: every two patterns of a flow may be compared.
const maxList = 1000

// strs reads a list of strings.
func (b *body) strs(name string, dst *[]string, checks ...check) {
	b.tell(name, "list of strings", "")
	v, a := b.value(name)
	if a == nil {
		return
	}
	if !v.Type().IsTupleType() && !v.Type().IsListType() && !v.Type().IsSetType() {
		example := `["..."]`
		if v.Type() == cty.String {
			example = fmt.Sprintf("[%q]", v.AsString())
		}
		b.d.wrongType(a, v, "a list of strings", example)
		return
	}
	at := elementRanges(a.Expr, v.LengthInt())
	out, ok := make([]string, 0, v.LengthInt()), true
	for i, el := range v.AsValueSlice() {
		if el.IsNull() || el.Type() != cty.String {
			b.d.error(at[i], problem{
				summary: fmt.Sprintf("%s holds something that is not a string", name),
				detail:  fmt.Sprintf("Element %d of the list is %s.", i+1, describe(el)),
			})
			ok = false
			continue
		}
		ok = b.d.accept(el.AsString(), at[i], checks) && ok
		out = append(out, el.AsString())
	}
	if !ok {
		return
	}
	if len(out) > maxList {
		b.d.error(a.Expr.Range(), problem{summary: fmt.Sprintf("%s has more than %d elements", name, maxList), detail: "Use patterns, or write more flows."})
		return
	}
	if len(out) == 0 {
		b.d.error(a.Expr.Range(), problem{summary: fmt.Sprintf("%s is an empty list", name), detail: "Leave the argument out, or put something into the list."})
		return
	}
	*dst = out
}

// elementRanges says where the elements of a list are; that of the whole where they were not written one by one.
func elementRanges(expr hcl.Expression, n int) []hcl.Range {
	at := make([]hcl.Range, n)
	els, diags := hcl.ExprList(expr)
	for i := range at {
		at[i] = expr.Range()
		if !diags.HasErrors() && i < len(els) {
			at[i] = els[i].Range()
		}
	}
	return at
}

// strMap reads a map of strings; numbers and booleans are written as text.
func (b *body) strMap(name string, dst *map[string]string, checkPair func(k, v string) *problem) *hcl.Attribute {
	b.tell(name, "map of strings", "")
	v, a := b.value(name)
	if a == nil {
		return nil
	}
	if !v.Type().IsObjectType() && !v.Type().IsMapType() {
		b.d.wrongType(a, v, "a map of strings", `{ Name = "value" }`)
		return nil
	}
	out := map[string]string{}
	for k, el := range v.AsValueMap() {
		if el.IsNull() || el.Type() != cty.String {
			b.d.error(a.Expr.Range(), problem{summary: fmt.Sprintf("%s.%s must be a string", name, k), detail: fmt.Sprintf("It is %s.", describe(el))})
			return nil
		}
		if p := checkPair(k, el.AsString()); p != nil {
			b.d.error(a.Expr.Range(), *p)
			return nil
		}
		out[k] = el.AsString()
	}
	*dst = out
	return a
}

// enum reads a string that must be one of some words.
func (b *body) enum(name string, dst *string, words ...string) *hcl.Attribute {
	return b.text(name, dst, words, func(s string) *problem {
		if slices.Contains(words, s) {
			return nil
		}
		p := &problem{
			summary: fmt.Sprintf("%s cannot be %q", name, s),
			detail:  fmt.Sprintf("It is one of %s.", quoteAll(words)),
		}
		for _, w := range words {
			if flat(w) == flat(s) {
				p.hint = mean(w)
				return p
			}
		}
		if why := refusedValues[b.name+" "+name+" "+s]; why != "" {
			p.detail += " " + why
		}
		if w, ok := neighbourValues[name][flat(s)]; ok && slices.Contains(words, w) {
			p.hint = mean(w)
		} else if w := nearest(s, words); w != "" {
			p.hint = mean(w)
		}
		return p
	})
}

// flag reads true or false.
func (b *body) flag(name string, dst *bool) *hcl.Attribute {
	b.tell(name, "boolean", strconv.FormatBool(*dst))
	v, a := b.value(name)
	if a == nil {
		return nil
	}
	if v.Type() != cty.Bool {
		example := "true"
		if v.Type() == cty.String && slices.Contains([]string{"false", "no", "off", "0"}, strings.ToLower(v.AsString())) {
			example = "false"
		}
		b.d.wrongType(a, v, "true or false", example)
		return nil
	}
	*dst = v.True()
	return a
}

// integer reads a whole number between lowest and highest.
func (b *body) integer(name string, dst *int, lowest, highest int) {
	b.tell(name, fmt.Sprintf("whole number from %d to %d", lowest, highest), strconv.Itoa(*dst))
	v, a := b.value(name)
	if a == nil {
		return
	}
	if v.Type() != cty.Number {
		b.d.wrongType(a, v, "a number", fmt.Sprint(lowest))
		return
	}
	n, accuracy := v.AsBigFloat().Int64()
	if accuracy != 0 || n < int64(lowest) || n > int64(highest) {
		b.d.error(a.Expr.Range(), problem{
			summary: fmt.Sprintf("%s is out of range", name),
			detail:  fmt.Sprintf("It must be a whole number from %d to %d.", lowest, highest),
		})
		return
	}
	*dst = int(n)
}

// regexp reads a regular expression. One newline at the end, which a heredoc leaves there, is not part of it.
func (b *body) regexp(name string, dst *string) {
	a := b.str(name, dst, func(s string) *problem {
		s = strings.TrimSuffix(s, "\n")
		_, err := regexp.Compile(s)
		if err == nil {
			return nil
		}
		p := &problem{summary: fmt.Sprintf("%s is not a valid regular expression", name), detail: "The syntax is that of Go (RE2): https://pkg.go.dev/regexp/syntax."}
		p.hint = strings.TrimPrefix(err.Error(), "error parsing regexp: ")
		if strings.Contains(s, "(?=") || strings.Contains(s, "(?!") || strings.Contains(s, "(?<=") || strings.Contains(s, "(?<!") || backReference.MatchString(s) {
			p.hint = "there is no look-around and no back reference"
			p.detail = "Without them every match takes linear time. " + p.detail
		}
		return p
	})
	b.tell(name, "regular expression", "")
	if a != nil {
		*dst = strings.TrimSuffix(*dst, "\n")
	}
}

var backReference = regexp.MustCompile(`\\[1-9]`)

func (d *decoder) accept(s string, at hcl.Range, checks []check) bool {
	for _, c := range checks {
		if p := c(s); p != nil {
			d.error(at, *p)
			return false
		}
	}
	return true
}

func (d *decoder) wrongType(a *hcl.Attribute, v cty.Value, want, example string) {
	d.error(a.Expr.Range(), problem{
		summary: fmt.Sprintf("%s must be %s", a.Name, want),
		hint:    fmt.Sprintf("this is %s; write %s", describe(v), example),
	})
}

// describe says in words what a value is.
func describe(v cty.Value) string {
	switch ty := v.Type(); {
	case v.IsNull():
		return "null"
	case ty == cty.String:
		return "a string"
	case ty == cty.Number:
		return "a number"
	case ty == cty.Bool:
		return "a boolean"
	case ty.IsTupleType() || ty.IsListType() || ty.IsSetType():
		return "a list"
	case ty.IsObjectType() || ty.IsMapType():
		return "a map"
	default:
		return "a " + ty.FriendlyName()
	}
}

func quoteAll(words []string) string { return strings.Join(quoted(words), ", ") }

func quoted(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = fmt.Sprintf("%q", w)
	}
	return out
}

// plainText is a number or boolean as text, "" for other values.
func plainText(v cty.Value) string {
	text, err := convert.Convert(v, cty.String)
	if err != nil || text.IsNull() {
		return ""
	}
	return text.AsString()
}
