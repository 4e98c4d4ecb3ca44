package lane

import (
	"slices"
	"time"

	"github.com/kinetail/kinetail/emit/retry"
	"github.com/kinetail/kinetail/tailer/memory"
)

// settled is what is given back after mu is let go.
type settled struct {
	origins []*origin
	counts  []int
	chunks  []*chunk
	memory  []freed
}

type freed struct {
	share *memory.Share
	bytes int64
}

// settle acts on the verdicts of a request.
func (e *Engine) settle(r *request) {
	now := time.Now()
	e.mu.Lock()
	e.inflight--
	for _, i := range r.busy {
		e.lanes[i].busy = false
	}
	if r.only != nil {
		r.only.probing = false
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
	for _, f := range done.memory {
		f.share.Release(f.bytes)
	}
	if len(done.origins) > 0 { // only now, so that a Flush returns after the acknowledgements
		e.mu.Lock()
		for i, o := range done.origins {
			o.port.leave(o.epoch, done.counts[i])
		}
		e.mu.Unlock()
	}
	r.free()
}

// sort needs mu. It takes what is done with out of the books and puts the rest back to the heads of the queues: from the last to the
// first, so that they stand there in their old order.
func (e *Engine) sort(r *request, now time.Time) settled {
	var out settled
	var records, bytes int64 // of r.port, unless they are mixed
	single := int64(0)       // units of one record of r.port
	some := false
	// Who overtakes whom matters only where something failed and order is not kept anyway.
	overtaking := false
	for i := range r.done {
		overtaking = overtaking || !e.o.Ordered && r.done[i].verdict.Class != retry.None
	}
	clear(r.seen) // from here on: keys of which a later record was accepted
	for i := len(r.done) - 1; i >= 0; i-- {
		u := &r.done[i]
		l := &e.lanes[u.Lane]
		l.seen = true
		if u.verdict.Class != retry.None {
			// What is about the whole destination, or about one flow, is none of the lane's.
			l.failed = l.failed || r.fault.Class == retry.None && !u.own
			if u.verdict.Class == retry.Throttle {
				l.throttled = true
				r.tally(r.done[i:i+1], func(p *Port, n int64) { p.counters.RecordsThrottled.Add(n) })
			}
			e.putBack(r, u, &out)
			continue
		}
		l.accepted = true
		if !u.buried {
			some = true
			switch p := u.First.origin.port; {
			case u.N > 1:
				p.counters.KinesisRecords.Add(1)
				p.counters.RecordsPerKinesisRecord.Add(int64(u.N), 1)
			case p == r.port:
				single++
			default:
				p.counters.KinesisRecords.Add(1)
				p.counters.RecordsPerKinesisRecord.Add(1, 1)
			}
		}
		for rec := u.First; rec != nil; {
			next := rec.next
			if overtaking && rec.key > 0 {
				r.seen[rec.own()] = 0
			}
			if !u.buried {
				size := int64(rec.size) - int64(rec.key)
				if r.mixed {
					c := &rec.origin.port.counters
					c.RecordsSent.Add(int64(rec.n))
					c.BytesSent.Add(size)
				} else {
					records += int64(rec.n)
					bytes += size
				}
				if rec.flags&overtaken != 0 {
					rec.origin.port.counters.RecordsReordered.Add(1)
				}
			}
			finish(rec, &out)
			rec = next
		}
	}
	r.port.counters.RecordsSent.Add(records)
	r.port.counters.BytesSent.Add(bytes)
	r.port.counters.KinesisRecords.Add(single)
	r.port.counters.RecordsPerKinesisRecord.Add(1, single)
	if some {
		e.accepted = now
	}
	for i, o := range out.origins {
		out.counts[i] = o.settled
		o.port.counters.DeliveryLatency.Add((now.Sub(o.at) - o.port.age()).Milliseconds(), int64(o.settled))
		o.settled = 0
	}
	return out
}

// finish needs mu. It takes an acknowledged record out of the books.
func finish(rec *Record, out *settled) {
	o := rec.origin
	if !o.port.closed {
		o.port.queued -= int64(rec.n)
		o.port.queuedBytes -= int64(rec.size)
	}
	if rec.flags&refused != 0 { // a later refusal needs a proof of its own
		o.port.refusedSince = time.Time{}
	}
	if o.settled == 0 {
		out.origins = append(out.origins, o)
		out.counts = append(out.counts, 0)
	}
	o.settled += rec.Count()
	out.drop(rec)
}

// drop needs mu. It lets go of a record's bytes.
func (out *settled) drop(rec *Record) {
	c := rec.chunk
	rec.next = nil
	if !c.drop() {
		return
	}
	out.chunks = append(out.chunks, c)
	share := rec.origin.port.o.Memory
	for i := range out.memory {
		if out.memory[i].share == share {
			out.memory[i].bytes += c.cost()
			return
		}
	}
	out.memory = append(out.memory, freed{share, c.cost()})
}

// putBack needs mu. Records of a unit go back to the heads of their queues, from the last to the first.
func (e *Engine) putBack(r *request, u *Unit, out *settled) {
	if p := u.First.origin.port; u.own && u.First.key == 0 && u.First.flags&(refused|proven) == refused && !p.closed {
		u.First.flags |= retried
		p.loose().pushBack(u.First) // what comes after it may be the proof that others are taken, and keeps no order
		return
	}
	for rec := u.First; rec != nil; rec = rec.next {
		rec.flags |= retried
		if _, later := r.seen[rec.own()]; later && rec.key > 0 {
			rec.flags |= overtaken
		}
	}
	if p := u.First.origin.port; !r.mixed && !p.closed {
		e.queueOf(u.First, u).pushFront(u.First, u.Last)
		return
	}
	// A chain of records of one port after the other, which are taken apart here.
	var chain []*Record
	for rec := u.First; rec != nil; rec = rec.next {
		chain = append(chain, rec)
	}
	for _, rec := range slices.Backward(chain) {
		if rec.origin.port.closed {
			out.drop(rec) // it is read again
			continue
		}
		rec.next = nil
		e.queueOf(rec, u).pushFront(rec, rec)
	}
}

func (e *Engine) queueOf(rec *Record, u *Unit) *queue {
	p := rec.origin.port
	if rec.key == 0 {
		return p.loose()
	}
	return &p.queues[u.Lane]
}
