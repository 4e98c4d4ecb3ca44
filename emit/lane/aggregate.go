package lane

import (
	"sort"
	"time"
)

// joinState is how far the packing of a lane has got.
type joinState struct {
	target  int  // bytes of a unit
	current int  // the last unit; -1: none yet
	oneKey  bool // units hold records of one key
	done    bool // nothing more of the lane may be packed
}

// aggregateLane packs units of several records of lane i. Under Ordered no key is in two units of a request: its records join the one
// that has it or wait.
func (e *Engine) aggregateLane(r *request, i int, ports []*Port, now time.Time) {
	clear(r.seen)
	s := joinState{target: e.target(ports, i, r.parts), current: -1, oneKey: e.o.OneKey || !e.keys.Exact()}
	for len(ports) > 0 && !s.done && !e.full(r) {
		before := r.records
		quota := part(e.body-r.size, len(ports))
		if !s.oneKey && e.o.Ordered { // there will be one unit
			size := 0
			if s.current >= 0 {
				size = r.units[s.current].Size
			}
			quota = min(quota, part(s.target-size, len(ports)))
		}
		left := ports[:0]
		for _, p := range ports {
			if !s.done && e.aggregateQueue(r, i, &p.queues[i], &s, quota, now) {
				left = append(left, p)
			}
		}
		if ports = left; r.records == before {
			return
		}
	}
}

// aggregateQueue packs what one flow has, until that is about quota bytes; then it returns true: there may be more.
func (e *Engine) aggregateQueue(r *request, i int, q *queue, s *joinState, quota int, now time.Time) bool {
	l := &e.lanes[i]
	until := r.size + quota
	skipped := 0
	var prev *Record
	for rec := q.head; rec != nil; {
		if r.size >= until {
			return true
		}
		next := rec.next
		// Any key may join the last unit, or only the one that has it.
		k, known := s.current, s.current >= 0
		if s.oneKey {
			k, known = r.seen[rec.hash]
		}
		if known && k >= 0 {
			u := &r.units[k]
			size := e.o.Aggregator.Size(u, rec)
			if size <= s.target && e.fits(r, size-u.Size) {
				q.unlink(prev, rec)
				l.rate.take(0, size-u.Size)
				e.join(r, u, rec, size)
				rec = next
				continue
			}
		}
		switch {
		case e.o.Ordered && known:
			// Its key is in a unit that is full. Where units mix keys, one of a lane is enough: it grows with the backlog.
			if !s.oneKey {
				s.done = true
				return false
			}
			r.seen[rec.hash] = -1 // and none of the key after it may join
			if skipped++; skipped > maxSkip {
				return false
			}
			prev, rec = rec, next
			continue
		case e.full(r) || !e.fits(r, int(rec.size)) || !l.rate.open():
			return false
		case !e.worth(r, e.ports, i, now): // what is left may wait for company
			return false
		}
		q.unlink(prev, rec)
		e.append(r, rec, i)
		l.rate.take(1, int(rec.size))
		s.current = len(r.units) - 1
		if s.oneKey {
			r.seen[rec.hash] = s.current
		}
		rec = next
	}
	return false
}

// maxParts is how many lanes with a backlog at most a request is for: a unit for each has 256 KiB then, so that a lane whose answers take a quarter of a
// second still gets what a shard takes.
const maxParts = 4

// parts needs mu. It is how many lanes can share a request in large units, maxParts at most. The sums of their units are made side by side, which takes half
// of the time of one large unit, and no more requests.
func (e *Engine) parts(now time.Time) int {
	n := 0
	for i := 0; i < len(e.lanes) && n < maxParts; i++ {
		if l := &e.lanes[i]; l.busy || !l.ready(now).IsZero() {
			continue
		}
		size := int64(0)
		for _, p := range e.ports {
			if !p.circuit.Open {
				size += p.queues[i].bytes
			}
		}
		if size > int64(e.o.AggregateSize) {
			n++
		}
	}
	return max(1, n)
}

// target is how large the units of a lane become, where so many lanes share a request.
func (e *Engine) target(ports []*Port, i, parts int) int {
	size, hurried := int64(0), false
	for _, p := range ports {
		size += p.queues[i].bytes
		hurried = hurried || p.hurried()
	}
	target := e.o.AggregateSize
	if e.o.Ordered && size > int64(target) {
		target = min(e.o.Limits.RecordBytes, max(target, e.body/parts))
		if b := e.o.Billed; b > 0 && !hurried { // what would begin another block waits for the rest of it
			whole := int(min(size, int64(target))) / b * b
			target = max(e.o.AggregateSize, whole)
		}
	}
	return min(target, e.body)
}

// fillLoose joins records without a key to u, which has one: those of the flow that began it, then those of the others.
func (e *Engine) fillLoose(r *request, u *Unit, ports []*Port, first int) {
	for n := range ports {
		q := ports[(first+n)%len(ports)].loose()
		for !q.empty() {
			size := e.cut(r, u, q)
			if size == 0 {
				break
			}
			rec := q.head
			q.unlink(nil, rec)
			e.join(r, u, rec, size)
		}
	}
}

// cut splits a run at the head of q so that as much as fits may join u, and returns the size that u has then; 0: nothing fits.
func (e *Engine) cut(r *request, u *Unit, q *queue) int {
	rec := q.head
	fits := func(size int) bool { return size <= e.o.AggregateSize && e.fits(r, size-u.Size) }
	if size := e.o.Aggregator.Size(u, rec); fits(size) {
		return size
	}
	size := func(n int) int {
		first := rec.beginning(n)
		return e.o.Aggregator.Size(u, &first)
	}
	if rec.n == 1 || !fits(size(1)) {
		return 0
	}
	n := sort.Search(rec.Count(), func(n int) bool { return !fits(size(n + 1)) })
	q.split(rec, n)
	return size(n)
}
