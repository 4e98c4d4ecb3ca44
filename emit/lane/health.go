package lane

import (
	"log/slog"
	"strings"
	"time"

	"github.com/kinetail/kinetail/emit"
	"github.com/kinetail/kinetail/emit/retry"
)

// tellAgain is how long the same trouble is not logged again, though it was over in between.
const tellAgain = 10 * time.Minute

// tellAfter failures in a row an interruption is worth a line in the log.
const tellAfter = 3

// downAfter is how long no request may have got through until stopping waits for none any more. Shorter trouble mostly ends in time.
const downAfter = 10 * time.Second

// health is what is known of the service, the same for all flows. Engine.mu guards it.
type health struct {
	circuit       emit.Circuit
	failures      int       // requests in a row that failed as a whole
	failing       time.Time // since when, while there are any
	notBefore     time.Time // nothing is sent sooner
	accepted      time.Time // when a record was last accepted
	lastError     string
	lastErrorTime time.Time

	told told
}

// refusal is what is known of how the service takes one flow's records. Engine.mu guards it.
type refusal struct {
	circuit       emit.Circuit // open while records of the flow are refused that may not become dead letters
	notBefore     time.Time    // of the next probe
	probing       bool         // one is in flight
	held          bool         // for max_rate: until Resume, or until a record that was refused is accepted
	refusedSince  time.Time    // when a record was refused alone without proof that others are taken; zero: none is waiting
	unproven      bool         // open for such a record, while nothing was accepted since
	minute        time.Time    // since when refusals are counted
	refusals      int
	lastError     string
	lastErrorTime time.Time

	told told
}

// told is the trouble that was logged last.
type told struct {
	code string
	at   time.Time
}

// again says whether it is time to tell.
func (t *told) again(code string, now time.Time) bool {
	if t.code == code && now.Sub(t.at) < tellAgain {
		return false
	}
	t.code, t.at = code, now
	return true
}

// packable says whether records of the port may be packed now, as usual or as a probe.
func (p *refusal) packable(now time.Time) bool {
	return !p.circuit.Open || !p.probing && !p.notBefore.After(now)
}

// acceptedSince says whether a record was accepted after one of the port's was refused alone, which still waits.
func (e *Engine) acceptedSince(p *Port) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return !p.refusedSince.IsZero() && e.accepted.After(p.refusedSince)
}

// mayRefuse counts a record that is to become a dead letter and says whether max_rate allows it.
func (e *Engine) mayRefuse(p *Port, now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if now.Sub(p.minute) >= time.Minute {
		p.minute, p.refusals = now, 0
	}
	if p.held || p.refusals >= p.o.MaxRefused {
		p.held = true
		return false
	}
	p.refusals++
	return true
}

// log is for what concerns all flows.
func (e *Engine) log() *slog.Logger {
	var flows []string
	for _, p := range e.ports {
		if p.o.Flow != "" {
			flows = append(flows, p.o.Flow)
		}
	}
	l := e.o.Log.With("destination", e.o.Metric)
	if len(flows) == 0 {
		return l
	}
	return l.With("flow", strings.Join(flows, ", "))
}

// failed needs mu. It counts a request that failed as a whole.
func (e *Engine) failed(now time.Time) {
	if e.failures++; e.failures == 1 {
		e.failing = now
	}
	if e.down(now) {
		e.giveUp()
	}
}

// down needs mu. It says whether requests fail for so long that the next one will, too.
func (e *Engine) down(now time.Time) bool {
	return e.failures >= tellAfter && now.Sub(e.failing) >= downAfter
}

// giveUp needs mu. It is called when a try has shown that nobody's records are taken.
func (e *Engine) giveUp() {
	for _, p := range e.ports {
		p.giveUp()
	}
}

// learn needs mu. It adapts the destination's pace to what a request met, opens or closes circuits, and returns what is to be done
// after mu is let go.
func (e *Engine) learn(r *request, now time.Time) (after func()) {
	then := e.learnRefusals(r, now)
	then = append(then, e.learnPace(r, now))
	return func() {
		for _, do := range then {
			do()
		}
	}
}

func (e *Engine) learnPace(r *request, now time.Time) (after func()) {
	after = func() {}
	if r.fault.Class == retry.None || r.accepted {
		switch {
		case e.circuit.Open:
			log, since := e.log(), now.Sub(e.circuit.Since)
			after = func() { log.Info("the service accepts records again", "after", since.Round(time.Second)) }
		case e.failures >= tellAfter:
			log := e.log()
			after = func() { log.Info("the service answers again") }
		}
		e.circuit = emit.Circuit{}
		e.failures, e.notBefore = 0, time.Time{}
	}
	e.learnBody(r)
	for i := range r.done {
		if u := &r.done[i]; u.verdict.Class != retry.None && !u.own {
			e.lastError, e.lastErrorTime = u.verdict.String(), now
			break
		}
	}
	if r.fault.Class == retry.None {
		e.width = min(float64(e.o.MaxRequests), e.width+1/e.width)
		return after
	}
	e.lastError, e.lastErrorTime = r.fault.String(), now
	fault := r.fault
	switch fault.Class {
	case retry.Configuration:
		e.notBefore = now.Add(retry.Jitter(retry.ProbeEvery))
		open(&e.circuit, fault, now)
		e.giveUp()
		if !e.told.again(fault.Code, now) {
			return after
		}
		return tellOpen(e.log(), fault, e.resumes())
	case retry.Credentials:
		e.failed(now)
		e.notBefore = now.Add(retry.Identity.Delay(e.failures))
		log, tell := e.log(), e.failures == tellAfter
		return func() {
			if e.o.Invalidate != nil {
				e.o.Invalidate()
			}
			if tell {
				log.Warn("the service does not accept the credentials: they are renewed and it is tried again", "err", fault.String())
			}
		}
	}
	e.failed(now)
	e.width = max(1, e.width/2)
	e.notBefore = now.Add(retry.Destination.Delay(e.failures))
	if e.failures == tellAfter && e.ctx.Err() == nil {
		log := e.log()
		return func() { log.Warn("requests fail: it is tried again until they do not", "err", fault.String()) }
	}
	return after
}

// leastBody is the smallest size that a proxy's limit makes requests, in bytes.
const leastBody = 1 << 10

// learnBody needs mu. It makes requests as large as gets through: half of what was refused for its size, and then more, a little with each that
// was full, so that a limit which is there to stay costs a refusal in 150 requests or so.
func (e *Engine) learnBody(r *request) {
	switch {
	case r.tooLarge > 0:
		e.body = max(leastBody, min(e.body, r.tooLarge/2))
	case e.body < e.o.Limits.RequestBytes && r.accepted && r.size >= e.body/2:
		e.body = min(e.o.Limits.RequestBytes, e.body+e.body/256+1)
	}
}

// resumes is the command that tries at once.
func (e *Engine) resumes() string {
	if len(e.ports) == 0 {
		return ""
	}
	return "kinetail resume " + e.ports[0].o.Flow
}

// learnRefusals needs mu. Only where a record is refused, or was, there is something to look at.
func (e *Engine) learnRefusals(r *request, now time.Time) (after []func()) {
	troubled := r.suspect || r.only != nil
	for _, p := range e.ports {
		troubled = troubled || p.circuit.Open
	}
	if !troubled {
		return nil
	}
	for i := range r.done { // what was accepted first: a refusal is the last word
		u := &r.done[i]
		p := u.First.origin.port
		if u.verdict.Class != retry.None || !p.circuit.Open {
			continue
		}
		if p.held && (u.buried || u.First.flags&(refused|proven) == 0) {
			continue // others are taken: that was never in doubt
		}
		log, since := p.o.Log, now.Sub(p.circuit.Since)
		after = append(after, func() { log.Info("the flow goes on", "after", since.Round(time.Second)) })
		p.circuit, p.held, p.unproven = emit.Circuit{}, false, false
	}
	for _, p := range e.ports {
		if p.unproven && e.accepted.After(p.refusedSince) { // by others: now it may be decided
			p.unproven, p.notBefore = false, time.Time{}
		}
	}
	for i := range r.done {
		u := &r.done[i]
		if !u.own {
			continue
		}
		p, fault := u.First.origin.port, u.verdict
		if u.First.flags&refused != 0 && p.refusedSince.IsZero() {
			p.refusedSince = now
		}
		p.unproven = u.First.flags&refused != 0 && !e.accepted.After(p.refusedSince)
		p.lastError, p.lastErrorTime = fault.String(), now
		p.notBefore = now.Add(retry.Jitter(retry.ProbeEvery))
		open(&p.circuit, fault, now)
		p.giveUp()
		if p.told.again(fault.Code, now) {
			after = append(after, tellOpen(p.o.Log, fault, "kinetail resume "+p.o.Flow))
		}
	}
	return after
}

// open opens a circuit, or keeps it open.
func open(c *emit.Circuit, fault retry.Fault, now time.Time) {
	if !c.Open {
		*c = emit.Circuit{Open: true, Since: now}
	}
	c.Reason = fault.String()
}

func tellOpen(log *slog.Logger, fault retry.Fault, resume string) func() {
	return func() {
		log.Error("nothing can be sent until this is mended; the position is kept",
			slog.String("err", fault.String()), slog.Duration("tried_every", retry.ProbeEvery), slog.String("try_now", resume))
	}
}
