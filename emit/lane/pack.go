package lane

import "time"

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
	due, again := e.due(now)
	if !due {
		return nil, again
	}
	r := newRequest()
	r.started, r.most = now, e.o.Limits.Records
	if r.probe = e.circuit.Open; r.probe {
		r.most = 1
	}
	e.fill(r, now)
	if len(r.units) == 0 {
		r.free()
		// What was due is waiting for its lane; again says when the first is ready, if time is what it waits for.
		return nil, again
	}
	e.inflight++
	return r, time.Time{}
}

// slots is how many requests may be in flight now.
func (e *Engine) slots() int {
	if e.failures > 0 || e.circuit.Open {
		return 1
	}
	return int(e.width)
}

// due needs mu. It says whether there is a request to be made, and when to look again.
func (e *Engine) due(now time.Time) (bool, time.Time) {
	var (
		again  time.Time
		count  int
		bytes  int64
		oldest time.Time
		hurry  = e.blocked > 0 || e.flushing() || e.circuit.Open
	)
	sooner := func(t time.Time) {
		if again.IsZero() || t.Before(again) {
			again = t
		}
	}
	full := false
	queue := func(q *queue) {
		count += q.count
		bytes += q.bytes
		if at := q.head.origin.at; oldest.IsZero() || at.Before(oldest) {
			oldest = at
		}
		full = full || e.joining && q.bytes >= int64(e.o.AggregateSize)
	}
	free := time.Time{} // when the first lane can take a record without a key
	for i := range e.lanes {
		l := &e.lanes[i]
		if l.empty() && e.loose.empty() {
			continue
		}
		at := l.ready(now)
		if i == 0 || at.Before(free) {
			free = at
		}
		switch {
		case l.empty() || l.busy:
		case !at.IsZero():
			sooner(at)
		default:
			queue(&l.queue)
		}
	}
	if !e.loose.empty() {
		if free.IsZero() {
			queue(&e.loose)
		} else {
			sooner(free)
		}
	}
	if count == 0 {
		return false, again
	}
	limits := &e.o.Limits
	if !e.joining {
		full = count >= limits.Records || bytes >= int64(limits.RequestBytes)
	}
	if hurry || full {
		return true, again
	}
	if at := oldest.Add(e.o.MaxWait); at.After(now) {
		sooner(at)
		return false, again
	}
	return true, again
}

// fill needs mu. Lanes are asked in turn, each for as much as fits, so that requests of a backlog are of few lanes and several can
// be in flight.
func (e *Engine) fill(r *request, now time.Time) {
	// A probe is better not made with a record that the service has refused, if there is another.
	passes := 1
	if r.probe {
		passes = 2
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

// turn packs what there is to pack of lane i, or of the loose queue, and reports whether that was anything. careful passes over a
// queue that begins with a refused record.
func (e *Engine) turn(r *request, i int, careful bool, now time.Time) bool {
	q := &e.loose
	if i < len(e.lanes) {
		q = &e.lanes[i].queue
	}
	if q.empty() || !e.worth(q, now) || careful && q.head.flags&refused != 0 {
		return false
	}
	before := len(r.units)
	switch {
	case i == len(e.lanes):
		e.takeLoose(r, now)
		return len(r.units) > before
	case e.lanes[i].busy || !e.lanes[i].ready(now).IsZero():
		return false
	case e.joining:
		e.aggregateLane(r, i, now)
	default:
		e.takeLane(r, i)
	}
	if len(r.units) == before {
		return false
	}
	e.lanes[i].busy = true
	r.busy = append(r.busy, i)
	return true
}

// worth says whether it is time to pack the queue. Without aggregation whatever there is fills up a request; an aggregate waits
// until it is large or old enough.
func (e *Engine) worth(q *queue, now time.Time) bool {
	return !e.joining || e.blocked > 0 || e.flushing() || e.circuit.Open ||
		q.bytes >= int64(e.o.AggregateSize) || !q.head.origin.at.Add(e.o.MaxWait).After(now)
}

func (e *Engine) full(r *request) bool {
	return len(r.units) >= r.most || r.size >= e.o.Limits.RequestBytes
}

// fits says whether the request may grow by n bytes. One unit always fits.
func (e *Engine) fits(r *request, n int) bool {
	return len(r.units) == 0 || r.size+n <= e.o.Limits.RequestBytes
}

// append makes a new unit of one record.
func (e *Engine) append(r *request, rec *Record, i int) *Unit {
	r.units = append(r.units, Unit{Lane: i})
	u := &r.units[len(r.units)-1]
	e.join(r, u, rec, int(rec.size))
	return u
}

// join adds a record to a unit, which has size bytes then.
func (e *Engine) join(r *request, u *Unit, rec *Record, size int) {
	r.size += size - u.Size
	u.add(rec, size)
	r.records++
	if rec.flags&retried != 0 {
		e.counters.RecordsRetried.Add(1)
	}
}

// takeLane packs records of lane i, one to a unit.
func (e *Engine) takeLane(r *request, i int) {
	l := &e.lanes[i]
	if e.o.Ordered {
		clear(r.seen)
	}
	skipped := 0
	var prev *Record
	for rec := l.head; rec != nil && !e.full(r); {
		next := rec.next
		if e.o.Ordered {
			if _, dup := r.seen[rec.hash]; dup {
				if skipped++; skipped > maxSkip {
					return
				}
				prev, rec = rec, next
				continue
			}
		}
		if !e.fits(r, int(rec.size)) || !l.rate.open() {
			return
		}
		if e.o.Ordered {
			r.seen[rec.hash] = 0
		}
		l.unlink(prev, rec)
		e.append(r, rec, i)
		l.rate.take(1, int(rec.size))
		rec = next
	}
}

// takeLoose packs records without a key. They go to the lanes in turn, and pass over those that may not send now.
func (e *Engine) takeLoose(r *request, now time.Time) {
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
	for !e.loose.empty() && !e.full(r) && e.worth(&e.loose, now) {
		i, ok := e.nextLane(&open)
		if !ok {
			return
		}
		rec := e.loose.head
		key := e.keys.Key(i)
		if !e.fits(r, int(rec.size)+len(key)) {
			return
		}
		e.loose.unlink(nil, rec)
		u := e.append(r, rec, i)
		u.Key, u.lent = key, key
		if e.joining {
			e.fillLoose(r, u)
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
