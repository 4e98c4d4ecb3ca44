package flow

import (
	"context"
	"errors"
)

// looker is a Source that can be asked to look at everything, and says how often it has.
type looker interface{ Look() int64 }

// Look asks the sources to look at all files soon, and returns how many times each has done so, at least. A flow that has nothing to
// look at says ok = false.
func (f *Flow) Look() (times int64, ok bool) {
	for _, s := range f.Sources {
		l, is := s.(looker)
		if !is {
			continue
		}
		if n := l.Look(); !ok || n < times {
			times, ok = n, true
		}
	}
	return times, ok
}

// Flush makes the destinations send what they hold back, and returns when everything that was put before is acknowledged, or with
// ctx's error. The flow goes on.
func (f *Flow) Flush(ctx context.Context) error {
	errs := make(chan error, len(f.Outputs))
	for _, o := range f.Outputs {
		go func() { errs <- o.Destination.Flush(ctx) }()
	}
	var all error
	for range f.Outputs {
		all = errors.Join(all, <-errs)
	}
	return all
}
