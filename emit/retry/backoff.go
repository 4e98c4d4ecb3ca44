package retry

import (
	"math/rand/v2"
	"time"
)

// Backoff is exponential with full jitter: the n-th wait is drawn evenly from nothing to Base doubled n-1 times, and never more than
// Cap (AWS Architecture Blog, "Exponential Backoff And Jitter").
type Backoff struct{ Base, Cap time.Duration }

// Lane is how long a lane waits whose records were throttled. A shard's second is over after one.
var Lane = Backoff{Base: 100 * time.Millisecond, Cap: 5 * time.Second}

// Destination is how long a destination waits after a request that failed as a whole.
var Destination = Backoff{Base: 200 * time.Millisecond, Cap: 30 * time.Second}

// Identity is how long a destination waits for other credentials.
var Identity = Backoff{Base: time.Second, Cap: 30 * time.Second}

// ProbeEvery is how often an open circuit is tried, before jitter.
const ProbeEvery = 30 * time.Second

// Delay is the wait before the n-th attempt after the first; n counts from 1.
func (b Backoff) Delay(n int) time.Duration {
	d := b.Cap
	if n < 1 {
		n = 1
	}
	if shift := n - 1; shift < 32 && b.Base<<shift < b.Cap {
		d = b.Base << shift
	}
	return time.Duration(rand.Int64N(int64(d) + 1))
}

// Jitter spreads d evenly over 80 to 120 % of itself, so that a fleet does not do everything at once.
func Jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}
