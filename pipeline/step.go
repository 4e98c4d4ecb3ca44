package pipeline

import (
	"time"

	"github.com/kinetail/kinetail/pipeline/expr"
	"github.com/kinetail/kinetail/pipeline/record"
	"github.com/kinetail/kinetail/tailer"
)

// Step is one step of a flow, made by its constructor (NewParse, NewFilter, ...). A Step belongs to one Pipeline: it may hold state.
type Step interface {
	// Kind is the step's word in the configuration.
	Kind() string
	// apply works on s.record. A step that drops counts it in s.counts; one that refuses sets s.refusal.
	apply(s *state) Fate
	// shapes says whether the record can be another afterwards than the line it was.
	shapes() bool
}

// state is one record on its way through the steps.
type state struct {
	env    expr.Env
	source *tailer.Source // where the record is from; nil where that is not known
	record record.Record
	arena  []byte // strings that steps make, until the next record
	now    time.Time
	counts *Counts
	// refusal is set when a step refuses the record: from then on only redact steps see it.
	refusal *Refusal
	// unparsed is the field that a parse step could not parse, if any.
	unparsed string
}

// text keeps the bytes appended to the arena since start as a string.
func (s *state) text(start int) string {
	return record.Alias(s.arena[start:len(s.arena):len(s.arena)])
}

// Counts are what the steps of a pipeline counted since it was made. Every record that is dropped is in exactly one of the first five.
type Counts struct {
	// Filtered records were dropped by a filter, Sampled ones by a sample, Limited ones by a limit, Unparsed ones by
	// on_error = "drop".
	Filtered, Sampled, Limited, Unparsed int64
	// FilterUndecided records were kept by a filter whose condition was null.
	FilterUndecided int64
	// ParseErrors are lines that were not in the format, whatever became of them.
	ParseErrors int64
	// Refused records were handed on with a refusal, to be dead letters.
	Refused int64
	// Redacted is how many matches were replaced.
	Redacted int64
	// Failures is how many expressions failed and were taken for null; LastFailure says why, for the last one.
	Failures    int64
	LastFailure string
}

// Dropped is the number of records that were dropped, whatever the reason.
func (c *Counts) Dropped() int64 { return c.Filtered + c.Sampled + c.Limited + c.Unparsed }
