package lane

import (
	"slices"
	"time"
)

// maxSkip is how many records of keys that are in the request already are passed over in a lane to find others.
const maxSkip = 1024

// pack needs mu. It makes the next request, or returns nil and when to look again; the zero time is: when something happens.
func (e *Engine) pack(now time.Time) (*request, time.Time) {
	if e.closed {
		return nil, time.Time{}
	}
	if e.newKeys != nil {
		if e.inflight > 0 {
			return nil, time.Time{}
		}
		e.setMap(e.newKeys)
		e.newKeys = nil
	}
	if e.inflight >= e.slots() {
		return nil, time.Time{}
	}
	if e.notBefore.After(now) {
		return nil, e.notBefore
	}
	for _, p := range e.ports {
		if p.circuit.Open && p.packable(now) {
			if r := e.make(p, now); r != nil {
				p.probing = true
				return r, time.Time{}
			}
		}
	}
	due, again := e.due(now)
	if !due {
		return nil, again
	}
	// Where nothing can be packed, what was due is waiting for its lane; again says when the first is ready, if time is what it waits for.
	r := e.make(nil, now)
	if r != nil {
		again = time.Time{}
	}
	return r, again
}

// make needs mu. It packs a request, of one port's records if only is not nil, or returns nil.
func (e *Engine) make(only *Port, now time.Time) *request {
	r := newRequest()
	r.started, r.most, r.only = now, e.o.Limits.Records, only
	if r.probe = e.circuit.Open || only != nil; r.probe {
		r.most = 1
	}
	e.fill(r, now)
	if len(r.units) == 0 {
		r.free()
		return nil
	}
	e.inflight++
	e.first = slices.Index(e.ports, r.port) + 1
	return r
}

// slots is how many requests may be in flight now.
func (e *Engine) slots() int {
	if e.failures > 0 || e.circuit.Open {
		return 1
	}
	return int(e.width)
}

// waiting is what could be packed now.
type waiting struct {
	count  int
	bytes  int64
	oldest time.Time
	full   bool // an aggregate is
}

func (e *Engine) add(w *waiting, i int) {
	size := int64(0)
	for _, p := range e.ports {
		q := &p.queues[i]
		if q.empty() || p.circuit.Open {
			continue
		}
		w.count += q.count
		size += q.bytes
		if at := q.head.origin.at; w.oldest.IsZero() || at.Before(w.oldest) {
			w.oldest = at
		}
	}
	w.bytes += size
	w.full = w.full || e.joining && size >= int64(e.o.AggregateSize)
}

// due needs mu. It says whether there is a request to be made, and when to look again.
func (e *Engine) due(now time.Time) (bool, time.Time) {
	var (
		w     waiting
		again time.Time
		hurry = e.circuit.Open
		loose = len(e.lanes)
	)
	sooner := func(t time.Time) {
		if again.IsZero() || t.Before(again) {
			again = t
		}
	}
	for _, p := range e.ports {
		switch {
		case !p.circuit.Open:
			hurry = hurry || p.hurried()
		case !p.probing && p.notBefore.After(now) && p.queued > 0:
			sooner(p.notBefore)
		}
	}
	hasLoose := e.holds(loose, now)
	free := time.Time{} // when the first lane can take a record without a key
	for i := range e.lanes {
		l := &e.lanes[i]
		has := e.holds(i, now)
		if !has && !hasLoose {
			continue
		}
		at := l.ready(now)
		if i == 0 || at.Before(free) {
			free = at
		}
		switch {
		case !has || l.busy:
		case !at.IsZero():
			sooner(at)
		default:
			e.add(&w, i)
		}
	}
	if hasLoose {
		if free.IsZero() {
			e.add(&w, loose)
		} else {
			sooner(free)
		}
	}
	if w.count == 0 {
		return false, again
	}
	limits := &e.o.Limits
	if !e.joining {
		w.full = w.count >= limits.Records || w.bytes >= int64(e.body)
	}
	if hurry || w.full {
		return true, again
	}
	if at := w.oldest.Add(e.o.MaxWait); at.After(now) {
		sooner(at)
		return false, again
	}
	return true, again
}

// holds needs mu. It says whether a port that may be packed, or probed, has records for lane i, or without a key.
func (e *Engine) holds(i int, now time.Time) bool {
	for _, p := range e.ports {
		if !p.queues[i].empty() && p.packable(now) {
			return true
		}
	}
	return false
}

// fill needs mu. Lanes are asked in turn, each for as much as fits, so that requests of a backlog are of few lanes and several can
// be in flight.
func (e *Engine) fill(r *request, now time.Time) {
	// A probe is better not made with a record that the service has refused, if there is another. But what max_rate holds back waits for
	// that very record to be accepted.
	passes := 1
	if r.probe && (r.only == nil || !r.only.held) {
		passes = 2
	}
	r.parts = 1
	if e.joining && e.o.Ordered {
		r.parts = e.parts(now)
	}
	turns := len(e.lanes) + 1 // the last is that of the records without a key
	next := e.cursor
	for pass := range passes {
		careful := pass < passes-1
		for n := range turns {
			if e.full(r) {
				break
			}
			i := (e.cursor + n) % turns
			if e.turn(r, i, careful, now) {
				next = (i + 1) % turns
			}
		}
	}
	e.cursor = next
}

// turn packs what there is to pack of lane i, or of the records without a key, and reports whether that was anything. careful passes over
// a queue that begins with a refused record.
func (e *Engine) turn(r *request, i int, careful bool, now time.Time) bool {
	loose := i == len(e.lanes)
	if !loose && e.lanes[i].busy {
		return false
	}
	ports := e.takers(r, i, careful)
	if len(ports) == 0 || !e.worth(r, ports, i, now) {
		return false
	}
	before := len(r.units)
	switch {
	case loose:
		e.takeLoose(r, ports, now)
		return len(r.units) > before
	case !e.lanes[i].ready(now).IsZero():
		return false
	case e.joining:
		e.aggregateLane(r, i, ports, now)
	default:
		e.takeLane(r, i, ports)
	}
	if len(r.units) == before {
		return false
	}
	e.lanes[i].busy = true
	r.busy = append(r.busy, i)
	return true
}

// takers needs mu. They are the ports whose records for lane i, or without a key, may be packed, beginning with the one after that which came first in the last request. The
// slice is good until the next call.
func (e *Engine) takers(r *request, i int, careful bool) []*Port {
	out := e.asked[:0]
	for n := range e.ports {
		p := e.ports[(e.first+n)%len(e.ports)]
		q := &p.queues[i]
		if q.empty() || r.only != nil && r.only != p || r.only == nil && p.circuit.Open || careful && q.head.flags&refused != 0 {
			continue
		}
		out = append(out, p)
	}
	e.asked = out
	return out
}

// worth says whether it is time to pack what the ports have for lane i. Without aggregation whatever there is fills up a request; an
// aggregate waits until it is large or old enough.
func (e *Engine) worth(r *request, ports []*Port, i int, now time.Time) bool {
	if !e.joining || r.probe {
		return true
	}
	size := int64(0)
	for _, p := range ports {
		if p.circuit.Open && r.only != p {
			continue
		}
		q := &p.queues[i]
		if p.hurried() || !q.empty() && !q.head.origin.at.Add(e.o.MaxWait).After(now) {
			return true
		}
		size += q.bytes
	}
	return size >= int64(e.o.AggregateSize)
}

// part is one of n even parts, at least 1.
func part(whole, n int) int { return max(1, (whole+n-1)/n) }

func (e *Engine) full(r *request) bool {
	return len(r.units) >= r.most || r.size >= e.body
}

// fits says whether the request may grow by n bytes. One unit always fits.
func (e *Engine) fits(r *request, n int) bool {
	return len(r.units) == 0 || r.size+n <= e.body
}

// append makes a new unit of one record.
func (e *Engine) append(r *request, rec *Record, i int) *Unit {
	r.units = slices.Grow(r.units, 1)[:len(r.units)+1] // zero, for free has cleared it
	u := &r.units[len(r.units)-1]
	u.Lane = i
	e.join(r, u, rec, int(rec.size))
	return u
}

// join adds a record to a unit, which has size bytes then.
func (e *Engine) join(r *request, u *Unit, rec *Record, size int) {
	r.size += size - u.Size
	u.add(rec, size)
	r.records += rec.Count()
	p := rec.origin.port
	if r.port == nil {
		r.port = p
	}
	r.mixed = r.mixed || p != r.port
	if rec.flags&retried != 0 {
		p.counters.RecordsRetried.Add(int64(rec.n))
	}
}

// takeLane packs records of lane i, one to a unit. Flows that compete get even parts of what is free, in rounds: who needs less leaves the
// rest to the others.
func (e *Engine) takeLane(r *request, i int, ports []*Port) {
	if e.o.Ordered {
		clear(r.seen)
	}
	for len(ports) > 0 && !e.full(r) {
		before := len(r.units)
		units, bytes := part(r.most-before, len(ports)), part(e.body-r.size, len(ports))
		left := ports[:0]
		for _, p := range ports {
			if e.takeQueue(r, i, p, units, bytes) {
				left = append(left, p)
			}
		}
		if ports = left; len(r.units) == before {
			return
		}
	}
}

// takeQueue packs what one flow has, until that is so many units, or about so many bytes; then it returns true: there may be more.
func (e *Engine) takeQueue(r *request, i int, p *Port, units, bytes int) bool {
	l, q, salt := &e.lanes[i], &p.queues[i], p.salt
	units, bytes = units+len(r.units), bytes+r.size
	skipped := 0
	var own Hash
	var prev *Record
	for rec := q.head; rec != nil && !e.full(r); {
		if len(r.units) >= units || r.size >= bytes {
			return true
		}
		next := rec.next
		key := &rec.hash // rec.own(), without the copy: many are passed over, and it costs half as much again
		if salt != 0 {
			own = Hash{Hi: rec.hash.Hi, Lo: rec.hash.Lo ^ salt}
			key = &own
		}
		if e.o.Ordered {
			if _, dup := r.seen[*key]; dup {
				if skipped++; skipped > maxSkip {
					return false
				}
				prev, rec = rec, next
				continue
			}
		}
		if !e.fits(r, int(rec.size)) || !l.rate.open() {
			return false
		}
		if e.o.Ordered {
			r.seen[*key] = 0
		}
		q.unlink(prev, rec)
		e.append(r, rec, i)
		l.rate.take(1, int(rec.size))
		rec = next
	}
	return false
}

// takeLoose packs records without a key, of the ports in turn. They go to the lanes in turn, and pass over those that may not send now.
func (e *Engine) takeLoose(r *request, ports []*Port, now time.Time) {
	var open []int // lanes that may send, where not all may
	closed := 0
	for i := range e.lanes {
		if !e.lanes[i].ready(now).IsZero() {
			closed++
		}
	}
	if closed > 0 {
		for i := range e.lanes {
			if e.lanes[i].ready(now).IsZero() {
				open = append(open, i)
			}
		}
		if len(open) == 0 {
			return
		}
	}
	for k := 0; len(ports) > 0 && !e.full(r); k++ {
		k %= len(ports)
		q := ports[k].loose()
		if q.empty() {
			ports = append(ports[:k], ports[k+1:]...)
			k--
			continue
		}
		if e.joining && !e.worth(r, ports, len(e.lanes), now) {
			return
		}
		if e.joining && q.bytes >= int64(e.o.AggregateSize) && !e.fits(r, e.o.AggregateSize) {
			return // the next request begins with a whole unit, which may be sent from where it stands
		}
		i, ok := e.nextLane(&open)
		if !ok {
			return
		}
		rec := q.head
		key := e.keys.Key(i)
		if !e.fits(r, len(rec.At(0))+len(key)) {
			return
		}
		if rec.n > 1 {
			q.split(rec, 1)
		}
		q.unlink(nil, rec)
		u := e.append(r, rec, i)
		u.Key, u.lent = key, key
		if e.joining {
			e.fillLoose(r, u, ports, k)
		}
		r.size += len(key)
		e.lanes[i].rate.take(1, u.Size+len(key))
	}
}

// nextLane is the next in turn that may send. open is nil as long as all may.
func (e *Engine) nextLane(open *[]int) (int, bool) {
	if *open == nil {
		e.spread = (e.spread + 1) % len(e.lanes)
		if e.lanes[e.spread].rate.open() {
			return e.spread, true
		}
		for i := range e.lanes {
			if e.lanes[i].rate.open() {
				*open = append(*open, i)
			}
		}
	}
	for len(*open) > 0 {
		e.spread++
		k := e.spread % len(*open)
		if i := (*open)[k]; e.lanes[i].rate.open() {
			return i, true
		}
		*open = append((*open)[:k], (*open)[k+1:]...)
	}
	return 0, false
}
