package tap

import (
	"encoding/json"
	"strings"
	"sync/atomic"
	"time"

	"github.com/kinetail/kinetail/pipeline"
	"github.com/kinetail/kinetail/pipeline/expr"
	"github.com/kinetail/kinetail/pipeline/record"
	"github.com/kinetail/kinetail/tailer"
)

const (
	// queue is how many records wait for a viewer.
	queue = 256
	// share is the part of a core that a viewer may take: 1/share. At 20 ms a second, some 600 records of five steps are shown, or 30,000 are looked
	// at to find those that are wanted.
	share = 50
	// wake is what has to be saved before a viewer looks again that has used up what it had: it looks at some batches and lets the others go by.
	wake = 2 * time.Millisecond
	// eventCost is what sending an event to the client takes.
	eventCost = 5 * time.Microsecond
	// maxBudget is the most of it at once, so that a burst after a quiet time is seen.
	maxBudget = 20 * time.Millisecond
	// maxShown is how much of a record is shown, in bytes.
	maxShown = 64 << 10
)

// Options are for Hub.Open.
type Options struct {
	// Step shows the records after one step only: its number from 1, its word or its name; 0 or "read" is the line as it was read.
	Step string
	// Where shows the records for which it is true after a step that may be shown, from that step on; nil shows all.
	Where *expr.Program
	// Unredacted shows what the records are before the last redaction, too.
	Unredacted bool
	// Host is host.name in Where.
	Host string
}

// Event is a record after a step.
type Event struct {
	// Record numbers the records that are shown to one viewer, from 1.
	Record int64 `json:"record"`
	// File and Offset say where the record begins.
	File   string `json:"file"`
	Offset int64  `json:"offset"`
	// Step is the step's number, 0 for the record as it was read; Name is the step's word and label; ConfigFile and ConfigLine say where it is written.
	Step       int    `json:"step"`
	Name       string `json:"name"`
	ConfigFile string `json:"config_file,omitempty"`
	ConfigLine int    `json:"config_line,omitempty"`
	// Fate is "dropped" or "refused" (a dead letter), or empty where the record goes on.
	Fate string `json:"fate,omitempty"`
	// Data is the record. Text is the line as it was read, or the beginning of a record too long to be shown. Hidden says that neither is there
	// because the record was dropped before it was redacted.
	Data   json.RawMessage `json:"data,omitempty"`
	Text   string          `json:"text,omitempty"`
	Hidden bool            `json:"hidden,omitempty"`
}

// Viewer sees records of one flow.
type Viewer struct {
	o      Options
	hub    *Hub
	seen   chan []Event
	missed atomic.Int64

	// What follows belongs to the flow, which moves one batch at a time.
	env    expr.Env
	plan   *plan
	batch  *tailer.Batch
	budget time.Duration
	at     time.Time // when the budget was looked at
	rests  bool      // until wake is saved
	shown  int64
	// The record at hand.
	index   int
	looking bool // else it goes by unseen
	matched bool
	refused int // the step that refused it
	events  []Event
}

// Seen gives the records, each with what it was after the steps.
func (v *Viewer) Seen() <-chan []Event { return v.seen }

// Missed is how many records went by unseen.
func (v *Viewer) Missed() int64 { return v.missed.Load() }

// begin says whether the viewer looks at a batch; else all of it goes by unseen.
func (v *Viewer) begin(b *tailer.Batch, p *plan) bool {
	now := time.Now()
	v.budget = min(maxBudget, v.budget+now.Sub(v.at)/share)
	v.at = now
	if v.rests = v.budget <= 0 || v.rests && v.budget < wake; v.rests {
		v.missed.Add(int64(len(b.Records)))
		return false
	}
	v.at, v.batch, v.plan, v.index = now, b, p, -1
	v.env.Path, v.env.Name, v.env.Dir = "", "", ""
	if b.Source != nil {
		v.env.Path, v.env.Name, v.env.Dir = b.Source.Path, b.Source.Name, b.Source.Dir
	}
	return true
}

// observe is pipeline.Observer.
func (v *Viewer) observe(i, step int, r *record.Record, fate pipeline.Fate) {
	last := step == len(v.plan.steps)
	if i == v.index && !v.looking {
		if last {
			v.missed.Add(1)
		}
		return
	}
	began := time.Now()
	if i != v.index {
		v.next(i)
	}
	if v.looking {
		v.look(step+1, r, fate, last)
	} else if last {
		v.missed.Add(1)
	}
	v.budget -= time.Since(began)
}

// next goes on to another record.
func (v *Viewer) next(i int) {
	v.index, v.looking, v.matched, v.refused, v.events = i, v.budget > 0, false, 0, nil
	if v.looking && v.o.Where == nil {
		v.match()
	}
}

// match shows the record from now on, and the line that it was.
func (v *Viewer) match() {
	v.matched = true
	if len(v.plan.steps) > 0 && v.wants(0) {
		line := v.batch.Bytes(v.index)
		v.events = append(v.events, v.event(0))
		v.events[0].Text = strings.Clone(record.Alias(line[:min(len(line), maxShown)]))
	}
}

// wants says whether the viewer is to see what the k-th step left.
func (v *Viewer) wants(k int) bool {
	return v.plan.is(v.o.Step, k) && v.plan.allowed(k, v.o.Unredacted)
}

func (v *Viewer) look(k int, r *record.Record, fate pipeline.Fate, last bool) {
	switch {
	case last && fate == pipeline.Refused: // now it is redacted
		v.show(v.refused, r, fate)
	case last && len(v.plan.steps) == 0:
		v.show(0, r, fate)
	case last:
	case fate == pipeline.Refused:
		v.refused = k
	case v.plan.allowed(k, v.o.Unredacted):
		v.show(k, r, fate)
	case fate == pipeline.Dropped && v.matched && v.plan.is(v.o.Step, k):
		e := v.event(k)
		e.Fate, e.Hidden = "dropped", true
		v.events = append(v.events, e)
	}
	if !last || len(v.events) == 0 {
		return
	}
	select {
	case v.seen <- v.events:
		v.budget -= time.Duration(len(v.events)) * eventCost
		v.shown++
	default:
		v.missed.Add(1)
	}
}

// show adds what the record is after the k-th step, if that is wanted.
func (v *Viewer) show(k int, r *record.Record, fate pipeline.Fate) {
	if !v.matched {
		v.env.Reset()
		v.env.Record = r
		if v.o.Where.Decide(&v.env) != expr.True {
			return
		}
		v.match()
	}
	if !v.plan.is(v.o.Step, k) {
		return
	}
	e := v.event(k)
	switch fate {
	case pipeline.Dropped:
		e.Fate = "dropped"
	case pipeline.Refused:
		e.Fate = "refused"
	}
	replaced := 0
	if text := r.AppendJSON(nil, &replaced); len(text) > maxShown {
		e.Text = string(text[:maxShown])
	} else {
		e.Data = text
	}
	v.events = append(v.events, e)
}

func (v *Viewer) event(k int) Event {
	e := Event{Record: v.shown + 1, Offset: v.batch.Records[v.index].Start, Step: k, Name: v.plan.name(k)}
	if v.batch.Source != nil {
		e.File = v.batch.Source.Path
	}
	if k > 0 {
		e.ConfigFile, e.ConfigLine = v.plan.steps[k-1].File, v.plan.steps[k-1].Line
	}
	return e
}
