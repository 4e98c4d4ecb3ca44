package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// body reads one block. Each argument and nested block is asked for by its name; done reports what was written and nobody asked
// for. So what a block may hold is said once, by the code that reads it.
type body struct {
	d *decoder
	// name says what the block is, for people: `tail`, `emit "kinesis"`, `the top level`.
	name string
	// path leads to it from the top: "flow.tail.multiline".
	path string
	// at is where something missing is reported: the header.
	at     hcl.Range
	rest   hcl.Body
	args   []string // asked for
	blocks []string // asked for
	// written are the arguments asked for that are there.
	written map[string]*hcl.Attribute
	// needed are the names that must be there and are not.
	needed map[string]problem
	// step is the step that the block says, if it is one of a step; labelAt is where its label is.
	step    *Step
	labelAt hcl.Range
	// told is what is known of the arguments while the blocks are described.
	told map[string]toldArgument
	// refused are names that would be right in a block like this one but are not here, with the reason.
	refused map[string]string
}

func (d *decoder) body(blk *hcl.Block, parent string) *body {
	name := blk.Type
	path := blk.Type
	if parent != "" {
		path = parent + "." + path
	}
	for _, l := range blk.Labels {
		name += fmt.Sprintf(" %q", l)
	}
	return &body{d: d, name: name, path: path, at: blk.DefRange, rest: blk.Body}
}

// attr asks for an argument; nil means that it was not written.
func (b *body) attr(name string) *hcl.Attribute {
	b.args = append(b.args, name)
	content, rest, diags := b.rest.PartialContent(&hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: name}}})
	b.rest = rest
	b.d.add(diags...)
	a := content.Attributes[name]
	if a != nil {
		if b.written == nil {
			b.written = map[string]*hcl.Attribute{}
		}
		b.written[name] = a
	}
	return a
}

// has says whether an argument that was asked for is there, right or wrong.
func (b *body) has(name string) bool { return b.written[name] != nil }

// need says that what is named must be there. It is reported by done, unless a name was written that was meant to be it.
func (b *body) need(name, what, example string) {
	if b.needed == nil {
		b.needed = map[string]problem{}
	}
	b.needed[name] = problem{summary: fmt.Sprintf("%s needs %s", b.name, what), hint: "add " + example}
}

// all asks for the blocks of some types and returns them in the order written.
func (b *body) all(headers ...hcl.BlockHeaderSchema) hcl.Blocks {
	for _, h := range headers {
		b.blocks = append(b.blocks, h.Type)
	}
	content, rest, diags := b.rest.PartialContent(&hcl.BodySchema{Blocks: headers})
	b.rest = rest
	for _, diag := range diags {
		b.d.add(explainLabels(diag, headers))
	}
	return content.Blocks
}

// one asks for a block that may be there once, and reads it with f.
func (b *body) one(name string, f func(*body)) {
	var first *hcl.Block
	for _, blk := range b.all(hcl.BlockHeaderSchema{Type: name}) {
		if first != nil {
			b.d.duplicate(fmt.Sprintf("A second %s block in %s", name, b.name), blk.DefRange, first.DefRange,
				"There may be one. Put the arguments of both into one block.")
			continue
		}
		first = blk
	}
	if first == nil {
		if b.d.describing {
			f(&body{d: b.d, name: name, path: b.path + "." + name, rest: hcl.EmptyBody()})
		}
		return
	}
	f(b.d.body(first, b.path))
}

// refuse names an argument or block that other blocks of this type take, and why this one doesn't.
func (b *body) refuse(reason string, names ...string) {
	if b.refused == nil {
		b.refused = map[string]string{}
	}
	for _, n := range names {
		b.refused[n] = reason
	}
}

// done reports every name that nobody asked for, and what is missing.
func (b *body) done() {
	b.d.record(b)
	if native, ok := b.rest.(*hclsyntax.Body); ok {
		for name, a := range native.Attributes {
			if !slices.Contains(b.args, name) {
				b.unknownArgument(name, a.NameRange)
			}
		}
		for _, blk := range native.Blocks {
			if !slices.Contains(b.blocks, blk.Type) {
				b.unknownBlock(blk)
			}
		}
	} else {
		left, diags := b.rest.JustAttributes()
		b.d.add(diags...)
		for name, a := range left {
			b.unknownArgument(name, a.NameRange)
		}
	}
	for _, p := range b.needed {
		b.d.error(b.at, p)
	}
}

func (b *body) unknownArgument(name string, at hcl.Range) {
	if reason, ok := b.refused[name]; ok {
		b.d.error(at, problem{summary: fmt.Sprintf("%s takes no %s", b.name, name), hint: "leave it out", detail: reason})
		return
	}
	if slices.Contains(b.blocks, name) {
		delete(b.needed, name)
		b.d.error(at, problem{
			summary: fmt.Sprintf("%s is a block", name),
			hint:    "leave out the equals sign",
			detail:  fmt.Sprintf("Write %s { ... }, each of its arguments on a line of its own.", name),
		})
		return
	}
	b.unknown("argument", name, at)
}

func (b *body) unknownBlock(blk *hclsyntax.Block) {
	name := blk.Type
	if reason, ok := b.refused[name]; ok {
		b.d.error(blk.DefRange(), problem{summary: fmt.Sprintf("%s takes no %s block", b.name, name), hint: "leave it out", detail: reason})
		return
	}
	if slices.Contains(b.args, name) {
		delete(b.needed, name)
		b.d.error(blk.DefRange(), problem{
			summary: fmt.Sprintf("%s is an argument, not a block", name),
			hint:    fmt.Sprintf("write %s = ...", name),
			detail:  "An argument is set with an equals sign; a map is written as name = { key = \"value\" }.",
		})
		return
	}
	b.unknown("block", name, blk.TypeRange)
}

// unknown reports a name that doesn't exist here, with what was probably meant.
func (b *body) unknown(kind, name string, at hcl.Range) {
	p := problem{summary: fmt.Sprintf("Unknown %s %q in %s", kind, name, b.name)}
	if b.path == "" {
		p.summary = fmt.Sprintf("Unknown %s %q at the top level", kind, name)
	}
	known := append(slices.Clone(b.args), b.blocks...)
	s := b.d.suggest(name, known, b.path)
	p.hint, p.detail = s.hint, s.detail
	if p.hint == "" && p.detail == "" {
		p.detail = b.knows()
	}
	delete(b.needed, s.meant)
	b.d.error(at, p)
}

// knows lists what a block may hold.
func (b *body) knows() string {
	args, blocks := slices.Sorted(slices.Values(b.args)), slices.Sorted(slices.Values(b.blocks))
	var parts []string
	if len(args) > 0 {
		parts = append(parts, "the arguments "+strings.Join(args, ", "))
	}
	if len(blocks) > 0 {
		parts = append(parts, "the blocks "+strings.Join(blocks, ", "))
	}
	if len(parts) == 0 {
		return ""
	}
	return fmt.Sprintf("%s takes %s.", b.name, strings.Join(parts, " and "))
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// explainLabels says in this program's words what hcl says about a block's labels.
func explainLabels(diag *hcl.Diagnostic, headers []hcl.BlockHeaderSchema) *hcl.Diagnostic {
	for _, h := range headers {
		if diag.Summary == "Extraneous label for "+h.Type {
			if len(h.LabelNames) == 0 {
				diag.Summary = fmt.Sprintf("%s takes no name", h.Type)
				diag.Detail = fmt.Sprintf("Write %s { ... }.", h.Type)
				continue
			}
			diag.Summary = fmt.Sprintf("%s takes one name", h.Type)
			diag.Detail = fmt.Sprintf("Write %s %q { ... }.", h.Type, exampleLabels[h.Type])
		}
		for _, l := range h.LabelNames {
			if diag.Summary == fmt.Sprintf("Missing %s for %s", l, h.Type) {
				diag.Summary = fmt.Sprintf("%s needs a %s in quotes", h.Type, l)
				diag.Detail = fmt.Sprintf("Write %s %q { ... }.", h.Type, exampleLabels[h.Type])
			}
		}
	}
	return diag
}

// exampleLabels are shown where a block's label is missing.
var exampleLabels = map[string]string{"flow": "nginx", "emit": "kinesis", "metrics": "cloudwatch", "parse": "json", "test": "errors are kept"}
