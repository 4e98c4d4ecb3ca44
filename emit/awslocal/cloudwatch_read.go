package awslocal

import (
	"cmp"
	"slices"
	"sort"
	"strings"
	"time"
)

// metricID is what makes a metric one metric: namespace, name and the sorted dimensions.
func (d MetricDatum) metricID() string {
	parts := []string{d.Namespace, d.MetricName}
	for _, dim := range sortedDimensions(d.Dimensions) {
		parts = append(parts, dim.Name, dim.Value)
	}
	return strings.Join(parts, "\x00")
}

func sortedDimensions(dims []Dimension) []Dimension {
	out := slices.Clone(dims)
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// MetricStats sums a metric up over all time. Its dimensions must be the ones given, in any order.
func (s *Server) MetricStats(namespace, name string, dimensions ...Dimension) StatisticSet {
	id := MetricDatum{Namespace: namespace, MetricName: name, Dimensions: dimensions}.metricID()
	var out StatisticSet
	for _, d := range s.Metrics() {
		if d.metricID() == id {
			out.add(d.Stats())
		}
	}
	return out
}

func (a *StatisticSet) add(b StatisticSet) {
	if a.SampleCount == 0 {
		*a = b
		return
	}
	a.SampleCount += b.SampleCount
	a.Sum += b.Sum
	a.Minimum, a.Maximum = min(a.Minimum, b.Minimum), max(a.Maximum, b.Maximum)
}

func (a StatisticSet) statistic(name string) (float64, error) {
	switch name {
	case "Sum":
		return a.Sum, nil
	case "Average":
		return a.Sum / a.SampleCount, nil
	case "Minimum":
		return a.Minimum, nil
	case "Maximum":
		return a.Maximum, nil
	case "SampleCount":
		return a.SampleCount, nil
	}
	return 0, clientError("InvalidParameterValueException", "The value %s for parameter Stat is not supported: Sum, Average, Minimum, Maximum or SampleCount", name)
}

type wireMetric struct {
	Namespace  string
	MetricName string
	Dimensions []Dimension
}

func listMetrics(s *Server, c *call) (any, error) {
	var in struct {
		wireMetric
		NextToken string
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	const page = 500
	found := map[string]wireMetric{}
	for _, d := range s.Metrics() {
		if (in.Namespace == "" || in.Namespace == d.Namespace) && (in.MetricName == "" || in.MetricName == d.MetricName) && hasDimensions(d.Dimensions, in.Dimensions) {
			found[d.metricID()] = wireMetric{d.Namespace, d.MetricName, d.Dimensions}
		}
	}
	var ids []string
	for id := range found {
		if id > in.NextToken {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	var out struct {
		Metrics   []wireMetric
		NextToken string `json:",omitempty"`
	}
	out.Metrics = []wireMetric{}
	for _, id := range ids[:min(page, len(ids))] {
		out.Metrics = append(out.Metrics, found[id])
		if len(ids) > page {
			out.NextToken = id
		}
	}
	return out, nil
}

// hasDimensions reports whether have contains what is wanted; a wanted dimension without a value matches by name.
func hasDimensions(have, want []Dimension) bool {
	for _, w := range want {
		if !slices.ContainsFunc(have, func(h Dimension) bool { return h.Name == w.Name && (w.Value == "" || h.Value == w.Value) }) {
			return false
		}
	}
	return true
}

type metricResult struct {
	ID         string `json:"Id"`
	Label      string
	Timestamps []metricTime
	Values     []float64
	StatusCode string
}

// getMetricData answers queries of plain metrics, not of expressions or percentiles, newest first.
func getMetricData(s *Server, c *call) (any, error) {
	var in struct {
		StartTime, EndTime metricTime
		ScanBy             string
		MetricDataQueries  []struct {
			ID         string `json:"Id"`
			Label      string
			MetricStat *struct {
				Metric wireMetric
				Period int
				Stat   string
			}
		}
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	data := s.Metrics()
	out := struct{ MetricDataResults []metricResult }{[]metricResult{}}
	for _, q := range in.MetricDataQueries {
		if q.MetricStat == nil || q.MetricStat.Period < 1 {
			return nil, clientError("InvalidParameterValueException", "query %s must have a MetricStat with a Period", q.ID)
		}
		m := q.MetricStat.Metric
		id := MetricDatum{Namespace: m.Namespace, MetricName: m.MetricName, Dimensions: m.Dimensions}.metricID()
		periods := map[int64]StatisticSet{}
		for _, d := range data {
			if at := d.at(); d.metricID() == id && !at.Before(in.StartTime.Time) && at.Before(in.EndTime.Time) {
				key := at.Unix() / int64(q.MetricStat.Period)
				sum := periods[key]
				sum.add(d.Stats())
				periods[key] = sum
			}
		}
		result := metricResult{ID: q.ID, Label: cmp.Or(q.Label, m.MetricName), StatusCode: "Complete", Timestamps: []metricTime{}, Values: []float64{}}
		var keys []int64
		for key := range periods {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		if in.ScanBy != "TimestampAscending" {
			slices.Reverse(keys)
		}
		for _, key := range keys {
			v, err := periods[key].statistic(q.MetricStat.Stat)
			if err != nil {
				return nil, err
			}
			result.Timestamps = append(result.Timestamps, metricTime{time.Unix(key*int64(q.MetricStat.Period), 0)})
			result.Values = append(result.Values, v)
		}
		out.MetricDataResults = append(out.MetricDataResults, result)
	}
	return out, nil
}
