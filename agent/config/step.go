package config

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/kinetail/kinetail/pipeline"
)

// Step is one step block of a flow, read and checked.
type Step struct {
	Kind  string // the block's word: "parse", "filter", ...
	Label string // parse: the format
	Range hcl.Range
	// Arguments are those with one value, as JSON. Together with the Expressions they say all that there is to say about the step.
	Arguments map[string]json.RawMessage
	// Expressions are the arguments that are computed for each record.
	Expressions []Expression

	make   stepMaker
	header *hcl.Range // where it says that it needs the file's header line
}

// Expression is an argument that is computed for each record.
type Expression struct {
	Name string
	Expr hcl.Expression // native syntax, also where it was written in JSON
}

// stepMaker makes a step. now is the clock for time stamps without a year; nil: time.Now.
type stepMaker func(now func() time.Time) (pipeline.Step, error)

// stepKind is what there is to know of a step block.
type stepKind struct {
	// label is what the block's label says; "" if it has none.
	label string
	// shapes says whether a record can be another afterwards than the line it was.
	shapes bool
	// read reads the block and returns what makes the step; it is not called if anything was reported.
	read func(*body) stepMaker
}

// stepKinds are the step blocks, by their words.
var stepKinds = map[string]stepKind{
	"parse":       {label: "format", shapes: true, read: (*body).parse},
	"filter":      {read: (*body).filter},
	"set":         {shapes: true, read: (*body).set},
	"remove":      {shapes: true, read: (*body).remove},
	"keep_fields": {shapes: true, read: (*body).keepFields},
	"rename":      {shapes: true, read: (*body).rename},
	"redact":      {read: (*body).redact},
	"flatten":     {shapes: true, read: (*body).flatten},
	"sample":      {read: (*body).sample},
	"limit":       {read: (*body).limit},
}

// stepHeaders are the headers of all step blocks.
func stepHeaders() []hcl.BlockHeaderSchema {
	var all []hcl.BlockHeaderSchema
	for kind, k := range stepKinds {
		h := hcl.BlockHeaderSchema{Type: kind}
		if k.label != "" {
			h.LabelNames = []string{k.label}
		}
		all = append(all, h)
	}
	return all
}

// step reads a step block and makes the step once, to find what is wrong with its arguments together.
func (d *decoder) step(blk *hcl.Block) *Step {
	b := d.body(blk, "flow")
	s := &Step{Kind: blk.Type, Range: blk.DefRange, Arguments: map[string]json.RawMessage{}}
	if len(blk.Labels) > 0 {
		s.Label, b.labelAt = blk.Labels[0], b.at
		if len(blk.LabelRanges) > 0 {
			b.labelAt = blk.LabelRanges[0]
		}
	}
	b.step = s
	before := d.errors
	maker := stepKinds[blk.Type].read(b)
	b.done()
	if d.describing || d.errors != before {
		return s
	}
	if _, err := maker(nil); err != nil {
		d.error(b.fault(), problem{summary: fmt.Sprintf("%s cannot be used", b.name), detail: sentence(err.Error())})
	}
	s.make = maker
	return s
}

// fault is the argument that a complaint about a whole step is most likely about: the one that is hardest to get right.
func (b *body) fault() hcl.Range {
	for _, name := range []string{"pattern", "patterns", "columns", "timestamp_format", "timestamp_field"} {
		if a := b.written[name]; a != nil {
			return a.Expr.Range()
		}
	}
	return b.at
}

// sentence makes a sentence of an error.
func sentence(s string) string {
	if word, _, _ := strings.Cut(s, " "); !strings.Contains(word, "_") { // no argument's name
		s = upperFirst(s)
	}
	if s != "" && s[len(s)-1] != '.' {
		s += "."
	}
	return s
}

// keepArgument remembers an argument of a step with its value, for the flow's digest.
func (b *body) keepArgument(name string, v cty.Value) {
	if b.step == nil {
		return
	}
	b.step.Arguments[name] = jsonOf(v)
}

// jsonOf is a known value as JSON, with its type.
func jsonOf(v cty.Value) json.RawMessage {
	text, err := ctyjson.Marshal(v, cty.DynamicPseudoType)
	if err != nil { // an infinite number, as log(0, 10) is
		text, _ = json.Marshal(v.GoString())
	}
	return text
}

// NewSteps makes the flow's steps, for one pipeline: a step may hold state. now is the clock for time stamps without a year; nil:
// time.Now.
func (f *Flow) NewSteps(now func() time.Time) ([]pipeline.Step, error) {
	var all []pipeline.Step
	for _, s := range f.Steps {
		step, err := s.make(now)
		if err != nil {
			return nil, fmt.Errorf("make the step %s at %s: %w", s.Kind, s.Range, err)
		}
		all = append(all, step)
	}
	return all, nil
}
