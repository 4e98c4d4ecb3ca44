package cloudwatch

import "time"

// maxPending bounds the data that wait to be sent. A datum takes some 50 bytes, so it is about a megabyte; at 25 metrics a minute
// it is half a day, and merging makes the two weeks of it that CloudWatch accepts.
const maxPending = 20_000

// maxAge is how old a datum may be. CloudWatch takes two weeks
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html); an hour is kept for the way and for clocks.
const maxAge = 14*24*time.Hour - time.Hour

// point is what one interval left to be sent.
type point struct {
	at   time.Time // the interval's start
	data []datum
}

// backlog is the points not yet accepted, oldest first.
type backlog struct {
	limit  int // of data
	points []point
	size   int // data in points
}

func (b *backlog) add(p point) {
	if len(p.data) == 0 {
		return
	}
	if last := len(b.points) - 1; last >= 0 && b.points[last].at.Equal(p.at) {
		before := &b.points[last]
		b.size -= len(before.data)
		before.data = mergeData(before.data, p.data)
		b.size += len(before.data)
		return
	}
	b.points = append(b.points, p)
	b.size += len(p.data)
}

// expire drops what CloudWatch would no longer take, and says how many data that was.
func (b *backlog) expire(now time.Time) (dropped int) {
	for len(b.points) > 0 && now.Sub(b.points[0].at) > maxAge {
		dropped += b.drop()
	}
	return dropped
}

// shrink makes the backlog fit: the older half of the intervals is merged in pairs, so that sums stay whole and only their
// resolution suffers, and the older the more; where nothing is left to merge, the oldest goes. It says how many data that cost.
func (b *backlog) shrink() (dropped int) {
	for b.size > b.limit {
		before := b.size
		b.halve(len(b.points) / 2)
		if b.size == before {
			dropped += b.drop()
		}
	}
	return dropped
}

// halve merges pairs among the first n points.
func (b *backlog) halve(n int) {
	out := b.points[:0]
	for i := 0; i < len(b.points); i++ {
		p := b.points[i]
		if i+1 < n {
			b.size -= len(p.data) + len(b.points[i+1].data)
			p.data = mergeData(p.data, b.points[i+1].data)
			b.size += len(p.data)
			i++
		}
		out = append(out, p)
	}
	clear(b.points[len(out):])
	b.points = out
}

// drop removes the oldest point.
func (b *backlog) drop() int {
	n := len(b.points[0].data)
	b.points[0] = point{}
	b.points = b.points[1:]
	b.size -= n
	return n
}

// mergeData adds b to a: counters are added up, gauges keep the larger value.
func mergeData(a, b []datum) []datum {
	index := make(map[*series]int, len(a))
	out := append([]datum(nil), a...)
	for i, d := range out {
		index[d.series] = i
	}
	for _, d := range b {
		i, ok := index[d.series]
		if !ok {
			out = append(out, d)
			continue
		}
		switch d.series.metric.kind {
		case distribution:
			out[i].buckets = merge(append([]Bucket(nil), out[i].buckets...), d.buckets)
		case counter:
			out[i].value += d.value
		case sum, worst:
			out[i].value = max(out[i].value, d.value)
		}
	}
	return out
}
