package status

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	// sampleEvery is the time between two samples; historyFor is how far back they go.
	sampleEvery = 5 * time.Second
	historyFor  = 15 * time.Minute
	// recentFor is what Recent is about.
	recentFor = time.Minute
)

// History keeps samples of the last minutes: rates and plots are made of them. Safe for concurrent use.
type History struct {
	mu      sync.Mutex
	samples []moment // oldest first
}

// moment is a summary cut down to what changes.
type moment struct {
	at    time.Time
	flows []flowMoment
}

type flowMoment struct {
	name         string
	lagBytes     int64
	lagSeconds   float64
	destinations []destinationMoment
}

type destinationMoment struct {
	name                                       string
	records, bytes, throttled, retried, errors int64
	delivery                                   Distribution // only while it is needed for Recent
}

// Record samples until ctx ends.
func (h *History) Record(ctx context.Context, summary func() *Snapshot) {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for {
		h.add(summary(), time.Now())
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func take(s *Snapshot, now time.Time) moment {
	out := moment{at: now}
	for i := range s.Flows {
		f := &s.Flows[i]
		fs := flowMoment{name: f.Name, lagBytes: f.LagBytes, lagSeconds: f.LagSeconds}
		for j := range f.Destinations {
			d := &f.Destinations[j]
			fs.destinations = append(fs.destinations, destinationMoment{
				d.Name, d.Counters["RecordsSent"], d.Counters["BytesSent"], d.Counters["RecordsThrottled"], d.Counters["RecordsRetried"],
				d.Counters["RecordSendErrors"], d.Distributions["DeliveryLatency"],
			})
		}
		out.flows = append(out.flows, fs)
	}
	return out
}

func (h *History) add(s *Snapshot, now time.Time) {
	one := take(s, now)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.samples = append(h.samples, one)
	n := 0
	for n < len(h.samples) && now.Sub(h.samples[n].at) > historyFor {
		n++
	}
	h.samples = slices.Delete(h.samples, 0, n)
	// Distributions are large, and needed for the last minute only.
	for i := len(h.samples) - 1; i >= 0; i-- {
		if now.Sub(h.samples[i].at) <= recentFor+sampleEvery {
			continue
		}
		for _, f := range h.samples[i].flows {
			for j := range f.destinations {
				f.destinations[j].delivery = Distribution{}
			}
		}
		break // those before have lost theirs already
	}
}

// Recent is what a destination did lately, in Seconds, which are about a minute; 0 right after the start.
type Recent struct {
	Seconds   float64 `json:"seconds"`
	Records   int64   `json:"records"` // accepted
	Bytes     int64   `json:"bytes"`
	Throttled int64   `json:"throttled"`
	Retried   int64   `json:"retried"`
	Errors    int64   `json:"errors"` // records that a request did not deliver
	// P50 and P99 are of the time from reading a record to its acknowledgement, in milliseconds.
	P50 int64 `json:"p50_ms"`
	P99 int64 `json:"p99_ms"`
}

// Fill adds to a snapshot what the last minute shows.
func (h *History) Fill(s *Snapshot, now time.Time) *Snapshot {
	h.mu.Lock()
	defer h.mu.Unlock()
	var before moment
	for _, one := range h.samples {
		if before = one; now.Sub(one.at) <= recentFor {
			break
		}
	}
	seconds := now.Sub(before.at).Seconds()
	if before.at.IsZero() || seconds < 1 {
		return s
	}
	current := take(s, now)
	for i := range s.Flows {
		f := &s.Flows[i]
		old := before.flow(f.Name)
		if old == nil {
			continue
		}
		f.LagTrend = float64(f.LagBytes-old.lagBytes) / seconds
		for j := range f.Destinations {
			was, is := old.destination(f.Destinations[j].Name), &current.flows[i].destinations[j]
			if was == nil || is.records < was.records {
				continue
			}
			delivery := is.delivery.Minus(was.delivery)
			f.Destinations[j].Recent = &Recent{
				Seconds: seconds, Records: is.records - was.records, Bytes: is.bytes - was.bytes, Throttled: is.throttled - was.throttled,
				Retried: is.retried - was.retried, Errors: is.errors - was.errors, P50: delivery.Quantile(0.5), P99: delivery.Quantile(0.99),
			}
		}
	}
	return s
}

func (s *moment) flow(name string) *flowMoment {
	for i := range s.flows {
		if s.flows[i].name == name {
			return &s.flows[i]
		}
	}
	return nil
}

func (f *flowMoment) destination(name string) *destinationMoment {
	for i := range f.destinations {
		if f.destinations[i].name == name {
			return &f.destinations[i]
		}
	}
	return nil
}

// point is a value at a time before now.
type point struct{ ago, value float64 }

// lag is the lag of a flow in seconds over time; throughput is what a destination of it took, in bytes a second. Oldest first.
func (h *History) lag(flow string, now time.Time) (out []point) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range h.samples {
		if f := h.samples[i].flow(flow); f != nil {
			out = append(out, point{now.Sub(h.samples[i].at).Seconds(), f.lagSeconds})
		}
	}
	return out
}

func (h *History) throughput(flow, destination string, now time.Time) (out []point) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var before *destinationMoment
	var then time.Time
	for i := range h.samples {
		f := h.samples[i].flow(flow)
		if f == nil {
			continue
		}
		d := f.destination(destination)
		if d == nil {
			continue
		}
		if before != nil && d.bytes >= before.bytes {
			out = append(out, point{now.Sub(h.samples[i].at).Seconds(), float64(d.bytes-before.bytes) / h.samples[i].at.Sub(then).Seconds()})
		}
		before, then = d, h.samples[i].at
	}
	return out
}
