package flow

import (
	"reflect"
	"sync/atomic"
	"time"

	"github.com/kinetail/kinetail/agent/status"
	"github.com/kinetail/kinetail/emit"
	"github.com/kinetail/kinetail/tailer"
)

// statusSource is a Source that has files to tell about.
type statusSource interface {
	Status() tailer.Status
	Summary() tailer.Status // with only the files that cannot be read
}

// Status is the flow's part of a snapshot, without what its supervisor knows. Without files it tells one by one only of those that cannot be
// read, which takes little memory. Safe for concurrent use.
func (f *Flow) Status(files bool) status.Flow {
	var all status.Flow
	now := time.Now()
	for _, s := range f.Sources {
		if s, ok := s.(statusSource); ok {
			if files {
				addFiles(&all, s.Status(), now)
			} else {
				addFiles(&all, s.Summary(), now)
			}
		}
	}
	f.addCounts(&all)
	for _, o := range f.Outputs {
		all.Destinations = append(all.Destinations, destination(o.Destination.Status()))
	}
	return all
}

func addFiles(all *status.Flow, st tailer.Status, now time.Time) {
	for _, g := range st.Generations {
		file := status.File{
			Path: g.Path, Names: g.Names, Generation: g.ID, Size: g.Size, Committed: g.Committed,
			LagSeconds: age(g.LagSince, now), State: "following",
		}
		switch {
		case g.Error != "":
			file.State = g.Error
		case g.Lost:
			file.State = status.StateGone
		case g.Drained:
			file.State = "drained"
		}
		all.Files = append(all.Files, file)
	}
	for _, s := range st.Skipped {
		all.Skipped = append(all.Skipped, status.Skipped{Path: s.Path, Reason: s.Reason, Failed: s.Failed})
	}
	all.FilesFollowed += st.FilesFollowed
	all.LagBytes += st.LagBytes
	all.LagSeconds = max(all.LagSeconds, age(st.LagSince, now))
	all.GapBytes += st.Counters.GapBytes
	all.FileGaps += st.Counters.FileGaps
	all.LateBytes += st.Counters.LateBytes
	all.FilesRefused += st.Counters.FilesRefused
	all.ReadErrors += st.Counters.ReadErrors
	all.Looks += st.Counters.Sweeps + 1
}

// addCounts adds what the steps counted.
func (f *Flow) addCounts(all *status.Flow) {
	f.counting.Lock()
	defer f.counting.Unlock()
	c, e := &f.steps, &f.encoders
	all.Dropped = status.Dropped{Filtered: c.Filtered, Sampled: c.Sampled, Limited: c.Limited, Unparsed: c.Unparsed}
	all.FilterUndecided, all.ParseErrors, all.Redacted = c.FilterUndecided, c.ParseErrors, c.Redacted
	all.ExpressionErrors, all.LastExpressionError = c.Failures+e.Failures, c.LastFailure
	all.InvalidBytes, all.KeysTruncated = e.Replaced, e.KeysTruncated
	all.RecordsTruncated = f.truncated
}

// age is the time since then in seconds, 0 for the zero time.
func age(then, now time.Time) float64 {
	if then.IsZero() {
		return 0
	}
	return max(0, now.Sub(then).Seconds())
}

func destination(st emit.Status) status.Destination {
	d := status.Destination{
		Name: st.Name, Kind: st.Kind, Metric: st.Metric, Counters: map[string]int64{},
		QueuedRecords: st.QueuedRecords, QueuedBytes: st.QueuedBytes,
		CircuitOpen: st.Circuit.Open, CircuitHeld: st.Circuit.Held, CircuitReason: st.Circuit.Reason, Waits: st.Waits, LastError: st.LastError,
	}
	if !st.Failing.IsZero() {
		d.FailingSince = &st.Failing
	}
	if !st.LastErrorTime.IsZero() {
		d.LastErrorTime = &st.LastErrorTime
	}
	if st.Circuit.Open && !st.Circuit.Since.IsZero() {
		d.CircuitSince = &st.Circuit.Since
	}
	if st.Counters == nil {
		return d
	}
	counters := reflect.ValueOf(st.Counters).Elem()
	for i := range counters.NumField() {
		if v, ok := counters.Field(i).Addr().Interface().(*atomic.Int64); ok {
			d.Counters[counters.Type().Field(i).Name] = v.Load()
		}
	}
	d.Distributions = map[string]status.Distribution{}
	for name, from := range map[string]*emit.Distribution{
		"SendLatency": &st.Counters.SendLatency, "DeliveryLatency": &st.Counters.DeliveryLatency,
		"RecordsPerKinesisRecord": &st.Counters.RecordsPerKinesisRecord,
	} {
		sum, classes := from.Read()
		if len(classes) == 0 {
			continue
		}
		to := status.Distribution{Sum: sum}
		for _, c := range classes {
			to.Classes = append(to.Classes, status.Class(c))
		}
		d.Distributions[name] = to
	}
	return d
}
