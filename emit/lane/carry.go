package lane

import (
	"context"
	"fmt"
	"time"

	"github.com/kinetail/kinetail/emit"
	"github.com/kinetail/kinetail/emit/buffer"
	"github.com/kinetail/kinetail/emit/retry"
)

// maxBisect is how many requests the search for bad records in one request may take; what is left is tried again later. One bad
// record in 500 takes 18.
const maxBisect = 64

// carry brings a request to the service, with as many calls as it takes to find what the service refuses, and settles it.
func (e *Engine) carry(r *request) {
	room, ok := e.enter(r)
	if ok {
		e.build(r, r.units)
		e.ask(r)
		e.try(r, r.units)
		r.giveBack()
	} else { // the engine ends
		r.fault = retry.Fault{Class: retry.Transient, Code: "not sent"}
		r.decide(r.units, r.fault)
	}
	e.judge(r)
	e.settle(r)
	if ok {
		e.exit(room)
	}
	e.signal()
}

// build makes what is sent of units.
func (e *Engine) build(r *request, units []Unit) {
	for i := range units {
		e.buildOne(r, &units[i])
	}
	if e.o.Aggregator != nil {
		e.o.Aggregator.Finish(units)
	}
}

func (e *Engine) buildOne(r *request, u *Unit) {
	u.Explicit = false
	u.Key, u.KeyHash = u.First.Key(), u.First.hash
	if u.lent != nil {
		u.Key = u.lent
		if u.N > 1 {
			u.KeyHash = e.o.Map.Hash(u.lent) // the same in every map
		}
	}
	if u.N == 1 {
		u.Data = u.First.Data()
		return
	}
	b := r.room(u.Size)
	*b = e.o.Aggregator.Build(*b, u)
}

// Aggregates smaller than ownArena share one of sharedArena, so that no more than a quarter of it is left over.
const (
	ownArena    = 16 << 10
	sharedArena = 4 * ownArena
)

// room is a buffer with room for n bytes. Aggregates of the usual size have one each: those are all of the same size, and soon used again,
// where a buffer for all that a request has is of another size each time. At 10 MB/s that was 8 MiB of buffers.
func (r *request) room(n int) *[]byte {
	if last := len(r.arenas) - 1; last >= 0 {
		if b := r.arenas[last]; n <= cap(*b)-len(*b) {
			return b
		}
	}
	if n < ownArena {
		n = max(n, min(sharedArena, r.size))
	}
	b := buffer.Get(n)
	r.arenas = append(r.arenas, b)
	return b
}

// giveBack ends the use of all that was built.
func (r *request) giveBack() {
	for _, b := range r.arenas {
		buffer.Put(b)
	}
	clear(r.arenas)
	r.arenas = r.arenas[:0]
}

// try sends units and adds them to r.done with their verdicts, in their order. It reports whether all of them were accepted.
func (e *Engine) try(r *request, units []Unit) bool {
	if r.fault.Class != retry.None {
		// A part of the request has failed in a way that concerns all of it: the rest is not sent.
		return r.decide(units, retry.Fault{Class: r.fault.Class, Code: r.fault.Code})
	}
	first := len(r.verdicts)
	r.verdicts = append(r.verdicts, make([]retry.Fault, len(units))...)
	verdicts := r.verdicts[first:]
	fault := e.send(r, units, verdicts)
	r.verdicts = r.verdicts[:first]
	switch {
	case fault.Class == retry.None:
		all := true
		for i := range units {
			v := &verdicts[i]
			if v.Class == retry.Data {
				r.suspect = true
			}
			if v.Class == retry.Data && units[i].N > 1 {
				all = e.divide(r, &units[i]) && all
				continue
			}
			r.accepted = r.accepted || v.Class == retry.None
			all = r.decide(units[i:i+1], *v) && all
		}
		return all
	case fault.Class != retry.Data:
		r.fault = fault
		return r.decide(units, fault)
	}
	r.suspect = true
	if size := sizeOf(units); fault.TooLarge && (r.tooLarge == 0 || size < r.tooLarge) {
		r.tooLarge = size
	}
	switch {
	case r.sends >= maxBisect:
		return r.decide(units, retry.Fault{Class: retry.Transient, Code: fault.Code, Message: fault.Message})
	case len(units) > 1:
		half := len(units) / 2
		left := e.try(r, units[:half])
		return e.try(r, units[half:]) && left
	case units[0].N > 1:
		return e.divide(r, &units[0])
	}
	return r.decide(units, fault)
}

func sizeOf(units []Unit) int {
	n := 0
	for i := range units {
		n += len(units[i].Data) + len(units[i].Key)
	}
	return n
}

// divide sends an aggregate that was refused as two. Under Ordered the second waits until the first is accepted, for both may hold the
// same key.
func (e *Engine) divide(r *request, u *Unit) bool {
	if !r.divided {
		r.divided = true
		r.apart = append(r.apart, r.done...)
		r.done = r.apart
	}
	left, right := Unit{Lane: u.Lane, lent: u.lent}, Unit{Lane: u.Lane, lent: u.lent}
	n := 0
	for rec := u.First; rec != nil; {
		if half := u.N / 2; n < half && n+rec.Count() > half {
			e.mu.Lock()
			rec.split(half - n)
			e.mu.Unlock()
		}
		next := rec.next
		rec.next = nil
		part := &left
		if n >= u.N/2 {
			part = &right
		}
		part.add(rec, 0)
		n += rec.Count()
		rec = next
	}
	halves := []Unit{left, right}
	e.build(r, halves[:1])
	if !e.try(r, halves[:1]) && e.o.Ordered {
		return r.decide(halves[1:], retry.Fault{Class: retry.Transient, Code: "not sent"})
	}
	e.build(r, halves[1:])
	return e.try(r, halves[1:])
}

// decide adds units to r.done with one verdict for all, and reports whether that is acceptance.
func (r *request) decide(units []Unit, v retry.Fault) bool {
	for i := range units {
		units[i].verdict = v
	}
	if r.divided {
		r.apart = append(r.apart, units...)
		r.done = r.apart
	} else {
		r.done = r.units[:len(r.done)+len(units)] // which these are the next of
	}
	return v.Class == retry.None
}

// send makes one call.
func (e *Engine) send(r *request, units []Unit, verdicts []retry.Fault) retry.Fault {
	ctx, cancel := context.WithTimeout(e.ctx, e.o.Timeout)
	defer cancel()
	r.sends++
	r.port.counters.Requests.Add(1)
	r.tally(units, func(p *Port, n int64) { p.counters.RecordSendAttempts.Add(n) })
	began := time.Now()
	fault := retry.Classify(e.o.Sender.Send(ctx, units, verdicts))
	r.port.counters.SendLatency.Add(time.Since(began).Milliseconds(), 1)
	if fault.Class != retry.None {
		r.port.counters.ServiceErrors.Add(1)
		r.tally(units, func(p *Port, n int64) {
			p.counters.RecordSendErrors.Add(n)
			if fault.Unknown {
				p.counters.UnknownOutcomes.Add(n)
			}
		})
		return fault
	}
	for i := range units {
		if v := &verdicts[i]; v.Class != retry.None {
			r.tally(units[i:i+1], func(p *Port, n int64) {
				p.counters.RecordSendErrors.Add(n)
				if v.Unknown {
					p.counters.UnknownOutcomes.Add(n)
				}
			})
		}
	}
	return fault
}

// tally tells how many records of the units are whose. What is counted by request, or by record of the service, counts for the flow of its
// first record, so that the sum over the flows is right.
func (r *request) tally(units []Unit, add func(p *Port, n int64)) {
	if !r.mixed {
		n := 0
		for i := range units {
			n += units[i].N
		}
		add(r.port, int64(n))
		return
	}
	for i := range units {
		var p *Port
		n := int64(0)
		for rec := units[i].First; rec != nil; rec = rec.next {
			if q := rec.origin.port; q != p {
				if n > 0 {
					add(p, n)
				}
				p, n = q, 0
			}
			n += int64(rec.n)
		}
		if n > 0 {
			add(p, n)
		}
	}
}

// ask asks the service whether it takes anything, where the only record at hand is one that it has refused alone: if so, that is the proof.
// Whatever else it says, sending the record tells more.
func (e *Engine) ask(r *request) {
	p, ok := e.o.Sender.(Prober)
	if !ok || !r.probe || r.units[0].First.flags&refused == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(e.ctx, e.o.Timeout)
	defer cancel()
	r.accepted = p.Probe(ctx) == nil
}

// judge makes dead letters of what the service refused alone, if it took something else (invariant 13 of DESIGN.md). What must not be
// one yet opens the circuit of its flow.
func (e *Engine) judge(r *request) {
	if !r.suspect {
		return
	}
	letters := map[*Port][]emit.DeadLetter{}
	for i := range r.done {
		u := &r.done[i]
		if u.verdict.Class != retry.Data {
			continue
		}
		rec := u.First
		p := rec.origin.port
		switch {
		case u.verdict.TooLarge:
			u.hold("something on the way to the service refuses a request that the service's own limits allow: raise its body limit")
		case rec.flags&proven == 0 && !r.accepted && !e.acceptedSince(p):
			rec.flags |= refused
			u.hold("the service refuses a record and has taken no other since, so the record is kept")
		case !e.mayRefuse(p, time.Now()):
			rec.flags |= proven
			u.hold(fmt.Sprintf("the service refuses more records in a minute than max_rate = %d allows: 'kinetail resume %s' goes on",
				p.o.MaxRefused, p.o.Flow))
		default:
			letters[p] = append(letters[p], emit.DeadLetter{
				Reason: "refused", Detail: u.verdict.String(), Source: rec.origin.source,
				Start: rec.start, End: rec.end, Part: rec.part, Key: rec.Key(), Data: rec.Data(),
			})
			u.buried = true
		}
	}
	failed := map[*Port]error{}
	for p, l := range letters {
		dropped, err := p.o.DeadLetters.TryKeep(l...)
		if err == nil {
			p.countLetters(len(l), dropped)
		}
		failed[p] = err
	}
	for i := range r.done {
		u := &r.done[i]
		if !u.buried {
			continue
		}
		if err := failed[u.First.origin.port]; err != nil {
			u.buried = false
			u.First.flags |= proven
			u.hold("the service refuses a record that cannot be kept as a dead letter now: " + err.Error())
			continue
		}
		u.verdict = retry.Fault{}
	}
}

// hold makes the refusal of a record one that its flow waits for.
func (u *Unit) hold(why string) {
	u.own = true
	u.verdict.Class = retry.Configuration
	u.verdict.Message = why + " (" + u.verdict.Message + ")"
}
