package pipeline

import (
	"fmt"

	"github.com/kinetail/kinetail/pipeline/parse"
	"github.com/kinetail/kinetail/pipeline/record"
	"github.com/kinetail/kinetail/tailer"
)

// ParseOptions are those of a parse block.
type ParseOptions struct {
	// Format is the block's label.
	Format string
	// Field is what is parsed, default "message". The fields that were found take its place; other fields of the record stay behind
	// them, unless one of the same name was found.
	Field string
	// OnError is what becomes of a record that isn't in the format: "keep" (default) leaves it as it is and adds parse_error,
	// "drop" drops it, "dead_letter" refuses it.
	OnError string
	parse.Options
}

type parseStep struct {
	o      ParseOptions
	parser parse.Parser
	headed parse.Headed   // the parser, where it has to know a header line
	source *tailer.Source // whose header it knows
	failed *Refusal
	others []record.Field
}

// NewParse makes a parse step.
func NewParse(o ParseOptions) (Step, error) {
	if o.Field == "" {
		o.Field = "message"
	}
	switch o.OnError {
	case "":
		o.OnError = "keep"
	case "keep", "drop", "dead_letter":
	default:
		return nil, fmt.Errorf("on_error %q is unknown: use \"keep\", \"drop\" or \"dead_letter\"", o.OnError)
	}
	p, err := parse.New(o.Format, o.Options)
	if err != nil {
		return nil, err
	}
	s := &parseStep{o: o, parser: p, failed: &Refusal{Reason: "parse_error", Detail: "the line is not in format " + o.Format}}
	if o.Header {
		s.headed, _ = p.(parse.Headed)
	}
	return s, nil
}

func (p *parseStep) Kind() string { return "parse" }
func (p *parseStep) shapes() bool { return true }

func (p *parseStep) apply(s *state) Fate {
	r := &s.record
	at := r.Index(p.o.Field)
	if at < 0 {
		return Kept // nothing to parse; a missing field is no error
	}
	v := r.Fields[at].Value
	if v.Kind() != record.String {
		return p.fail(s)
	}
	if p.headed != nil && s.source != p.source {
		p.source = s.source
		header := ""
		if s.source != nil {
			header = s.source.Header
		}
		p.headed.SetHeader(header)
	}
	p.others = append(append(p.others[:0], r.Fields[:at]...), r.Fields[at+1:]...)
	r.Reset()
	if !p.parser.Parse(v.Str(), r, &s.arena) {
		r.Reset()
		r.Add(p.o.Field, v)
		r.Fields = append(r.Fields, p.others...)
		return p.fail(s)
	}
	found := len(r.Fields)
	for _, f := range p.others {
		if !has(r.Fields[:found], f.Name) {
			r.Fields = append(r.Fields, f)
		}
	}
	return Kept
}

func has(fields []record.Field, name string) bool {
	for i := range fields {
		if fields[i].Name == name {
			return true
		}
	}
	return false
}

func (p *parseStep) fail(s *state) Fate {
	s.counts.ParseErrors++
	s.unparsed = p.o.Field
	switch p.o.OnError {
	case "drop":
		s.counts.Unparsed++
		return Dropped
	case "dead_letter":
		s.refusal = p.failed
		return Refused
	}
	s.record.Set("parse_error", record.Of(p.o.Format))
	return Kept
}
