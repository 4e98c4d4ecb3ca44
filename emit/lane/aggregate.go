package lane

import "time"

// aggregateLane packs units of several records of lane i. Under Ordered no key is in two units of a request: its records join the one
// that has it or wait.
func (e *Engine) aggregateLane(r *request, i int, now time.Time) {
	l := &e.lanes[i]
	clear(r.seen)
	target := e.target(&l.queue)
	oneKey := e.o.OneKey || !e.keys.Exact()
	current, skipped := -1, 0
	var prev *Record
	for rec := l.head; rec != nil; {
		next := rec.next
		k, known := r.seen[rec.hash]
		if !oneKey { // any key may join the last unit
			k, known = current, current >= 0
		}
		if known && k >= 0 {
			u := &r.units[k]
			size := e.o.Aggregator.Size(u, rec)
			if size <= target && e.fits(r, size-u.Size) {
				l.unlink(prev, rec)
				l.rate.take(0, size-u.Size)
				e.join(r, u, rec, size)
				r.seen[rec.hash] = k
				rec = next
				continue
			}
		}
		_, sent := r.seen[rec.hash]
		switch {
		case e.o.Ordered && (sent || !oneKey && current >= 0):
			// Its key is in a unit that is full. Where units mix keys, one of a lane is enough: it grows with the backlog.
			if !oneKey {
				return
			}
			r.seen[rec.hash] = -1 // and none of the key after it may join
			if skipped++; skipped > maxSkip {
				return
			}
			prev, rec = rec, next
			continue
		case e.full(r) || !e.fits(r, int(rec.size)) || !l.rate.open() || !e.worth(&l.queue, now):
			return
		}
		l.unlink(prev, rec)
		e.append(r, rec, i)
		l.rate.take(1, int(rec.size))
		current = len(r.units) - 1
		r.seen[rec.hash] = current
		rec = next
	}
}

// target is how large the units of a queue become.
func (e *Engine) target(q *queue) int {
	if e.o.Ordered && q.bytes > int64(e.o.AggregateSize) {
		return e.o.Limits.RecordBytes
	}
	return e.o.AggregateSize
}

// fillLoose joins records without a key to u, which has one.
func (e *Engine) fillLoose(r *request, u *Unit) {
	for !e.loose.empty() {
		rec := e.loose.head
		size := e.o.Aggregator.Size(u, rec)
		if size > e.o.AggregateSize || !e.fits(r, size-u.Size) {
			return
		}
		e.loose.unlink(nil, rec)
		e.join(r, u, rec, size)
	}
}
