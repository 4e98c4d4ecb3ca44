package lane

import (
	"slices"
	"time"

	"github.com/kinetail/kinetail/emit/retry"
)

// settled is what is given back after mu is let go.
type settled struct {
	origins []*origin
	counts  []int
	chunks  []*chunk
	bytes   int64 // of memory
}

// settle acts on the verdicts of a request.
func (e *Engine) settle(r *request) {
	now := time.Now()
	e.mu.Lock()
	e.inflight--
	for _, i := range r.busy {
		e.lanes[i].busy = false
	}
	done := e.sort(r, now)
	for i := range r.done { // acts once for each lane that it touches
		e.lanes[r.done[i].Lane].answered(now)
	}
	after := e.learn(r, now)
	e.mu.Unlock()
	after()

	for i, o := range done.origins {
		o.ack.Done(done.counts[i])
	}
	for _, c := range done.chunks {
		c.recycle()
	}
	if done.bytes > 0 {
		e.o.Memory.Release(done.bytes)
	}
	if len(done.origins) > 0 { // only now, so that a Flush returns after the acknowledgements
		e.mu.Lock()
		for i, o := range done.origins {
			e.leave(o.epoch, done.counts[i])
		}
		e.mu.Unlock()
	}
	r.free()
}

// sort needs mu. It takes what is done with out of the books and puts the rest back to the heads of the queues: from the last to the
// first, so that they stand there in their old order.
func (e *Engine) sort(r *request, now time.Time) settled {
	var out settled
	var records, bytes, units, single int64
	// Who overtakes whom matters only where something failed and order is not kept anyway.
	overtaking := !e.o.Ordered && slices.ContainsFunc(r.done, func(u Unit) bool { return u.verdict.Class != retry.None })
	clear(r.seen) // from here on: keys of which a later record was accepted
	for i := len(r.done) - 1; i >= 0; i-- {
		u := &r.done[i]
		l := &e.lanes[u.Lane]
		l.seen = true
		if u.verdict.Class != retry.None {
			l.failed = l.failed || r.fault.Class == retry.None // else the whole destination waits
			if u.verdict.Class == retry.Throttle {
				l.throttled = true
				e.counters.RecordsThrottled.Add(int64(u.N))
			}
			e.putBack(r, u)
			continue
		}
		l.accepted = true
		if !u.buried {
			units++
			if u.N == 1 {
				single++
			} else {
				e.counters.RecordsPerKinesisRecord.Add(int64(u.N), 1)
			}
		}
		for rec := u.First; rec != nil; {
			next := rec.next
			if overtaking && rec.key > 0 {
				r.seen[rec.hash] = 0
			}
			if !u.buried {
				records++
				bytes += int64(rec.size) - int64(rec.key)
				if rec.flags&overtaken != 0 {
					e.counters.RecordsReordered.Add(1)
				}
			}
			e.finish(rec, &out)
			rec = next
		}
	}
	e.counters.RecordsSent.Add(records)
	e.counters.BytesSent.Add(bytes)
	e.counters.KinesisRecords.Add(units)
	e.counters.RecordsPerKinesisRecord.Add(1, single)
	if records > 0 {
		e.accepted = now
	}
	for i, o := range out.origins {
		out.counts[i] = o.settled
		e.counters.DeliveryLatency.Add(now.Sub(o.at).Milliseconds(), int64(o.settled))
		o.settled = 0
	}
	return out
}

// finish needs mu. It takes an acknowledged record out of the books.
func (e *Engine) finish(rec *Record, out *settled) {
	e.queued--
	e.queuedBytes -= int64(rec.size)
	o := rec.origin
	if o.settled == 0 {
		out.origins = append(out.origins, o)
		out.counts = append(out.counts, 0)
	}
	o.settled++
	c := rec.chunk
	rec.next = nil
	if c.drop() {
		out.chunks = append(out.chunks, c)
		out.bytes += c.cost()
	}
}

// putBack needs mu.
func (e *Engine) putBack(r *request, u *Unit) {
	for rec := u.First; rec != nil; rec = rec.next {
		rec.flags |= retried
		if _, later := r.seen[rec.hash]; later && rec.key > 0 {
			rec.flags |= overtaken
		}
	}
	q := &e.lanes[u.Lane].queue
	if u.First.key == 0 {
		q = &e.loose
	}
	q.pushFront(u.First, u.Last)
}
