package pipeline

import (
	"errors"
	"time"

	"github.com/kinetail/kinetail/pipeline/record"
	"github.com/kinetail/kinetail/tailer"
)

// Options are what a Pipeline needs besides its steps.
type Options struct {
	// Host is host.name in expressions.
	Host string
	// Now is the clock of limit steps, by its monotonic part; nil is time.Now.
	Now func() time.Time
	// Observe, if set, is asked for each batch who wants to see what becomes of its records; nil from it costs nothing more. It is for
	// tests, inspection and tap.
	Observe func(b *tailer.Batch) Observer
}

// Observer is told of a record after each step: its index in the batch, the step's index, and what became of it; and once more with the number
// of the steps when that is all, at which a refused record has been through all redact steps. The record may not be kept or changed.
type Observer func(i, step int, r *record.Record, fate Fate)

// Fate is what a step made of a record.
type Fate uint8

// A record goes on to the next step, is dropped, or is refused and will be a dead letter.
const (
	Kept Fate = iota
	Dropped
	Refused
)

// Pipeline runs the records of one flow through its steps and writes them for each of its destinations. One goroutine uses it at a
// time. A flow without steps needs none: its Encoders take the batches as they are.
type Pipeline struct {
	steps    []Step
	redacts  []Step
	encoders []*Encoder
	state    state
	counts   Counts
	now      func() time.Time
	observe  func(b *tailer.Batch) Observer
}

// New makes a Pipeline of steps, in the order in which they are applied, and the encoders of the flow's destinations. The steps and
// encoders belong to it from then on.
func New(steps []Step, encoders []*Encoder, o Options) (*Pipeline, error) {
	p := &Pipeline{steps: steps, encoders: encoders, now: o.Now, observe: o.Observe}
	if p.now == nil {
		p.now = time.Now
	}
	shaped := false
	for _, s := range steps {
		shaped = shaped || s.shapes()
		if s.Kind() == "redact" {
			p.redacts = append(p.redacts, s)
		}
	}
	for _, e := range encoders {
		if shaped && e.opts.Format == "raw" {
			return nil, errors.New("format = \"raw\" sends the line as it came, and the steps before it would be lost: use \"json\" or \"template\"")
		}
		e.redacted = len(p.redacts) > 0
	}
	p.state.env.Record = &p.state.record
	p.state.env.Host = o.Host
	p.state.env.Now = func() time.Time { return p.state.now } // one for all that is made of a batch
	p.state.counts = &p.counts
	return p, nil
}

// Counts is what the steps counted until now.
func (p *Pipeline) Counts() Counts {
	c := p.counts
	c.Failures, c.LastFailure = p.state.env.Failures, p.state.env.LastFailure
	return c
}

// Process runs the records of b through the steps and fills out anew: out[i] is for the i-th encoder. Records that a step drops are in
// none of them, and counted. Payloads alias the batch or their encoder's buffer, which the next Process overwrites.
func (p *Pipeline) Process(b *tailer.Batch, out []*Payloads) {
	s := &p.state
	s.now = p.now()
	s.source = b.Source
	s.env.Path, s.env.Name, s.env.Dir = "", "", ""
	if b.Source != nil {
		s.env.Path, s.env.Name, s.env.Dir = b.Source.Path, b.Source.Name, b.Source.Dir
	}
	for i, e := range p.encoders {
		e.begin(b, out[i])
	}
	var observe Observer
	if p.observe != nil {
		observe = p.observe(b)
	}
	for i := range b.Records {
		s.env.Reset()
		s.env.ID = identity(b, i)
		s.arena = emptied(s.arena)
		s.refusal, s.unparsed = nil, ""
		Line(&s.record, b, i)
		if b.Records[i].Flags&tailer.Oversize != 0 {
			s.refusal = oversize
		}
		fate := p.apply(i, observe)
		if observe != nil {
			observe(i, len(p.steps), &s.record, fate)
		}
		switch fate {
		case Dropped:
			continue
		case Refused:
			p.refuse(b, i, out)
			continue
		}
		for j, e := range p.encoders {
			e.add(&s.env, b, i, out[j])
		}
	}
}

// apply runs the steps on the i-th record of a batch, and says what became of it.
func (p *Pipeline) apply(i int, observe Observer) Fate {
	s := &p.state
	for at := 0; at < len(p.steps) && s.refusal == nil; at++ {
		fate := p.steps[at].apply(s)
		if observe != nil {
			observe(i, at, &s.record, fate)
		}
		if fate == Dropped {
			return Dropped
		}
	}
	if s.refusal == nil {
		return Kept
	}
	s.counts.Refused++
	for _, step := range p.redacts { // also those that the record has not come to
		step.apply(s)
	}
	return Refused
}

// refuse hands the record's text on with its refusal: the line as it came, or what redaction left of it.
func (p *Pipeline) refuse(b *tailer.Batch, i int, out []*Payloads) {
	data := b.Bytes(i)
	message := p.state.record.Get("message")
	for j, e := range p.encoders {
		d := data
		if len(p.redacts) > 0 {
			start, replaced := len(e.arena), 0
			if message.Kind() == record.String {
				e.arena = append(e.arena, message.Str()...)
			} else {
				e.arena = p.state.record.AppendJSON(e.arena, &replaced)
			}
			d = e.arena[start:len(e.arena):len(e.arena)]
		}
		out[j].Items = append(out[j].Items, Payload{Data: d, Record: i, Refusal: p.state.refusal})
	}
}
