package local

import (
	"bytes"
	"context"
	"sync"

	"github.com/kinetail/kinetail/pipeline"
	"github.com/kinetail/kinetail/tailer"
)

// queueBytes bounds what waits for the writer, in bytes; as much again may be in the writer's hands. Only a single record that
// is longer goes beyond it.
const queueBytes = 256 << 10

// group is a run of records as they will stand in the output, in order.
type group struct {
	data  []byte   // the records with their delimiters
	ends  []int    // where each record ends in data, delimiter included
	sizes []int    // the length of each record as it was put
	marks []marker // who is told, in order
}

// marker says that the next n records of a group belong to ack.
type marker struct {
	ack *tailer.Ack
	n   int
}

func (g *group) len() int { return len(g.ends) }

func (g *group) add(data, delimiter []byte, ack *tailer.Ack) {
	g.data = append(g.data, data...)
	if !bytes.HasSuffix(data, delimiter) {
		g.data = append(g.data, delimiter...)
	}
	g.ends = append(g.ends, len(g.data))
	g.sizes = append(g.sizes, len(data))
	if last := len(g.marks) - 1; last >= 0 && g.marks[last].ack == ack {
		g.marks[last].n++
		return
	}
	g.marks = append(g.marks, marker{ack, 1})
}

// start is where the i-th record begins in data; start(len()) is the end.
func (g *group) start(i int) int {
	if i == 0 {
		return 0
	}
	return g.ends[i-1]
}

// whole is how many records, from the first on, end within the first n bytes.
func (g *group) whole(n int) int {
	i := 0
	for i < len(g.ends) && g.ends[i] <= n {
		i++
	}
	return i
}

// reset empties g for another use; a buffer that one long record blew up is let go.
func (g *group) reset() {
	if cap(g.data) > 2*queueBytes {
		g.data = nil
	}
	clear(g.marks)
	g.data, g.ends, g.sizes, g.marks = g.data[:0], g.ends[:0], g.sizes[:0], g.marks[:0]
}

// queue holds the records between Put and the writer. Safe for concurrent use.
type queue struct {
	mu      sync.Mutex
	waiting *group
	put     int64 // records ever put
	acked   int64 // records ever acknowledged
	queued  int64 // bytes put and not acknowledged
	broken  error // set: nothing is taken any more
	changed chan struct{}
}

func newQueue() *queue { return &queue{waiting: new(group), changed: make(chan struct{})} }

// signal needs mu: it wakes everyone who waits for a change.
func (q *queue) signal() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// wait calls ready, with mu held, at every change until it is true or ctx ends.
func (q *queue) wait(ctx context.Context, ready func() bool) error {
	for {
		q.mu.Lock()
		ok, changed := ready(), q.changed
		q.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// add takes the items from the first on, holding ack for each, until one is refused; it returns the index of that one, or their
// number. It waits for room; when nothing waits it takes a record of any size. With an error, next says how many it has taken.
func (q *queue) add(ctx context.Context, items []pipeline.Payload, delimiter []byte, ack *tailer.Ack) (next int, err error) {
	for {
		q.mu.Lock()
		before := next
		for q.broken == nil && next < len(items) && items[next].Refusal == nil && q.fits(len(items[next].Data)+len(delimiter)) {
			ack.Hold(1)
			q.queued += int64(len(items[next].Data))
			q.waiting.add(items[next].Data, delimiter, ack)
			next++
		}
		if next > before {
			q.put += int64(next - before)
			q.signal()
		}
		broken, changed := q.broken, q.changed
		q.mu.Unlock()
		if broken != nil || next == len(items) || items[next].Refusal != nil {
			return next, broken
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return next, ctx.Err()
		}
	}
}

// fits needs mu.
func (q *queue) fits(n int) bool {
	return len(q.waiting.data) == 0 || len(q.waiting.data)+n <= queueBytes
}

// take waits for records and swaps them for the empty group spare.
func (q *queue) take(ctx context.Context, spare *group) (*group, error) {
	var g *group
	err := q.wait(ctx, func() bool {
		if q.waiting.len() == 0 {
			return false
		}
		g, q.waiting = q.waiting, spare
		q.signal()
		return true
	})
	return g, err
}

// acknowledge tells the owners of the records from to to of g, and says how many bytes they are.
func (q *queue) acknowledge(g *group, from, to int) (bytes int64) {
	for _, size := range g.sizes[from:to] {
		bytes += int64(size)
	}
	left := to - from
	for i := range g.marks {
		m := &g.marks[i]
		n := min(m.n, left)
		if n == 0 {
			continue // told before
		}
		m.n -= n
		left -= n
		m.ack.Done(n)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.acked += int64(to - from)
	q.queued -= bytes
	q.signal()
	return bytes
}

// flush waits until everything put so far is acknowledged.
func (q *queue) flush(ctx context.Context) error {
	q.mu.Lock()
	target := q.put
	q.mu.Unlock()
	var broken error
	err := q.wait(ctx, func() bool {
		broken = q.broken
		return q.acked >= target || broken != nil
	})
	if err != nil {
		return err
	}
	return broken
}

// breakWith makes add and flush return err from now on.
func (q *queue) breakWith(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.broken = err
	q.signal()
}

func (q *queue) backlog() (records, bytes int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.put - q.acked, q.queued
}
