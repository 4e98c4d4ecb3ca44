package agent

import (
	"cmp"
	"maps"
	"strings"
	"time"

	"github.com/kinetail/kinetail/agent/status"
)

// total is the flow's part of a snapshot: what runs now, on top of what was counted before it was last started.
func (s *supervised) total(files bool) status.Flow {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.retired
	if s.running != nil {
		all = sum(s.retired, s.running.Status(files))
	}
	if s.running == nil && s.state != status.StateStopped {
		s.addDown(&all)
	}
	all.Name, all.State = s.cfg.Name, s.state
	if s.err != nil {
		all.Error = s.err.Error()
	}
	return all
}

// addDown needs mu. Nobody looks at the files of a flow that does not run: the oldest byte not delivered may be as old as that, and that has to
// be seen, as must the destinations, also of a flow that has never run.
func (s *supervised) addDown(all *status.Flow) {
	all.LagSeconds += time.Since(s.down).Seconds()
	if len(all.Destinations) > 0 {
		return
	}
	for _, e := range s.cfg.Emits {
		d := status.Destination{Name: e.Name, Kind: e.Kind}
		switch e.Kind {
		case "kinesis":
			d.Metric = "KinesisStream:" + cmp.Or(e.Stream, e.StreamARN[strings.LastIndexByte(e.StreamARN, '/')+1:])
		case "firehose":
			d.Metric = "DeliveryStream:" + e.Stream
		}
		all.Destinations = append(all.Destinations, d)
	}
}

// sum adds what a flow counted to what was counted before; everything that is no counter is the flow's.
func sum(before, all status.Flow) status.Flow {
	all.GapBytes += before.GapBytes
	all.FileGaps += before.FileGaps
	all.LateBytes += before.LateBytes
	all.FilesRefused += before.FilesRefused
	all.ReadErrors += before.ReadErrors
	all.Dropped.Filtered += before.Dropped.Filtered
	all.Dropped.Sampled += before.Dropped.Sampled
	all.Dropped.Limited += before.Dropped.Limited
	all.Dropped.Unparsed += before.Dropped.Unparsed
	all.FilterUndecided += before.FilterUndecided
	all.ParseErrors += before.ParseErrors
	all.Redacted += before.Redacted
	all.ExpressionErrors += before.ExpressionErrors
	all.InvalidBytes += before.InvalidBytes
	all.KeysTruncated += before.KeysTruncated
	all.RecordsTruncated += before.RecordsTruncated
	if all.LastExpressionError == "" {
		all.LastExpressionError = before.LastExpressionError
	}
	for i := range all.Destinations {
		d := &all.Destinations[i]
		for _, b := range before.Destinations {
			if b.Name != d.Name {
				continue
			}
			counters := maps.Clone(d.Counters)
			for name, v := range b.Counters {
				counters[name] += v
			}
			d.Counters = counters
			distributions := maps.Clone(d.Distributions)
			if distributions == nil {
				distributions = map[string]status.Distribution{}
			}
			for name, v := range b.Distributions {
				distributions[name] = distributions[name].Plus(v)
			}
			d.Distributions = distributions
		}
	}
	return all
}
