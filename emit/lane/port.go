package lane

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/kinetail/kinetail/emit"
	"github.com/kinetail/kinetail/tailer/memory"
)

// PortOptions are what is one flow's own. Memory and DeadLetters are needed.
type PortOptions struct {
	// Flow is the flow's name, and Name that of its emit block; empty is the engine's kind.
	Flow, Name string
	// Age is how old a record may be when it is put: MaxWait is meant from the writing of a line, which nobody sees, and a busy file is looked
	// at now and then. Half of MaxWait counts at most.
	Age time.Duration
	// MaxRefused is how many records the service may refuse in a minute until the circuit opens; 0 means 100.
	MaxRefused int
	// Memory is the flow's share. What is copied of its records is acquired from it.
	Memory      *memory.Share
	DeadLetters *emit.DeadLetters
	Log         *slog.Logger // nil means the engine's
}

// Port is an engine as one flow's destination.
type Port struct {
	e        *Engine
	o        PortOptions
	counters emit.Counters
	ctx      context.Context // ends with Close
	stop     context.CancelFunc
	salt     uint64 // makes the keys of one flow other keys than the same ones of another, where order matters; 0 for the first

	// Guarded by e.mu.
	closed  bool
	last    bool          // no failed try is followed by another
	givenUp chan struct{} // closed when that one has failed
	queues  []queue       // one for each lane, and the last of records without a key: they are bound to a lane when it packs
	credit  int64         // acquired and not used yet, in bytes
	blocked int           // Puts that wait for memory: then nothing waits for company
	epochs  []*epoch

	queued, queuedBytes int64

	refusal
}

// epoch is what was put between two Flushes.
type epoch struct {
	left   int  // records not acknowledged
	sealed bool // a Flush waits for it
	done   chan struct{}
}

// Join makes a port. It fails with ErrClosed when the last port before it is closed.
func (e *Engine) Join(o PortOptions) (*Port, error) {
	if o.Name == "" {
		o.Name = e.o.Kind
	}
	if o.MaxRefused == 0 {
		o.MaxRefused = 100
	}
	if o.Log == nil {
		o.Log = e.o.Log
	}
	if o.Flow != "" {
		o.Log = o.Log.With("flow", o.Flow)
	}
	o.Log = o.Log.With("destination", o.Name)
	p := &Port{e: e, o: o, epochs: []*epoch{{done: make(chan struct{})}}, givenUp: make(chan struct{})}
	p.ctx, p.stop = context.WithCancel(e.ctx)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		p.stop()
		return nil, ErrClosed
	}
	p.queues = make([]queue, len(e.lanes)+1)
	if e.joined++; e.joined > 1 {
		p.salt = rand.Uint64()
	}
	e.ports = append(e.ports, p)
	return p, nil
}

// loose is the queue of records without a key.
func (p *Port) loose() *queue { return &p.queues[len(p.queues)-1] }

// deal needs mu. It makes the queues those of another map.
func (p *Port) deal(m Map) {
	old := p.queues
	p.queues = make([]queue, m.Lanes()+1)
	if len(old) == 0 {
		return
	}
	last := len(old) - 1
	for i := range old {
		// A key was in one lane and is in one lane, so going through lane by lane keeps its order.
		for r := old[i].head; r != nil; {
			next := r.next
			q := p.loose()
			if i < last {
				q = &p.queues[m.Lane(r.hash)]
			}
			q.pushBack(r)
			r = next
		}
		old[i].newest = nil
	}
}

// Flush implements emit.Destination.
func (p *Port) Flush(ctx context.Context) error {
	p.e.mu.Lock()
	last := p.epochs[len(p.epochs)-1]
	last.sealed = true
	if last.left == 0 {
		close(last.done)
		p.epochs = p.epochs[:len(p.epochs)-1]
	}
	waiting := slices.Clone(p.epochs)
	p.epochs = append(p.epochs, &epoch{done: make(chan struct{})})
	p.e.mu.Unlock()
	p.e.signal()
	for _, q := range waiting {
		select {
		case <-q.done:
		case <-ctx.Done():
			return ctx.Err()
		case <-p.givenUp:
			return ErrGivenUp
		case <-p.ctx.Done():
			return ErrClosed
		}
	}
	return nil
}

// lastTry is how long the last try may take.
const lastTry = 5 * time.Second

// LastTry says that the flow ends soon. Where nothing is taken, it is tried once more, at once; when the service refuses that, or has refused to
// answer for downAfter, Flush returns with ErrGivenUp instead of waiting for better times.
func (p *Port) LastTry() {
	e := p.e
	e.mu.Lock()
	defer e.mu.Unlock()
	if p.last || p.closed {
		return
	}
	p.last = true
	if !p.circuit.Open && !e.circuit.Open && !e.down(time.Now()) {
		return
	}
	p.notBefore, e.notBefore = time.Time{}, time.Time{}
	timer := time.AfterFunc(lastTry, func() { // the try may have gone out before
		e.mu.Lock()
		defer e.mu.Unlock()
		p.giveUp()
	})
	context.AfterFunc(p.ctx, func() { timer.Stop() })
	e.signal()
}

// giveUp needs mu. It ends Flush after the last try.
func (p *Port) giveUp() {
	if !p.last {
		return
	}
	select {
	case <-p.givenUp:
	default:
		close(p.givenUp)
	}
}

// leave needs mu. It takes n acknowledged records out of their epoch.
func (p *Port) leave(q *epoch, n int) {
	q.left -= n
	if q.left == 0 && q.sealed {
		close(q.done)
		p.epochs = slices.DeleteFunc(p.epochs, func(o *epoch) bool { return o == q })
	}
}

// hurried needs mu. It says that the flow's records wait for no company.
func (p *Port) hurried() bool { return p.blocked > 0 || len(p.epochs) > 1 }

// Close implements emit.Destination. What is in flight of the flow is still answered if other flows use the engine; nobody is told. The
// last port ends the engine, and requests in flight are canceled: what becomes of them is not known.
func (p *Port) Close() error {
	e := p.e
	e.mu.Lock()
	if p.closed {
		e.mu.Unlock()
		return nil
	}
	p.closed = true
	e.ports = slices.DeleteFunc(e.ports, func(o *Port) bool { return o == p })
	last := len(e.ports) == 0
	e.closed = e.closed || last
	e.mu.Unlock()
	p.stop()
	if last {
		e.end()
	}

	e.mu.Lock()
	held := p.credit
	for i := range p.queues {
		for r := p.queues[i].head; r != nil; r = r.next {
			if r.chunk.drop() {
				held += r.chunk.cost()
			}
		}
		p.queues[i] = queue{}
	}
	p.credit, p.queued, p.queuedBytes = 0, 0, 0
	e.mu.Unlock()
	p.o.Memory.Release(held)
	return nil
}

// Status implements emit.Destination.
func (p *Port) Status() emit.Status {
	e := p.e
	e.mu.Lock()
	defer e.mu.Unlock()
	s := emit.Status{
		Kind: e.o.Kind, Name: p.o.Name, Metric: e.o.Metric, Counters: &p.counters,
		QueuedRecords: p.queued, QueuedBytes: p.queuedBytes,
		Waits:   p.o.DeadLetters.Waits(),
		Circuit: e.circuit, LastError: e.lastError, LastErrorTime: e.lastErrorTime,
	}
	if e.failures > 0 {
		s.Failing = e.failing
	}
	if p.circuit.Open {
		s.Circuit = p.circuit
		s.Circuit.Held = p.held
	}
	if p.lastErrorTime.After(s.LastErrorTime) {
		s.LastError, s.LastErrorTime = p.lastError, p.lastErrorTime
	}
	return s
}

// Resume tries at once whatever waits for an open circuit, and allows MaxRefused dead letters anew. It reports whether a circuit was open.
func (p *Port) Resume() bool {
	e := p.e
	e.mu.Lock()
	open := e.circuit.Open || p.circuit.Open
	p.held, p.refusals, p.minute = false, 0, time.Now()
	p.notBefore = time.Time{}
	if e.circuit.Open {
		e.notBefore = time.Time{}
	}
	e.mu.Unlock()
	e.signal()
	return open
}

// bury keeps letters and counts them. It waits while the file is full.
func (p *Port) bury(ctx context.Context, letters []emit.DeadLetter) error {
	if len(letters) == 0 {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(p.ctx, cancel)()
	dropped, err := p.o.DeadLetters.Keep(ctx, letters...)
	if err != nil {
		return fmt.Errorf("%s: %w", p.o.Name, err)
	}
	p.countLetters(len(letters), dropped)
	return nil
}

func (p *Port) countLetters(letters, dropped int) {
	p.counters.RecordsDropped.Add(int64(dropped))
	p.counters.RecordsDeadLettered.Add(int64(letters - dropped))
}
