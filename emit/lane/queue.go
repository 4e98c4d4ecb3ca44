package lane

import (
	"time"

	"github.com/kinetail/kinetail/emit/retry"
)

// queue holds records in file order, linked through Record.next.
type queue struct {
	head, tail *Record
	count      int
	bytes      int64
	newest     *chunk // where the next record goes, if it fits
}

func (q *queue) empty() bool { return q.head == nil }

func (q *queue) pushBack(r *Record) {
	r.next = nil
	if q.tail == nil {
		q.head = r
	} else {
		q.tail.next = r
	}
	q.tail = r
	q.count += int(r.n)
	q.bytes += int64(r.size)
}

// split needs mu. It splits r, which is in the queue, after n records.
func (q *queue) split(r *Record, n int) {
	if rest := r.split(n); q.tail == r {
		q.tail = rest
	}
}

// pushFront puts a chain of records, which is linked up to last, before all others.
func (q *queue) pushFront(first, last *Record) {
	for r := first; ; r = r.next {
		q.count += int(r.n)
		q.bytes += int64(r.size)
		if r == last {
			break
		}
	}
	last.next = q.head
	q.head = first
	if q.tail == nil {
		q.tail = last
	}
}

// unlink takes r out, whose predecessor is prev, nil for the head.
func (q *queue) unlink(prev, r *Record) {
	if prev == nil {
		q.head = r.next
	} else {
		prev.next = r.next
	}
	if q.tail == r {
		q.tail = prev
	}
	r.next = nil
	q.count -= int(r.n)
	q.bytes -= int64(r.size)
}

// lane is what the queues of a shard have in common, or those of a part of the key space. The queues are its ports'.
type lane struct {
	busy      bool // a request with its keyed records is in flight
	notBefore time.Time
	failures  int // answers in a row that refused a record of the lane
	rate      limiter

	// Of the request whose verdicts are being looked at.
	seen, accepted, throttled, failed bool
}

// ready is when the lane may be packed; the zero time is now.
func (l *lane) ready(now time.Time) time.Time {
	if l.notBefore.After(now) {
		return l.notBefore
	}
	return l.rate.ready(now)
}

// answered is called when the verdicts of a request are known, and acts on the first call after each.
func (l *lane) answered(now time.Time) {
	if !l.seen {
		return
	}
	switch {
	case l.throttled:
		l.rate.throttled(now)
	case !l.failed:
		l.rate.clean(now)
	}
	switch {
	case !l.failed:
		l.failures = 0
	case l.accepted:
		l.failures = 1
	default:
		l.failures++
	}
	if l.failed {
		l.notBefore = now.Add(retry.Lane.Delay(l.failures))
	}
	l.seen, l.accepted, l.throttled, l.failed = false, false, false, false
}
