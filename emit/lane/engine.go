package lane

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/kinetail/kinetail/emit"
)

// Engine is a destination. Beside its callers there is one goroutine that packs, and one for each request in flight, MaxRequests
// at most.
type Engine struct {
	o        Options
	counters emit.Counters
	ctx      context.Context // ends with Close
	stop     context.CancelFunc
	group    sync.WaitGroup
	wake     chan struct{} // holds one token: there may be something to pack

	mu       sync.Mutex
	closed   bool
	keys     Map
	newKeys  Map // to be adopted when nothing is in flight; nil: none
	lanes    []lane
	loose    queue // records without a key: they are bound to a lane when it packs
	cursor   int   // the lane that is asked first for the next request
	joining  bool  // records are aggregated
	spread   int   // the lane that is asked first for the next record without a key
	inflight int
	width    float64 // requests that may be in flight: adapted between 1 and MaxRequests

	queued, queuedBytes int64
	credit              int64 // acquired and not used yet, in bytes
	blocked             int   // Puts that wait for memory: then nothing waits for company
	epochs              []*epoch

	health
}

// epoch is what was put between two Flushes.
type epoch struct {
	left   int  // records not acknowledged
	sealed bool // a Flush waits for it
	done   chan struct{}
}

// New starts an engine. Close ends it.
func New(o Options) *Engine {
	o.setDefaults()
	e := &Engine{o: o, wake: make(chan struct{}, 1), width: float64(o.MaxRequests), joining: o.Aggregator != nil}
	e.ctx, e.stop = context.WithCancel(context.Background())
	e.epochs = []*epoch{{done: make(chan struct{})}}
	e.setMap(o.Map)
	e.group.Go(e.run)
	return e
}

// setMap needs mu, and that nothing is in flight. It deals all records out anew.
func (e *Engine) setMap(m Map) {
	old := e.lanes
	e.keys = m
	e.lanes = make([]lane, m.Lanes())
	now := time.Now()
	for i := range e.lanes {
		e.lanes[i].rate = newLimiter(m.Rate(), now)
	}
	for i := range old {
		// A key was in one lane and is in one lane, so going through lane by lane keeps its order.
		for r := old[i].head; r != nil; {
			next := r.next
			e.lanes[m.Lane(r.hash)].pushBack(r)
			r = next
		}
		old[i].newest = nil
	}
	e.cursor, e.spread = 0, 0
}

// Remap changes the map, as soon as all requests in flight are answered. Hash must mean the same as in the map before.
func (e *Engine) Remap(m Map) {
	e.mu.Lock()
	e.newKeys = m
	e.mu.Unlock()
	e.signal()
}

// Plain ends aggregation: from the next request on each record is a unit. For a service that turns out not to support it.
func (e *Engine) Plain() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.joining = false
}

func (e *Engine) signal() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// run packs and sends until Close.
func (e *Engine) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		again := e.dispatch()
		if again.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(again))
		}
		select {
		case <-e.wake:
		case <-timer.C:
		case <-e.ctx.Done():
			return
		}
	}
}

// dispatch starts all requests that can be started, and says when to look again if nothing happens.
func (e *Engine) dispatch() time.Time {
	for {
		e.mu.Lock()
		r, again := e.pack(time.Now())
		e.mu.Unlock()
		if r == nil {
			return again
		}
		e.group.Go(func() { e.carry(r) })
	}
}

// Flush implements emit.Destination.
func (e *Engine) Flush(ctx context.Context) error {
	e.mu.Lock()
	last := e.epochs[len(e.epochs)-1]
	last.sealed = true
	if last.left == 0 {
		close(last.done)
		e.epochs = e.epochs[:len(e.epochs)-1]
	}
	waiting := slices.Clone(e.epochs)
	e.epochs = append(e.epochs, &epoch{done: make(chan struct{})})
	e.mu.Unlock()
	e.signal()
	for _, p := range waiting {
		select {
		case <-p.done:
		case <-ctx.Done():
			return ctx.Err()
		case <-e.ctx.Done():
			return ErrClosed
		}
	}
	return nil
}

// leave needs mu. It takes n acknowledged records out of their epoch.
func (e *Engine) leave(p *epoch, n int) {
	p.left -= n
	if p.left == 0 && p.sealed {
		close(p.done)
		e.epochs = slices.DeleteFunc(e.epochs, func(q *epoch) bool { return q == p })
	}
}

// flushing needs mu.
func (e *Engine) flushing() bool { return len(e.epochs) > 1 }

// Close implements emit.Destination. Requests in flight are canceled: what becomes of them is not known.
func (e *Engine) Close() error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	e.mu.Unlock()
	e.stop()
	e.group.Wait()

	e.mu.Lock()
	held := e.credit
	count := func(q *queue) {
		for r := q.head; r != nil; r = r.next {
			if r.chunk.drop() {
				held += r.chunk.cost()
			}
		}
		*q = queue{}
	}
	for i := range e.lanes {
		count(&e.lanes[i].queue)
	}
	count(&e.loose)
	e.credit, e.queued, e.queuedBytes = 0, 0, 0
	e.mu.Unlock()
	e.o.Memory.Release(held)
	if e.o.Bodies != nil {
		e.o.Bodies.Close()
	}
	return nil
}

// Status implements emit.Destination.
func (e *Engine) Status() emit.Status {
	e.mu.Lock()
	defer e.mu.Unlock()
	return emit.Status{
		Kind: e.o.Kind, Name: e.o.Name, Metric: e.o.Metric, Counters: &e.counters,
		QueuedRecords: e.queued, QueuedBytes: e.queuedBytes,
		Circuit: e.circuit, LastError: e.lastError, LastErrorTime: e.lastErrorTime,
	}
}

var _ emit.Destination = (*Engine)(nil)
