package cloudwatch

import (
	"maps"
	"math"
	"slices"
	"sort"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/kinetail/kinetail/emit/awscall"
)

// series is one metric with one set of dimensions. There is one of each, so pending data only point to it.
type series struct {
	metric     metric
	dimensions []awscall.Dimension
	size       int // estimate of what it adds to a request, in bytes
}

// datum is a series' value for one interval.
type datum struct {
	series  *series
	value   float64
	buckets []Bucket // of a distribution, sorted by value
}

// counts turns cumulative readings into the data of an interval.
type counts struct {
	full  bool
	extra []awscall.Dimension
	// before holds the last values per source, also of those that are gone for now, happened the rare counters that have been published.
	before   map[string]Reading
	happened map[*series]bool
	series   map[seriesKey]*series
}

type seriesKey struct {
	name, destination string
	second            bool
}

func newCounts(full bool, dimensions map[string]string) *counts {
	c := &counts{full: full, before: map[string]Reading{}, happened: map[*series]bool{}, series: map[seriesKey]*series{}}
	for _, name := range slices.Sorted(maps.Keys(dimensions)) {
		if name, value := ascii(name, 255), ascii(dimensions[name], 1024); name != "" && value != "" {
			c.extra = append(c.extra, awscall.Dimension{Name: aws.String(name), Value: aws.String(value)})
		}
	}
	return c
}

// of finds or makes a series.
func (c *counts) of(m metric, destination string, second bool) *series {
	key := seriesKey{m.name, destination, second}
	if s := c.series[key]; s != nil {
		return s
	}
	s := &series{metric: m, size: 160 + len(m.name)}
	if d := ascii(destination, 1024); d != "" {
		s.dimensions = append(s.dimensions, awscall.Dimension{Name: aws.String("Destination"), Value: aws.String(d)})
	}
	if second {
		s.dimensions = append(s.dimensions, c.extra...)
	}
	for _, d := range s.dimensions {
		s.size += 24 + len(*d.Name) + len(*d.Value)
	}
	c.series[key] = s
	return s
}

// grow compares the readings with those before and returns what is to be published for the time between.
func (c *counts) grow(readings []Reading) []datum {
	total := map[*series]*datum{}
	order := []*series{}
	at := func(s *series) *datum {
		if total[s] == nil {
			total[s] = &datum{series: s}
			order = append(order, s)
		}
		return total[s]
	}
	now := make(map[string]Reading, len(readings))
	for _, r := range readings {
		last := c.before[r.Source]
		now[r.Source] = clone(r)
		for _, m := range metrics {
			if m.full && !c.full {
				continue
			}
			for _, second := range []bool{false, true} {
				if second && (!m.second || len(c.extra) == 0) {
					continue
				}
				c.add(at, m, second, r, last)
			}
		}
	}
	maps.Copy(c.before, now) // a source that is not there now may come back, and counts on then
	out := make([]datum, 0, len(order))
	for _, s := range order {
		d := total[s]
		if s.metric.rare && !c.happened[s] && d.value == 0 || s.metric.kind == distribution && len(d.buckets) == 0 {
			continue
		}
		if s.metric.rare {
			c.happened[s] = true
		}
		out = append(out, *d)
	}
	return out
}

// add adds what a reading says of one metric.
func (c *counts) add(at func(*series) *datum, m metric, second bool, r, last Reading) {
	if m.kind == distribution {
		if now, ok := r.Distributions[m.name]; ok {
			d := at(c.of(m, r.Destination, second))
			d.buckets = merge(d.buckets, bucketGrowth(now, last.Distributions[m.name]))
		}
		return
	}
	v, ok := r.Values[m.name]
	if !ok || math.IsNaN(v) || math.IsInf(v, 0) {
		return
	}
	d := at(c.of(m, r.Destination, second))
	switch m.kind {
	case counter:
		d.value += growth(v, last.Values[m.name])
	case sum:
		d.value += v
	case worst, distribution:
		d.value = max(d.value, v)
	}
}

// growth is now against before, or all of now if the source began anew.
func growth(now, before float64) float64 {
	if now < before {
		return now
	}
	return now - before
}

func bucketGrowth(now, before []Bucket) []Bucket {
	last := make(map[float64]float64, len(before))
	for _, b := range before {
		last[b.Value] = b.Count
	}
	var out []Bucket
	for _, b := range now {
		if n := growth(b.Count, last[b.Value]); n > 0 && !math.IsNaN(b.Value) && !math.IsInf(b.Value, 0) {
			out = append(out, Bucket{b.Value, n})
		}
	}
	return out
}

// merge adds b to a and returns a sorted by value.
func merge(a, b []Bucket) []Bucket {
	for _, x := range b {
		i := sort.Search(len(a), func(i int) bool { return a[i].Value >= x.Value })
		if i < len(a) && a[i].Value == x.Value {
			a[i].Count += x.Count
			continue
		}
		a = slices.Insert(a, i, x)
	}
	return a
}

// clone keeps r beyond the call: the collector may use its maps again.
func clone(r Reading) Reading {
	r.Values = maps.Clone(r.Values)
	d := make(map[string][]Bucket, len(r.Distributions))
	for name, b := range r.Distributions {
		d[name] = slices.Clone(b)
	}
	r.Distributions = d
	return r
}

// ascii makes s fit for a dimension: printable ASCII of at most n characters.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Dimension.html
func ascii(s string, n int) string {
	out := make([]byte, 0, len(s))
	for _, r := range s {
		if r < ' ' || r > '~' {
			r = '?'
		}
		out = append(out, byte(r))
	}
	if len(out) > 0 && out[0] == ':' {
		out[0] = '_' // a name may not begin with a colon
	}
	return string(out[:min(len(out), n)])
}
