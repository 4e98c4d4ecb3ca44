package pipeline

import (
	"container/list"
	"errors"
	"hash/maphash"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/kinetail/kinetail/pipeline/expr"
)

// FilterOptions are those of a filter block: exactly one of them is set.
type FilterOptions struct {
	// Keep keeps the records for which it is true, Drop drops them. Where it is null the record is kept, and counted.
	Keep, Drop *expr.Program
}

type filterStep struct {
	condition *expr.Program
	dropWhen  expr.Verdict
}

// NewFilter makes a filter step.
func NewFilter(o FilterOptions) (Step, error) {
	switch {
	case o.Keep != nil && o.Drop == nil:
		return &filterStep{o.Keep, expr.False}, nil
	case o.Drop != nil && o.Keep == nil:
		return &filterStep{o.Drop, expr.True}, nil
	}
	return nil, errors.New("a filter needs either keep or drop; use two filters for both")
}

func (f *filterStep) Kind() string { return "filter" }
func (f *filterStep) shapes() bool { return false }

func (f *filterStep) apply(s *state) Fate {
	switch f.condition.Decide(&s.env) {
	case f.dropWhen:
		s.counts.Filtered++
		return Dropped
	case expr.Undecided:
		s.counts.FilterUndecided++
	}
	return Kept
}

// SampleOptions are those of a sample block.
type SampleOptions struct {
	// Share is how many of all records are kept, from 0 to 1.
	Share float64
	// Key makes the choice by its value: all records of one key are kept, or none, on all hosts alike. Records for which it is null
	// are chosen one by one.
	Key *expr.Program
}

type sampleStep struct {
	o     SampleOptions
	limit uint64
}

// NewSample makes a sample step.
func NewSample(o SampleOptions) (Step, error) {
	if !(o.Share >= 0 && o.Share <= 1) {
		return nil, errors.New("the share must be from 0 to 1: 0.1 keeps one record in ten")
	}
	limit := uint64(math.MaxUint64)
	if o.Share < 1 {
		limit = uint64(o.Share * (1 << 63) * 2)
	}
	return &sampleStep{o, limit}, nil
}

func (p *sampleStep) Kind() string { return "sample" }
func (p *sampleStep) shapes() bool { return false }

func (p *sampleStep) apply(s *state) Fate {
	n := rand.Uint64() //nolint:gosec // a choice, not a secret
	if p.o.Key != nil {
		if key, ok := p.o.Key.Text(&s.env); ok {
			n = stableHash(key)
		}
	}
	if n < p.limit || p.o.Share == 1 {
		return Kept
	}
	s.counts.Sampled++
	return Dropped
}

// stableHash is the same on all hosts and in all releases: FNV-1a, mixed so that its upper bits depend on all of the key (the finaliser of
// MurmurHash3).
func stableHash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := 0; i < len(s); i++ {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// LimitOptions are those of a limit block.
type LimitOptions struct {
	// Rate is how many records a second pass, for each key.
	Rate float64
	// Burst is how many may pass at once after a quiet time; default the rate, at least 1.
	Burst float64
	// Key divides the records; nil, and null, is one key for all.
	Key *expr.Program
	// MaxKeys is how many keys are remembered, default 10,000; the one that was quiet longest is forgotten first, and starts anew.
	MaxKeys int
}

type limitStep struct {
	o       LimitOptions
	seed    maphash.Seed
	buckets map[uint64]*list.Element
	recent  *list.List // of *bucket, the last used in front
}

type bucket struct {
	key    uint64
	tokens float64
	at     time.Time
}

// NewLimit makes a limit step.
func NewLimit(o LimitOptions) (Step, error) {
	if !(o.Rate > 0) || math.IsInf(o.Rate, 0) {
		return nil, errors.New("the rate must be more than 0 records a second")
	}
	if o.Burst == 0 {
		o.Burst = max(1, o.Rate)
	}
	if o.Burst < 1 {
		return nil, errors.New("burst must be 1 or more, or nothing ever passes")
	}
	if o.MaxKeys <= 0 {
		o.MaxKeys = 10_000
	}
	return &limitStep{o: o, seed: maphash.MakeSeed(), buckets: map[uint64]*list.Element{}, recent: list.New()}, nil
}

func (l *limitStep) Kind() string { return "limit" }
func (l *limitStep) shapes() bool { return false }

func (l *limitStep) apply(s *state) Fate {
	key := ""
	if l.o.Key != nil {
		key, _ = l.o.Key.Text(&s.env)
	}
	b := l.bucket(maphash.String(l.seed, key), s.now)
	b.tokens = min(l.o.Burst, b.tokens+s.now.Sub(b.at).Seconds()*l.o.Rate)
	b.at = s.now
	if b.tokens < 1 {
		s.counts.Limited++
		return Dropped
	}
	b.tokens--
	return Kept
}

// bucket finds the key's bucket. Keys are told apart by a 64-bit hash with a seed of this process, so that no log line can choose collisions
// and no key's text is kept.
func (l *limitStep) bucket(key uint64, now time.Time) *bucket {
	if e, ok := l.buckets[key]; ok {
		l.recent.MoveToFront(e)
		return e.Value.(*bucket)
	}
	if len(l.buckets) >= l.o.MaxKeys {
		e := l.recent.Back()
		b := e.Value.(*bucket)
		delete(l.buckets, b.key)
		*b = bucket{key: key, tokens: l.o.Burst, at: now}
		l.recent.MoveToFront(e)
		l.buckets[key] = e
		return b
	}
	b := &bucket{key: key, tokens: l.o.Burst, at: now}
	l.buckets[key] = l.recent.PushFront(b)
	return b
}

// nameList is names for people.
func nameList(names []string) string { return `"` + strings.Join(names, `", "`) + `"` }
