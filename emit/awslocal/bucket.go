package awslocal

import "time"

// bucket is a token bucket that holds one second's worth. One larger than the whole bucket passes when the bucket is full,
// and the debt has to be worked off: so a 10 MiB record fits a shard of 1 MiB/s now and then, as it does in the service.
type bucket struct {
	tokens float64
	last   time.Time
}

func (b *bucket) refill(now time.Time, rate float64) {
	if b.last.IsZero() {
		b.tokens = rate
	} else if d := now.Sub(b.last); d > 0 {
		b.tokens += d.Seconds() * rate
	}
	b.tokens = min(b.tokens, rate)
	b.last = now
}

// has reports whether n tokens may be taken after refill.
func (b *bucket) has(n, rate float64) bool { return b.tokens >= min(n, rate) }

func (b *bucket) take(n float64) { b.tokens -= n }
