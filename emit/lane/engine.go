package lane

import (
	"context"
	"sync"
	"time"

	"github.com/kinetail/kinetail/emit"
)

// Engine is what flows share that send to the same place in the same way. Beside the callers of its ports there is one goroutine that
// packs, and one for each request in flight, MaxRequests at most.
type Engine struct {
	o     Options
	ctx   context.Context // ends with the last port
	stop  context.CancelFunc
	group sync.WaitGroup
	work  chan *request // to a carrier that has nothing to do
	wake  chan struct{} // holds one token: there may be something to pack

	mu       sync.Mutex
	closed   bool
	keys     Map
	newKeys  Map // to be adopted when nothing is in flight; nil: none
	lanes    []lane
	ports    []*Port
	joined   int // ports so far
	cursor   int // the lane that is asked first for the next request
	first    int // the port that is asked first, counted up
	asked    []*Port
	joining  bool // records are aggregated
	spread   int  // the lane that is asked first for the next record without a key
	inflight int
	width    float64 // requests that may be in flight: adapted between 1 and MaxRequests
	body     int     // bytes of data and keys of a request: as much as gets through, Limits.RequestBytes at most

	health
}

// New starts an engine. It ends when the last of its ports is closed; one that nobody has joined ends with Close.
func New(o Options) *Engine {
	o.setDefaults()
	e := &Engine{o: o, wake: make(chan struct{}, 1), work: make(chan *request), width: float64(o.MaxRequests), body: o.Limits.RequestBytes, joining: o.Aggregator != nil}
	e.ctx, e.stop = context.WithCancel(context.Background())
	e.setMap(o.Map)
	e.group.Go(e.run)
	return e
}

// setMap needs mu, and that nothing is in flight. It deals all records out anew.
func (e *Engine) setMap(m Map) {
	e.keys = m
	e.lanes = make([]lane, m.Lanes())
	now := time.Now()
	for i := range e.lanes {
		e.lanes[i].rate = newLimiter(m.Rate(), now)
	}
	for _, p := range e.ports {
		p.deal(m)
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

// run packs and sends until the engine ends.
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
		select {
		case e.work <- r:
		default:
			e.group.Go(func() { e.carrier(r) })
		}
	}
}

// carrierIdle is how long a goroutine that carries requests waits for another one before it ends.
const carrierIdle = 10 * time.Second

// carrier carries one request after the other: the stack that the SDK wants, grown eight times over, is grown once. That was a
// fifteenth of what 500 records took.
func (e *Engine) carrier(r *request) {
	e.carry(r)
	idle := time.NewTimer(carrierIdle)
	defer idle.Stop()
	for {
		select {
		case r = <-e.work:
			e.carry(r)
			idle.Reset(carrierIdle)
		case <-idle.C:
			return
		case <-e.ctx.Done():
			return
		}
	}
}

// Close ends the engine and all its ports. Requests in flight are canceled: what becomes of them is not known.
func (e *Engine) Close() error {
	e.mu.Lock()
	ports := append([]*Port(nil), e.ports...)
	last := !e.closed && len(ports) == 0
	e.closed = e.closed || last
	e.mu.Unlock()
	for _, p := range ports {
		_ = p.Close()
	}
	if last {
		e.end()
	}
	return nil
}

// Closed says whether the engine has ended, or is about to: nobody can join it any more.
func (e *Engine) Closed() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.closed
}

// end is called once, when closed has been set.
func (e *Engine) end() {
	e.stop()
	e.group.Wait()
	if e.o.Bodies != nil {
		e.o.Bodies.Close()
	}
	if e.o.OnClose != nil {
		e.o.OnClose()
	}
}

var _ emit.Destination = (*Port)(nil)
