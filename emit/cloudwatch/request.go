package cloudwatch

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/kinetail/kinetail/emit/awscall"
)

// Limits of PutMetricData, https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
const (
	maxData   = 1000    // metrics in a call
	maxBytes  = 900_000 // of a call; the limit is 1 MB, and sizes here are estimates before compression
	maxValues = 150     // values of one metric in a call
)

// part is a datum, or a part of a distribution, on its way into a request.
type part struct {
	at    time.Time
	datum datum // its buckets are at most maxValues
	// point and index say where it is in the backlog.
	point, index int
}

// parts are the first n data of the backlog, or some more, oldest first, in portions that fit into a call.
func (b *backlog) parts(n int) []part {
	var out []part
	for i, p := range b.points {
		if len(out) >= n {
			break
		}
		for j, d := range p.data {
			for len(d.buckets) > maxValues {
				out = append(out, part{p.at, datum{d.series, 0, d.buckets[:maxValues]}, i, j})
				d.buckets = d.buckets[maxValues:]
			}
			out = append(out, part{p.at, d, i, j})
		}
	}
	return out
}

// fit is how many of the parts, from the first on, go into one call.
func fit(parts []part) int {
	size := 0
	for i, p := range parts {
		size += p.datum.series.size + 18*len(p.datum.buckets)
		if i == maxData || i > 0 && size > maxBytes {
			return i
		}
	}
	return len(parts)
}

// wire is the part as the service takes it.
func (p part) wire(resolution int32) awscall.MetricDatum {
	d := awscall.MetricDatum{
		MetricName: aws.String(p.datum.series.metric.name),
		Dimensions: p.datum.series.dimensions,
		Unit:       p.datum.series.metric.unit,
		Timestamp:  aws.Time(p.at),
	}
	if resolution > 0 {
		d.StorageResolution = aws.Int32(resolution)
	}
	if p.datum.series.metric.kind != distribution {
		d.Value = aws.Float64(p.datum.value)
		return d
	}
	for _, b := range p.datum.buckets {
		d.Values = append(d.Values, b.Value)
		d.Counts = append(d.Counts, b.Count)
	}
	return d
}

// remove takes out what was accepted or given up; gone has one entry for each part.
func (b *backlog) remove(parts []part, gone []bool) {
	whole := map[[2]int]bool{} // data all of whose parts are gone
	for i, p := range parts {
		key := [2]int{p.point, p.index}
		before, seen := whole[key]
		whole[key] = gone[i] && (before || !seen)
	}
	// A distribution of which one part was accepted keeps only the others.
	rest := map[[2]int][]Bucket{}
	for i, p := range parts {
		if key := [2]int{p.point, p.index}; !gone[i] && p.datum.series.metric.kind == distribution {
			rest[key] = append(rest[key], p.datum.buckets...)
		}
	}
	points := b.points[:0]
	b.size = 0
	for i, p := range b.points {
		data := p.data[:0]
		for j, d := range p.data {
			key := [2]int{i, j}
			if whole[key] {
				continue
			}
			if r, ok := rest[key]; ok {
				d.buckets = r
			}
			data = append(data, d)
		}
		if p.data = data; len(data) > 0 {
			points = append(points, p)
			b.size += len(data)
		}
	}
	clear(b.points[len(points):])
	b.points = points
}
