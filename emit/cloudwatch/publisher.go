package cloudwatch

import (
	"context"
	"hash/fnv"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/kinetail/kinetail/emit/awscall"
)

// API is what is called of CloudWatch.
type API interface {
	PutMetricData(context.Context, *awscall.PutMetricDataInput) error
}

// Namespaces, unless the configuration names another.
const (
	Namespace            = "Kinetail"
	NamespaceKinesisJava = "AWSKinesisAgent" // compat = "kinesis-agent"
)

// Options configure a Publisher. API and Collect are required.
type Options struct {
	API API
	// Collect returns the numbers as they are now. It is called once per interval, by one goroutine, and should not block.
	Collect func() []Reading
	// Since is what has been published already, by a publisher before this one: what Collect returns counts from there.
	Since []Reading
	// Namespace defaults to Kinetail, with KinesisAgent to AWSKinesisAgent. The names of amazon-kinesis-agent's metrics, their
	// units and their dimension are the same in both.
	Namespace    string
	KinesisAgent bool
	// Interval is a minute by default, and at least a second.
	Interval time.Duration
	// Full publishes the detailed metrics too.
	Full bool
	// Dimensions are a second series of LagSeconds, GapBytes and RecordsDeadLettered.
	Dimensions map[string]string
	// HighResolution keeps data by the second in CloudWatch; without it, a minute is the finest.
	HighResolution bool
	// Host spreads the calls of many hosts over the interval: the same host calls at the same moment of each.
	Host string
	// Invalidate is called when the service says that the credentials have expired.
	Invalidate func()
	Logger     *slog.Logger
}

func (o *Options) setDefaults() {
	if o.Namespace == "" {
		o.Namespace = Namespace
		if o.KinesisAgent {
			o.Namespace = NamespaceKinesisJava
		}
	}
	if o.Interval == 0 {
		o.Interval = time.Minute
	}
	o.Interval = max(o.Interval, time.Second)
	if o.Invalidate == nil {
		o.Invalidate = func() {}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
}

// Status is a snapshot of a Publisher.
type Status struct {
	Pending   int       // data that wait to be sent
	Sent      int64     // data accepted
	Dropped   int64     // data given up: older than CloudWatch takes, refused by it, or pushed out by newer ones
	Calls     int64     // of PutMetricData
	Denied    string    // why nothing is accepted at all; empty when it is
	LastError string    // of the last call that failed
	LastSent  time.Time // when a call was last accepted
}

// Publisher collects at the end of each interval of the wall clock and calls PutMetricData a while later, the host's own while, from one
// goroutine. What was not accepted is sent again with the next interval; after an answer that got lost, data count twice.
type Publisher struct {
	o       Options
	counts  *counts
	backlog backlog
	sender  sender
	stop    chan struct{}
	done    chan struct{}
	cancel  context.CancelFunc // of calls in progress

	mu     sync.Mutex
	status Status
}

// New starts a publisher.
func New(o Options) *Publisher {
	o.setDefaults()
	p := &Publisher{
		o: o, counts: newCounts(o.Full, o.Dimensions), backlog: backlog{limit: maxPending},
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	for _, r := range o.Since {
		p.counts.before[r.Source] = clone(r)
	}
	p.sender.init(p)
	var ctx context.Context
	ctx, p.cancel = context.WithCancel(context.Background())
	go p.run(ctx)
	return p
}

// phase is how long after the end of an interval this host calls: the same each time, and even over hosts. The last tenth
// of the interval is left for the call.
func phase(host string, interval time.Duration) time.Duration {
	h := fnv.New64a()
	_, _ = h.Write([]byte(host))
	x := h.Sum64()
	x ^= x >> 33 // FNV alone leaves the high bits of similar names alike
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return time.Duration(float64(x>>11) / (1 << 53) * 0.9 * float64(interval))
}

func (p *Publisher) run(ctx context.Context) {
	defer close(p.done)
	late := phase(p.o.Host, p.o.Interval)
	collected := time.Now()
	for {
		start := time.Now().Truncate(p.o.Interval)
		// Calls that took longer than an interval have missed its end. We were running all the same.
		for at, n := start, 0; n < min(int(time.Since(collected)/p.o.Interval), maxMissed); n++ {
			at = at.Add(-p.o.Interval)
			p.running(at)
		}
		if !p.sleep(time.Until(start.Add(p.o.Interval))) {
			break
		}
		p.collect(start)
		p.running(start)
		collected = time.Now()
		if !p.sleep(late) {
			break
		}
		p.sender.send(ctx)
	}
	// The last growth. An agent that is started in our place will count as running in this interval, so we do not.
	p.collect(time.Now().Truncate(p.o.Interval))
	p.sender.last(ctx)
}

// maxMissed bounds the intervals made up for after a long call.
const maxMissed = 60

// sleep says no when the publisher is to end.
func (p *Publisher) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.stop:
		return false
	}
}

// collect reads the numbers and keeps their growth for the interval that began at start.
func (p *Publisher) collect(start time.Time) { p.keep(point{start, p.counts.grow(p.o.Collect())}) }

// running counts this agent for the interval that began at start.
func (p *Publisher) running(start time.Time) {
	p.keep(point{start, []datum{{series: p.counts.of(agentsRunning, "", false), value: 1}}})
}

func (p *Publisher) keep(at point) {
	p.backlog.add(at)
	dropped := p.backlog.shrink()
	p.note(func(s *Status) { s.Dropped += int64(dropped) })
	if dropped > 0 {
		p.o.Logger.Warn("metrics could not be sent for so long that the oldest are dropped", "dropped", dropped)
	}
}

// note changes the status; Pending is set to what it is.
func (p *Publisher) note(change func(*Status)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.status)
	p.status.Pending = p.backlog.size
}

// Status is a snapshot. Safe for concurrent use.
func (p *Publisher) Status() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.status
}

// Published is what was read last, for the Since of a publisher that comes after this one. Close must have returned.
func (p *Publisher) Published() []Reading {
	return slices.Collect(maps.Values(p.counts.before))
}

// Close publishes what grew since the last interval and ends the publisher. It returns when that is done or ctx ends, which is an
// error only in so far as metrics may be lost. It may be called once.
func (p *Publisher) Close(ctx context.Context) error {
	defer p.cancel()
	close(p.stop)
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		p.cancel()
		<-p.done
		return ctx.Err()
	}
}
