package cloudwatch

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/kinetail/kinetail/emit/awscall"
	"github.com/kinetail/kinetail/emit/retry"
)

const (
	callTimeout = 30 * time.Second
	lastTimeout = 2 * time.Second // for all calls while the agent waits to exit
	probeData   = 100             // of the first call after one that failed
	maxCalls    = 20              // per interval, while a backlog is worked off or a refused datum is looked for
	maxDenied   = time.Hour       // longest time between two tries while nothing is accepted
)

// sender sends the backlog of a publisher and judges the answers. Used by the publisher's goroutine only.
type sender struct {
	p *Publisher
	// denied is how long to leave CloudWatch alone, doubling up to maxDenied, and until when.
	denied time.Duration
	until  time.Time
	failed bool // a failure has been logged and no success since
}

func (s *sender) init(p *Publisher) { s.p = p }

// send works off the backlog, as far as CloudWatch lets it.
func (s *sender) send(ctx context.Context) {
	if time.Now().Before(s.until) {
		return
	}
	// After a failure a small call feels the way: a long backlog is not gone through each time for nothing.
	if !s.failed || s.run(ctx, probeData) {
		s.run(ctx, maxCalls*maxData)
	}
}

// last is send when there is no later.
func (s *sender) last(ctx context.Context) {
	if s.denied > 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lastTimeout)
	defer cancel()
	s.run(ctx, maxCalls*maxData)
}

// span is a range of parts to be sent in one call.
type span struct{ from, to int }

// run sends n data, or some more, and says whether all of them are dealt with.
func (s *sender) run(ctx context.Context, n int) bool {
	expired := s.p.backlog.expire(time.Now())
	parts := s.p.backlog.parts(n)
	gone := make([]bool, len(parts))
	var refused []int // parts that were refused alone
	var why retry.Fault
	accepted := 0
	// Spans that a refused call was divided into come before the rest.
	var todo []span
	next, calls := 0, 0
	for ; calls < maxCalls; calls++ {
		if len(todo) == 0 {
			if next == len(parts) {
				break
			}
			n := fit(parts[next:])
			todo, next = append(todo, span{next, next + n}), next+n
		}
		call := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		fault := s.put(ctx, parts[call.from:call.to])
		if fault.Class == retry.None {
			accepted += call.to - call.from
			for i := call.from; i < call.to; i++ {
				gone[i] = true
			}
			continue
		}
		if fault.Class != retry.Data {
			why = fault
			break
		}
		if call.to-call.from == 1 {
			refused, why = append(refused, call.from), fault
			continue
		}
		middle := (call.from + call.to) / 2
		todo = append(todo, span{middle, call.to}, span{call.from, middle})
	}
	// A datum is bad only if others are good: a namespace that is refused must not cost all of them.
	dropped := 0
	if accepted > 0 {
		for _, i := range refused {
			gone[i] = true
		}
		dropped = len(refused)
	} else if len(refused) > 0 {
		why.Class = retry.Configuration
	}
	if accepted > 0 {
		s.p.backlog.remove(parts, gone)
	}
	s.p.note(func(st *Status) {
		st.Sent += int64(accepted)
		st.Dropped += int64(expired + dropped)
	})
	s.judge(why, accepted, dropped)
	return accepted+dropped == len(parts)
}

// put makes one call.
func (s *sender) put(ctx context.Context, parts []part) retry.Fault {
	in := &awscall.PutMetricDataInput{Namespace: aws.String(s.p.o.Namespace), MetricData: make([]awscall.MetricDatum, len(parts))}
	var resolution int32
	if s.p.o.HighResolution {
		resolution = 1
	}
	for i, p := range parts {
		in.MetricData[i] = p.wire(resolution)
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err := s.p.o.API.PutMetricData(ctx, in)
	fault := retry.Classify(err)
	s.p.note(func(st *Status) {
		st.Calls++
		if err != nil {
			st.LastError = fault.String()
		} else {
			st.LastSent = time.Now()
		}
	})
	return fault
}

// judge logs a change for the worse or the better, once, and decides when to try again.
func (s *sender) judge(f retry.Fault, accepted, dropped int) {
	log := s.p.o.Logger
	if dropped > 0 {
		log.Warn("CloudWatch refused metrics that it will never take; they are dropped", "dropped", dropped, "err", f.String())
	}
	if accepted > 0 {
		if s.failed {
			log.Info("CloudWatch accepts metrics again")
		}
		s.failed, s.denied, s.until = false, 0, time.Time{}
		s.p.note(func(st *Status) { st.Denied = "" })
	}
	switch f.Class {
	case retry.None, retry.Data:
		return
	case retry.Credentials:
		s.p.o.Invalidate()
	case retry.Throttle, retry.Transient, retry.Configuration:
	}
	if !s.failed {
		s.failed = true
		msg := "metrics could not be sent to CloudWatch; they are kept and sent again"
		if f.Class == retry.Configuration {
			msg = "CloudWatch does not accept metrics: allow cloudwatch:PutMetricData, or turn them off with enabled = false in the metrics block"
		}
		log.Warn(msg, "err", f.String())
	}
	if f.Class == retry.Configuration {
		s.denied = min(max(2*s.denied, 2*s.p.o.Interval), maxDenied)
		// Half an interval of slack, so that a call due at the same moment of a later interval is made in that one.
		s.until = time.Now().Add(s.denied - s.p.o.Interval/2)
		s.p.note(func(st *Status) { st.Denied = f.String() })
	}
}
