package pipeline

import (
	"errors"
	"fmt"

	"github.com/kinetail/kinetail/pipeline/expr"
	"github.com/kinetail/kinetail/pipeline/record"
)

// Assignment is one field that a set block gives a value.
type Assignment struct {
	Name  string
	Value *expr.Program
}

type setStep struct{ fields []Assignment }

// NewSet makes a set step: the fields get their values one after the other, so a later one may read an earlier one. A new field is
// appended, an old one keeps its place; null is written as null. A record with an expression that failed gets set_error: which field, and why.
func NewSet(fields []Assignment) (Step, error) {
	if len(fields) == 0 {
		return nil, errors.New("set names no field")
	}
	seen := map[string]bool{}
	for _, f := range fields {
		if f.Name == "" {
			return nil, errors.New("a field needs a name")
		}
		if seen[f.Name] {
			return nil, fmt.Errorf("field %q is set twice", f.Name)
		}
		seen[f.Name] = true
	}
	return &setStep{fields}, nil
}

func (p *setStep) Kind() string { return "set" }
func (p *setStep) shapes() bool { return true }

func (p *setStep) apply(s *state) Fate {
	for i := range p.fields {
		f, before := &p.fields[i], s.env.Failures
		s.record.Set(f.Name, f.Value.Eval(&s.env))
		if s.env.Failures != before {
			s.record.Set("set_error", record.Of(f.Name+": "+s.env.LastFailure))
		}
	}
	return Kept
}

type removeStep struct{ names map[string]bool }

// NewRemove makes a remove step: the fields are taken out.
func NewRemove(names []string) (Step, error) {
	set, err := nameSet(names)
	return &removeStep{set}, err
}

func (p *removeStep) Kind() string { return "remove" }
func (p *removeStep) shapes() bool { return true }

func (p *removeStep) apply(s *state) Fate {
	retain(&s.record, func(name string) bool { return !p.names[name] })
	return Kept
}

type keepStep struct{ names map[string]bool }

// NewKeepFields makes a keep_fields step: all other fields are taken out. parse_error and set_error stay, so that a record that could not be
// processed still says so, and so does message where there is a parse_error, for else nothing would be left of it.
func NewKeepFields(names []string) (Step, error) {
	set, err := nameSet(names)
	return &keepStep{set}, err
}

func (p *keepStep) Kind() string { return "keep_fields" }
func (p *keepStep) shapes() bool { return true }

func (p *keepStep) apply(s *state) Fate {
	broken := s.record.Index("parse_error") >= 0
	retain(&s.record, func(name string) bool {
		return p.names[name] || name == "set_error" || broken && (name == "parse_error" || name == "message")
	})
	return Kept
}

func nameSet(names []string) (map[string]bool, error) {
	if len(names) == 0 {
		return nil, errors.New("no field is named")
	}
	set := map[string]bool{}
	for _, n := range names {
		set[n] = true
	}
	return set, nil
}

func retain(r *record.Record, wanted func(name string) bool) {
	kept := r.Fields[:0]
	for _, f := range r.Fields {
		if wanted(f.Name) {
			kept = append(kept, f)
		}
	}
	r.Fields = kept
}

// Renaming is one field that gets another name.
type Renaming struct{ From, To string }

type renameStep struct{ names []Renaming }

// NewRename makes a rename step: a field keeps its place and its value. A field that had the new name is replaced.
func NewRename(names []Renaming) (Step, error) {
	if len(names) == 0 {
		return nil, errors.New("rename names no field")
	}
	for _, n := range names {
		if n.From == "" || n.To == "" {
			return nil, errors.New("a field needs a name")
		}
	}
	return &renameStep{names}, nil
}

func (p *renameStep) Kind() string { return "rename" }
func (p *renameStep) shapes() bool { return true }

func (p *renameStep) apply(s *state) Fate {
	for _, n := range p.names {
		s.record.Rename(n.From, n.To)
	}
	return Kept
}

// FlattenOptions are those of a flatten block.
type FlattenOptions struct {
	// Separator stands between the names; default a dot.
	Separator string
	// Fields are flattened; none means all.
	Fields []string
	// Lists flattens lists too, with the position as the name.
	Lists bool
}

type flattenStep struct {
	o      FlattenOptions
	only   map[string]bool
	fields []record.Field
}

// maxFlat is how many fields a record may have after flatten; what comes after is left nested.
const maxFlat = 1000

// NewFlatten makes a flatten step: the members of objects become fields of the record. Where a name is there already, the first stays.
func NewFlatten(o FlattenOptions) (Step, error) {
	if o.Separator == "" {
		o.Separator = "."
	}
	f := &flattenStep{o: o}
	if len(o.Fields) > 0 {
		f.only, _ = nameSet(o.Fields)
	}
	return f, nil
}

func (p *flattenStep) Kind() string { return "flatten" }
func (p *flattenStep) shapes() bool { return true }

func (p *flattenStep) apply(s *state) Fate {
	nested := false
	for i := range s.record.Fields {
		nested = nested || p.opens(s.record.Fields[i].Value)
	}
	if !nested {
		return Kept
	}
	p.fields = append(p.fields[:0], s.record.Fields...)
	s.record.Reset()
	for _, f := range p.fields {
		if p.only != nil && !p.only[f.Name] {
			p.add(s, f.Name, f.Value)
			continue
		}
		p.open(s, f.Name, f.Value, 0)
	}
	return Kept
}

func (p *flattenStep) opens(v record.Value) bool {
	return v.Kind() == record.Object || v.Kind() == record.List && p.o.Lists
}

func (p *flattenStep) open(s *state, name string, v record.Value, depth int) {
	if !p.opens(v) || depth > 100 || len(s.record.Fields) >= maxFlat {
		p.add(s, name, v)
		return
	}
	n, empty := 0, true
	v.Members(&s.arena, func(member string, m record.Value) bool {
		empty = false
		start := len(s.arena)
		s.arena = append(append(s.arena, name...), p.o.Separator...)
		if v.Kind() == record.List {
			s.arena = record.AppendText(s.arena, record.OfInt(int64(n)))
		} else {
			s.arena = append(s.arena, member...)
		}
		n++
		p.open(s, s.text(start), m, depth+1)
		return true
	})
	if empty {
		p.add(s, name, v)
	}
}

func (p *flattenStep) add(s *state, name string, v record.Value) {
	if s.record.Index(name) < 0 {
		s.record.Add(name, v)
	}
}
