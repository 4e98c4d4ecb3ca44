package agent

import (
	"maps"

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
	all.Name, all.State = s.cfg.Name, s.state
	if s.err != nil {
		all.Error = s.err.Error()
	}
	return all
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
		}
	}
	return all
}
