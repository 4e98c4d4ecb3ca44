package lane

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestLimiter(t *testing.T) {
	start := time.Unix(1000, 0)
	// taken counts the units of size bytes that get through in d.
	taken := func(l *limiter, now time.Time, d time.Duration, size int) int {
		n := 0
		for end := now.Add(d); now.Before(end); {
			if at := l.ready(now); !at.IsZero() {
				if !at.After(now) {
					t.Fatalf("at %v it is to be tried again at %v", now, at)
				}
				now = at
				continue
			}
			for l.open() {
				l.take(1, size)
				n++
			}
		}
		return n
	}
	for name, tc := range map[string]struct {
		rate  Rate
		size  int
		least int
		most  int
	}{
		"by records": {Rate{100, 1e9}, 10, 1000, 1070},
		"by bytes":   {Rate{1e6, 1000}, 100, 100, 107},
		"in debt":    {Rate{1e6, 1000}, 5000, 2, 3},
		"very slow":  {Rate{0.5, 1e6}, 10, 5, 7},
	} {
		l := newLimiter(tc.rate, start)
		if n := taken(&l, start, 10*time.Second, tc.size); n < tc.least || n > tc.most {
			t.Errorf("%s: %d units in ten seconds, want %d to %d", name, n, tc.least, tc.most)
		}
	}

	l := newLimiter(Rate{}, start)
	if !l.off() || !l.ready(start).IsZero() {
		t.Error("without a nominal rate something is limited")
	}
	now := start
	l.throttled(now)
	if l.off() || l.ready(now).IsZero() {
		t.Error("nothing is limited after a throttle")
	}
	for range 100 {
		l.throttled(now)
	}
	if l.factor != minFactor {
		t.Errorf("factor %v after many throttles", l.factor)
	}
	for range 25 {
		now = now.Add(time.Second)
		l.clean(now)
	}
	if !l.off() {
		t.Errorf("factor %v after 25 clean seconds", l.factor)
	}
	now = now.Add(time.Hour)
	l.throttled(now)
	now = now.Add(time.Hour)
	l.clean(now)
	if want := decrease + increase; l.factor != want {
		t.Errorf("factor %v, want %v: an idle hour proves nothing", l.factor, want)
	}
}

// limited is a map whose lanes have a rate.
type limited struct{ lanes }

func (limited) Rate() Rate { return Rate{Records: 100, Bytes: 1 << 20} }

// TestLaneRate: keyed and keyless records together stay below the lanes' rates, in requests that are not tiny.
func TestLaneRate(t *testing.T) {
	for _, keys := range []int{0, 40} {
		synctest.Test(t, func(t *testing.T) {
			s := &service{delay: 10 * time.Millisecond}
			b := newBench(t, s, func(o *options) { o.Map = limited{4} })
			b.put(numbered(0, 20000, keys)...)
			time.Sleep(10 * time.Second)
			synctest.Wait()
			n, calls := s.count(), len(s.requests())
			if n < 3300 || n > 4400 {
				t.Errorf("keys %d: %d records in ten seconds, the rate is 400 a second", keys, n)
			}
			if calls > 600 {
				t.Errorf("keys %d: %d records in %d requests", keys, n, calls)
			}
			_ = b.engine.Close()
		})
	}
}
