package config

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/kinetail/kinetail/pipeline/expr"
)

// partitionKey keeps the expression: it is computed for each record.
func (b *body) partitionKey(emit *Emit) {
	e := b.expression("partition_key")
	if e == nil {
		return
	}
	at := b.written["partition_key"].Expr.Range()
	if !constant(e) {
		emit.PartitionKey = e
		return
	}
	v, ok := b.d.evaluate(e)
	switch {
	case !ok || v.IsWhollyKnown() && v.IsNull():
		return
	case v.IsWhollyKnown() && v.Type() == cty.String && v.AsString() == "":
		b.d.error(at, problem{summary: "partition_key is empty", hint: "leave it out to spread the records evenly"})
		return
	}
	emit.PartitionKey = e
	b.d.warning(at, problem{
		summary: "All records have the same partition_key", hint: "this is the same for every record",
		detail: "They all go to one shard, which takes 1 MB and 1,000 records a second. Leave partition_key out to spread them, or take a field of the record.",
	})
}

// expression keeps an expression that is computed for each record; nil if it was not written or is wrong.
func (b *body) expression(name string) hcl.Expression {
	b.tell(name, "expression", "")
	a := b.attr(name)
	if a == nil {
		return nil
	}
	e, ok := b.d.native(a.Expr)
	if !ok || b.d.compile(e) == nil {
		return nil
	}
	return e
}

// trimmed is a template without the newline that a heredoc leaves at its end.
func trimmed(e hcl.Expression) hcl.Expression {
	t, ok := e.(*hclsyntax.TemplateExpr)
	if !ok || len(t.Parts) == 0 {
		return e
	}
	last, ok := t.Parts[len(t.Parts)-1].(*hclsyntax.LiteralValueExpr)
	if !ok || last.Val.Type() != cty.String || !strings.HasSuffix(last.Val.AsString(), "\n") {
		return e
	}
	parts := slices.Clone(t.Parts)
	parts[len(parts)-1] = &hclsyntax.LiteralValueExpr{Val: cty.StringVal(strings.TrimSuffix(last.Val.AsString(), "\n")), SrcRange: last.SrcRange}
	return &hclsyntax.TemplateExpr{Parts: parts, SrcRange: t.SrcRange}
}

// constant says whether an expression has one value, whatever the record.
func constant(expr hcl.Expression) bool {
	for _, t := range expr.Variables() {
		if t.RootName() != "local" {
			return false
		}
	}
	return true
}

// native is the expression in HCL's own syntax. In JSON it is written as a template in a string, or as a constant.
func (d *decoder) native(expr hcl.Expression) (hcl.Expression, bool) {
	if _, ok := expr.(hclsyntax.Expression); ok {
		return expr, true
	}
	at := expr.Range()
	v, diags := expr.Value(nil) // without a context, a JSON string is its text
	if diags.HasErrors() {
		d.add(diags...)
		return nil, false
	}
	if v.Type().IsTupleType() || v.Type().IsObjectType() {
		return expr, true // compiled as it is, with the templates in it
	}
	if v.IsNull() || v.Type() != cty.String {
		return &hclsyntax.LiteralValueExpr{Val: v, SrcRange: at}, true
	}
	start := at.Start
	start.Byte++
	start.Column++
	parsed, diags := hclsyntax.ParseTemplate([]byte(v.AsString()), at.Filename, start)
	if diags.HasErrors() {
		d.add(diags[0])
		return nil, false
	}
	return parsed, true
}

// compile compiles an expression that is computed for each record, or reports what is wrong with it and returns nil.
func (d *decoder) compile(e hcl.Expression) *expr.Program {
	if d.describing {
		return nil
	}
	if p, at := loadFunction(e); p != nil {
		d.error(at, *p)
		return nil
	}
	for _, t := range e.Variables() {
		if p := d.unknownRecordName(t); p != nil {
			d.error(t.SourceRange(), *p)
			return nil
		}
	}
	p, diags := expr.Compile(e, &expr.Scope{Locals: d.locals, Roots: d.opts.Roots, Pods: d.opts.Pods})
	for _, diag := range diags {
		if detail, hint, ok := strings.Cut(diag.Detail, " Did you mean "); ok && diag.Extra == nil {
			diag.Detail, diag.Extra = detail, extra{hint: "did you mean " + hint}
		}
		d.add(diag)
	}
	if diags.HasErrors() {
		return nil
	}
	return p
}

func (d *decoder) unknownRecordName(t hcl.Traversal) *problem {
	if p := dash(t); p != nil {
		return p
	}
	root := t.RootName()
	switch {
	case root == "local" && len(t) > 1:
		return d.unknownLocal(t)
	case root == "local" || root == "host" || d.opts.Roots[root] != nil || slices.Contains(recordNames, root):
		return nil
	}
	p := &problem{
		summary: fmt.Sprintf("Unknown name %q", root),
		detail:  "A record's fields are record.<name>. Text is put in quotes.",
	}
	if near := neighbourRoots[flat(root)]; near != "" && len(t) > 1 {
		p.hint = mean(near)
	} else if len(t) == 1 {
		p.hint = fmt.Sprintf("did you mean record.%s, or the text %q?", root, root)
	} else if near := nearest(root, append([]string{"local", "host"}, recordNames...)); near != "" {
		p.hint = mean(near)
	}
	return p
}

// neighbourRoots are what others call the things that an expression can start with.
var neighbourRoots = map[string]string{
	"kubernetes": "k8s", "kube": "k8s", "pod": "k8s", "labels": "k8s.labels", "annotations": "k8s.annotations", "event": "record", "log": "record",
	"msg": "record", "fields": "record", "attributes": "record", "body": "record", "instance": "ec2", "aws": "ec2", "task": "ecs", "var": "local", "locals": "local",
}

// loadFunction finds a call that makes sense at load time only.
func loadFunction(expr hcl.Expression) (p *problem, at hcl.Range) {
	node, ok := expr.(hclsyntax.Node)
	if !ok {
		return nil, at
	}
	_ = hclsyntax.VisitAll(node, func(n hclsyntax.Node) hcl.Diagnostics {
		if call, ok := n.(*hclsyntax.FunctionCallExpr); ok && slices.Contains(loadFunctions, call.Name) {
			at = call.NameRange
			p = &problem{
				summary: fmt.Sprintf("%s() cannot be called for each record", call.Name),
				hint:    "move it into a locals block",
				detail:  fmt.Sprintf("Write locals { x = %s(...) } at the top level and use local.x here.", call.Name),
			}
		}
		return nil
	})
	return p, at
}

// dash finds record.a-b, which hcl takes as one name and a reader may take as a subtraction.
func dash(t hcl.Traversal) *problem {
	if t.RootName() != "record" {
		return nil
	}
	for _, step := range t[1:] {
		attr, ok := step.(hcl.TraverseAttr)
		if !ok || !strings.Contains(attr.Name, "-") {
			continue
		}
		left, right, _ := strings.Cut(attr.Name, "-")
		return &problem{
			summary: fmt.Sprintf("record.%s can be read in two ways", attr.Name),
			hint:    fmt.Sprintf("did you mean record[%q]?", attr.Name),
			detail:  fmt.Sprintf("A field whose name holds a dash is written record[%q]; a subtraction has spaces around it: record.%s - %s.", attr.Name, left, right),
		}
	}
	return nil
}

// sourceText is the text of an expression without its layout, so that a comment or a space changes nothing that depends on it.
func sourceText(expr hcl.Expression, files map[string]*hcl.File) string {
	at := expr.Range()
	file := files[at.Filename]
	if file == nil || !at.CanSliceBytes(file.Bytes) {
		return ""
	}
	text := at.SliceBytes(file.Bytes)
	if strings.HasSuffix(at.Filename, ".json") {
		return string(text)
	}
	tokens, diags := hclsyntax.LexExpression(text, at.Filename, at.Start)
	if diags.HasErrors() {
		return string(text)
	}
	var words []string
	for _, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenComment, hclsyntax.TokenNewline, hclsyntax.TokenEOF:
		default:
			words = append(words, string(t.Bytes))
		}
	}
	out, _ := json.Marshal(words) // cannot fail: strings only
	return string(out)
}
