package tap

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kinetail/kinetail/pipeline"
	"github.com/kinetail/kinetail/pipeline/record"
	"github.com/kinetail/kinetail/tailer"
)

// maxViewers is how many may look at one flow at a time: each may take its share of a core.
const maxViewers = 4

// Step is a step of a flow, as it is shown.
type Step struct {
	// Kind is the step's word in the configuration; Name is that and its label: `parse "json"`.
	Kind, Name string
	// File and Line say where the configuration has it.
	File string
	Line int
}

// Hub is where the viewers of one flow meet its records. It outlives the flow: one that is built anew, after a reload say, is seen by the
// viewers of the one before.
type Hub struct {
	viewers atomic.Pointer[[]*Viewer] // nil while nobody looks
	plan    atomic.Pointer[plan]
	mu      sync.Mutex // held by who changes viewers
}

// plan is what there is to see.
type plan struct {
	steps []Step
	// clean is the number of steps up to and with the last redaction: without leave, a viewer sees records only after so many.
	clean int
}

// Use says which steps the flow has from now on.
func (h *Hub) Use(steps []Step) {
	p := &plan{steps: steps}
	for i, s := range steps {
		if s.Kind == "redact" {
			p.clean = i + 1
		}
	}
	h.plan.Store(p)
}

// Observe is the flow's pipeline.Options.Observe. While nobody looks it costs an atomic load a batch.
func (h *Hub) Observe(b *tailer.Batch) pipeline.Observer {
	all := h.viewers.Load()
	if all == nil {
		return nil
	}
	var viewers []*Viewer // that look
	p := h.plan.Load()
	for _, v := range *all {
		if v.begin(b, p) {
			viewers = append(viewers, v)
		}
	}
	if viewers == nil {
		return nil
	}
	return func(i, step int, r *record.Record, fate pipeline.Fate) {
		for _, v := range viewers {
			v.observe(i, step, r, fate)
		}
	}
}

// Lines shows a batch of a flow without steps, which has no pipeline.
func (h *Hub) Lines(b *tailer.Batch) {
	observe := h.Observe(b)
	if observe == nil {
		return
	}
	var r record.Record
	for i := range b.Records {
		fate := pipeline.Kept
		if b.Records[i].Flags&tailer.Oversize != 0 {
			fate = pipeline.Refused
		}
		pipeline.Line(&r, b, i)
		observe(i, 0, &r, fate)
	}
}

// Errors of Open.
var (
	// ErrRequest says that what was asked for is not there.
	ErrRequest = errors.New("request")
	// ErrRedacted says that it is shown to root only.
	ErrRedacted = errors.New("redacted")
)

// Open makes a viewer, which sees the records from now on until it is closed.
func (h *Hub) Open(o Options) (*Viewer, error) {
	p := h.plan.Load()
	if p == nil {
		return nil, fmt.Errorf("%w: the flow does not run (kinetail status says why)", ErrRequest)
	}
	if err := p.check(&o); err != nil {
		return nil, err
	}
	v := &Viewer{o: o, seen: make(chan []Event, queue), hub: h, at: time.Now(), budget: maxBudget}
	v.env.Host = o.Host
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []*Viewer
	if now := h.viewers.Load(); now != nil {
		all = slices.Clone(*now)
	}
	if len(all) >= maxViewers {
		return nil, fmt.Errorf("%w: %d others look at this flow already", ErrRequest, len(all))
	}
	all = append(all, v)
	h.viewers.Store(&all)
	return v, nil
}

// Close ends the viewer.
func (v *Viewer) Close() {
	h := v.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.viewers.Load()
	if now == nil {
		return
	}
	rest := slices.DeleteFunc(slices.Clone(*now), func(o *Viewer) bool { return o == v })
	if len(rest) == 0 {
		h.viewers.Store(nil)
		return
	}
	h.viewers.Store(&rest)
}

// check says what is wrong with a request.
func (p *plan) check(o *Options) error {
	if o.Step == "" {
		return nil
	}
	var names []string
	found, hidden := false, 0
	for k := range len(p.steps) + 1 {
		names = append(names, fmt.Sprintf("%d (%s)", k, p.name(k)))
		if p.is(o.Step, k) {
			found = true
			if !p.allowed(k, o.Unredacted) {
				hidden = k
				continue
			}
			return nil
		}
	}
	if !found {
		return fmt.Errorf("%w: the flow has no step %q; there are %s", ErrRequest, o.Step, strings.Join(names, ", "))
	}
	return fmt.Errorf("%w: after step %d (%s) the records are not redacted yet; only root sees them, with --unredacted", ErrRedacted, hidden, p.name(hidden))
}

// name is the name of the k-th step, from 1; 0 is the line as it was read.
func (p *plan) name(k int) string {
	if k == 0 || k > len(p.steps) {
		return "read"
	}
	return p.steps[k-1].Name
}

// is says whether a request for a step, by number, word or name, means the k-th.
func (p *plan) is(step string, k int) bool {
	if step == "" || step == strconv.Itoa(k) || step == p.name(k) {
		return true
	}
	return k > 0 && step == p.steps[k-1].Kind
}

// allowed says whether what the k-th step left may be shown.
func (p *plan) allowed(k int, unredacted bool) bool { return unredacted || k >= p.clean }
