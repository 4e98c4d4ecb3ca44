package lane

import "time"

// Rate is what a lane may send. Zero means as much as the service takes.
type Rate struct {
	Records float64 // units a second
	Bytes   float64 // bytes of units a second
}

// Adaptation of a lane's rate: additive increase, multiplicative decrease, as TCP does it. Many hosts that share a shard come to
// even parts of it that way. The documented rate of a shard is 1,000 records and 1 MiB a second
// (Kinesis Data Streams, "Quotas and limits").
const (
	decrease  = 0.7           // on an answer with throttled records
	increase  = 0.05          // of the whole rate, in a second without
	minFactor = 1.0 / 1000    // one record a second
	burst     = 0.5           // seconds of the rate that may be saved up
	pause     = 0.1           // seconds of the rate that a lane which has used it up waits for, so that a backlog makes no tiny requests
	shardRate = 1000 * 1.5    // records a second, where no rate is configured and the service has throttled
	shardSize = 1 << 20 * 1.5 // bytes a second, the same
)

// limiter is a pair of token buckets, whose rate is factor times the nominal one. A unit may be taken while both hold anything, and
// may leave them in debt, so that any size gets through.
type limiter struct {
	nominal        Rate
	factor         float64
	records, bytes float64 // tokens
	dry            bool    // used up: nothing is taken until there is enough for pause seconds again
	at             time.Time
	raised         time.Time
}

func newLimiter(nominal Rate, now time.Time) limiter {
	l := limiter{nominal: nominal, factor: 1, at: now, raised: now}
	r := l.rate()
	l.records, l.bytes = r.Records*burst, r.Bytes*burst
	return l
}

// off says that nothing is limited.
func (l *limiter) off() bool { return l.factor >= 1 && l.nominal == Rate{} }

func (l *limiter) rate() Rate {
	r := l.nominal
	if r == (Rate{}) {
		r = Rate{Records: shardRate, Bytes: shardSize}
	}
	return Rate{Records: r.Records * l.factor, Bytes: r.Bytes * l.factor}
}

func (l *limiter) refill(now time.Time) {
	dt := now.Sub(l.at).Seconds()
	if dt <= 0 {
		return
	}
	r := l.rate()
	l.records = min(l.records+r.Records*dt, max(1, r.Records*burst))
	l.bytes = min(l.bytes+r.Bytes*dt, max(1, r.Bytes*burst))
	l.at = now
}

// ready is when the next unit may be taken; the zero time is now.
func (l *limiter) ready(now time.Time) time.Time {
	if l.off() {
		return time.Time{}
	}
	l.refill(now)
	r, want := l.rate(), 0.0
	if l.dry {
		want = pause
	}
	wait := max(want-l.records/r.Records, want-l.bytes/r.Bytes)
	if wait <= 0 && l.records > 0 && l.bytes > 0 {
		l.dry = false
		return time.Time{}
	}
	// A millisecond more, or rounding would wake it just too early.
	return now.Add(time.Duration(wait*float64(time.Second)) + time.Millisecond)
}

// open says whether a unit may be taken, at the time of the last call of ready.
func (l *limiter) open() bool { return l.off() || l.records > 0 && l.bytes > 0 }

// take uses up units of together so many bytes.
func (l *limiter) take(units, bytes int) {
	if !l.off() {
		l.records -= float64(units)
		l.bytes -= float64(bytes)
		l.dry = l.dry || l.records <= 0 || l.bytes <= 0
	}
}

// throttled is called once for an answer that refused units for the rate.
func (l *limiter) throttled(now time.Time) {
	if l.off() {
		l.at = now // the buckets begin empty
		l.records, l.bytes = 0, 0
	} else {
		l.refill(now)
	}
	l.factor = max(minFactor, l.factor*decrease)
	l.raised = now
}

// clean is called once for an answer that refused none.
func (l *limiter) clean(now time.Time) {
	if l.factor >= 1 {
		return
	}
	l.refill(now)
	l.factor = min(1, l.factor+increase*min(1, now.Sub(l.raised).Seconds()))
	l.raised = now
}
