package cloudwatch

import (
	"fmt"
	"math"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// show is data as lines "name dim=value: value".
func show(data []datum) []string {
	var out []string
	for _, d := range data {
		var b strings.Builder
		b.WriteString(d.series.metric.name)
		for _, dim := range d.series.dimensions {
			fmt.Fprintf(&b, " %s=%s", *dim.Name, *dim.Value)
		}
		if d.series.metric.kind == distribution {
			fmt.Fprintf(&b, ": %v", d.buckets)
		} else {
			fmt.Fprintf(&b, ": %v", d.value)
		}
		out = append(out, b.String())
	}
	sort.Strings(out)
	return out
}

func TestGrowth(t *testing.T) {
	read := func(source, destination string, values map[string]float64) Reading {
		return Reading{Source: source, Destination: destination, Values: values}
	}
	type step struct {
		readings []Reading
		want     []string
	}
	for name, c := range map[string]struct {
		full  bool
		extra map[string]string
		steps []step
	}{
		"counters grow, per source, and add up per destination": {steps: []step{
			{
				[]Reading{read("a", "KinesisStream:s", map[string]float64{"RecordsSent": 5}), read("b", "KinesisStream:s", map[string]float64{"RecordsSent": 1})},
				[]string{"RecordsSent Destination=KinesisStream:s: 6"},
			},
			{
				[]Reading{read("a", "KinesisStream:s", map[string]float64{"RecordsSent": 7}), read("b", "KinesisStream:s", map[string]float64{"RecordsSent": 1})},
				[]string{"RecordsSent Destination=KinesisStream:s: 2"},
			},
			{
				[]Reading{read("a", "KinesisStream:s", map[string]float64{"RecordsSent": 7}), read("b", "KinesisStream:s", map[string]float64{"RecordsSent": 1})},
				[]string{"RecordsSent Destination=KinesisStream:s: 0"},
			},
		}},
		"a source that began anew": {steps: []step{
			{[]Reading{read("a", "DeliveryStream:d", map[string]float64{"BytesSent": 100})}, []string{"BytesSent Destination=DeliveryStream:d: 100"}},
			{[]Reading{read("a", "DeliveryStream:d", map[string]float64{"BytesSent": 30})}, []string{"BytesSent Destination=DeliveryStream:d: 30"}},
		}},
		"a source that went and came back": {steps: []step{
			{[]Reading{read("a", "DeliveryStream:d", map[string]float64{"BytesSent": 100})}, []string{"BytesSent Destination=DeliveryStream:d: 100"}},
			{nil, []string{}},
			{[]Reading{read("a", "DeliveryStream:d", map[string]float64{"BytesSent": 130})}, []string{"BytesSent Destination=DeliveryStream:d: 30"}},
		}},
		"gauges: lag in bytes adds up, in seconds the worst counts": {steps: []step{
			{[]Reading{
				read("a", "KinesisStream:s", map[string]float64{"LagBytes": 10, "LagSeconds": 3}),
				read("b", "KinesisStream:s", map[string]float64{"LagBytes": 1, "LagSeconds": 9}),
			}, []string{"LagBytes Destination=KinesisStream:s: 11", "LagSeconds Destination=KinesisStream:s: 9"}},
		}},
		"rare counters from their first event on": {steps: []step{
			{[]Reading{read("a", "", map[string]float64{"CheckpointErrors": 0, "ConfigErrors": 0})}, []string{"ConfigErrors: 0"}},
			{[]Reading{read("a", "", map[string]float64{"CheckpointErrors": 2, "ConfigErrors": 1})}, []string{"CheckpointErrors: 2", "ConfigErrors: 1"}},
			{[]Reading{read("a", "", map[string]float64{"CheckpointErrors": 2, "ConfigErrors": 0})}, []string{"CheckpointErrors: 0", "ConfigErrors: 0"}},
		}},
		"a second series for three of them": {extra: map[string]string{"Env": "dev", "Büro": "Köln", "Empty": ""}, steps: []step{
			{
				[]Reading{read("a", "KinesisStream:s", map[string]float64{"LagSeconds": 1, "LagBytes": 2, "GapBytes": 3, "RecordsDeadLettered": 4, "RecordsSent": 5})},
				[]string{
					"GapBytes Destination=KinesisStream:s B?ro=K?ln Env=dev: 3", "GapBytes Destination=KinesisStream:s: 3",
					"LagBytes Destination=KinesisStream:s: 2",
					"LagSeconds Destination=KinesisStream:s B?ro=K?ln Env=dev: 1", "LagSeconds Destination=KinesisStream:s: 1",
					"RecordsDeadLettered Destination=KinesisStream:s B?ro=K?ln Env=dev: 4", "RecordsDeadLettered Destination=KinesisStream:s: 4",
					"RecordsSent Destination=KinesisStream:s: 5",
				},
			},
		}},
		"detail is opt-in, unknown names and impossible values are passed over": {steps: []step{
			{[]Reading{read("a", "KinesisStream:s", map[string]float64{
				"RecordsThrottled": 1, "Requests": 2, "KinesisRecords": 1, "LagSeconds": math.NaN(), "LagBytes": math.Inf(1),
			})}, []string{}},
		}},
		"with detail": {full: true, steps: []step{
			{[]Reading{{
				Source: "a", Destination: "KinesisStream:s", Values: map[string]float64{"RecordsThrottled": 1, "RecordsSent": 300, "KinesisRecords": 2},
				Distributions: map[string][]Bucket{"SendLatency": {{30, 2}, {10, 1}}, "RecordsPerKinesisRecord": {{150, 2}}},
			}, {
				Source: "b", Destination: "KinesisStream:s", Distributions: map[string][]Bucket{"SendLatency": {{30, 1}}},
			}}, []string{
				"RecordsPerKinesisRecord Destination=KinesisStream:s: [{150 2}]", "RecordsSent Destination=KinesisStream:s: 300",
				"RecordsThrottled Destination=KinesisStream:s: 1", "SendLatency Destination=KinesisStream:s: [{10 1} {30 3}]",
			}},
			{[]Reading{{
				Source: "a", Destination: "KinesisStream:s", Distributions: map[string][]Bucket{"SendLatency": {{30, 5}, {10, 1}, {20, 0}}},
			}}, []string{"SendLatency Destination=KinesisStream:s: [{30 3}]"}},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			counts := newCounts(c.full, c.extra)
			for i, s := range c.steps {
				if diff := cmp.Diff(s.want, append([]string{}, show(counts.grow(s.readings))...)); diff != "" {
					t.Errorf("step %d (-want +got):\n%s", i, diff)
				}
			}
		})
	}
}

func TestCollectorMayUseItsMapsAgain(t *testing.T) {
	counts := newCounts(false, nil)
	values := map[string]float64{"RecordsSent": 1}
	r := []Reading{{Source: "a", Destination: "d", Values: values}}
	counts.grow(r)
	values["RecordsSent"] = 4
	if got := counts.grow(r)[0].value; got != 3 {
		t.Errorf("grew by %v, want 3", got)
	}
}
