package lane

import (
	"log/slog"
	"time"

	"github.com/kinetail/kinetail/emit"
	"github.com/kinetail/kinetail/emit/retry"
)

// tellAgain is how long the same trouble is not logged again, though it was over in between.
const tellAgain = 10 * time.Minute

// tellAfter failures in a row an interruption is worth a line in the log.
const tellAfter = 3

// health is what is known of the destination as a whole. Engine.mu guards it.
type health struct {
	circuit       emit.Circuit
	failures      int       // requests in a row that failed as a whole
	notBefore     time.Time // nothing is sent sooner
	accepted      time.Time // when a record was last accepted
	lastError     string
	lastErrorTime time.Time

	refusedSince time.Time // when a record was refused alone without proof that others are taken; zero: none is waiting
	minute       time.Time // since when refusals are counted
	refusals     int

	told   string // the code that was logged last
	toldAt time.Time
}

// mayRefuse counts a record that is to become a dead letter and says whether max_rate allows it.
func (e *Engine) mayRefuse(now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if now.Sub(e.minute) >= time.Minute {
		e.minute, e.refusals = now, 0
	}
	if e.refusals >= e.o.MaxRefused {
		return false
	}
	e.refusals++
	return true
}

// learn needs mu. It adapts the destination's pace to what a request met, opens or closes the circuit, and returns what is to be done
// after mu is let go.
func (e *Engine) learn(r *request, now time.Time) (after func()) {
	log := e.o.Log
	after = func() {}
	if r.fault.Class == retry.None || r.accepted {
		switch {
		case e.circuit.Open:
			since := now.Sub(e.circuit.Since)
			after = func() { log.Info("the service accepts records again", "after", since.Round(time.Second)) }
		case e.failures >= tellAfter:
			after = func() { log.Info("the service answers again") }
		}
		e.circuit = emit.Circuit{}
		e.failures, e.notBefore = 0, time.Time{}
	}
	e.learnRefusals(r, now)
	for i := range r.done {
		if v := r.done[i].verdict; v.Class != retry.None {
			e.lastError, e.lastErrorTime = v.String(), now
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
	case retry.Configuration, retry.Data:
		return e.open(fault, now)
	case retry.Credentials:
		e.failures++
		e.notBefore = now.Add(retry.Identity.Delay(e.failures))
		tell := e.failures == tellAfter
		return func() {
			if e.o.Invalidate != nil {
				e.o.Invalidate()
			}
			if tell {
				log.Warn("the service does not accept the credentials: they are renewed and it is tried again", "err", fault.String())
			}
		}
	}
	e.failures++
	e.width = max(1, e.width/2)
	e.notBefore = now.Add(retry.Destination.Delay(e.failures))
	if e.failures == tellAfter && e.ctx.Err() == nil {
		return func() { log.Warn("requests fail: it is tried again until they do not", "err", fault.String()) }
	}
	return after
}

// learnRefusals needs mu.
func (e *Engine) learnRefusals(r *request, now time.Time) {
	if !r.suspect {
		return
	}
	for i := range r.done {
		u := &r.done[i]
		switch {
		case u.buried:
			e.refusedSince = time.Time{}
		case u.verdict.Class == retry.Configuration && u.First.flags&refused != 0 && e.refusedSince.IsZero():
			e.refusedSince = now
		}
	}
}

// open needs mu. It opens the circuit, or keeps it open, until the next probe.
func (e *Engine) open(fault retry.Fault, now time.Time) func() {
	e.notBefore = now.Add(retry.Jitter(retry.ProbeEvery))
	if !e.circuit.Open {
		e.circuit = emit.Circuit{Open: true, Since: now}
	}
	e.circuit.Reason = fault.String()
	if e.told == fault.Code && now.Sub(e.toldAt) < tellAgain {
		return func() {}
	}
	e.told, e.toldAt = fault.Code, now
	log, every := e.o.Log, retry.ProbeEvery
	return func() {
		log.Error("nothing can be sent until this is mended; the position is kept",
			slog.String("err", fault.String()), slog.Duration("tried_every", every))
	}
}
