package agent

import (
	"github.com/kinetail/kinetail/agent/status"
	"github.com/kinetail/kinetail/emit/cloudwatch"
)

// removed are the flows that a reload took out, by name, as far as they counted something: it is published, and where one of the name comes back it is
// counted on from there, so that no counter goes back. The agent's mu guards it.
type removed map[string]*removedFlow

type removedFlow struct {
	counted   status.Flow
	published bool // or there is nobody who would
}

// add takes in what a flow has counted in all; publishing says whether somebody publishes.
func (r removed) add(name string, counted status.Flow, publishing bool) {
	counted.FilesFollowed, counted.LagBytes, counted.LagSeconds = 0, 0, 0
	counted.Files, counted.Skipped = nil, nil
	r[name] = &removedFlow{counted, !publishing}
}

// take returns what a flow of the name counted, which is nothing if there was none.
func (r removed) take(name string) status.Flow {
	f := r[name]
	if f == nil {
		return status.Flow{}
	}
	delete(r, name)
	return f.counted
}

// collect is what CloudWatch gets: the readings of all flows, and once more those of flows that were removed since the last time.
func (a *Agent) collect() []cloudwatch.Reading {
	return a.read(func(f *removedFlow) bool {
		tell := !f.published
		f.published = true
		return tell
	})
}

// counted is everything that was ever counted.
func (a *Agent) counted() []cloudwatch.Reading {
	return a.read(func(*removedFlow) bool { return true })
}

// read is of all flows, and of those removed ones that also says.
func (a *Agent) read(also func(*removedFlow) bool) []cloudwatch.Reading {
	s := a.Summary()
	there := map[string]bool{} // one that is just being removed is in both
	for i := range s.Flows {
		there[s.Flows[i].Name] = true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for name, f := range a.removed {
		if !there[name] && also(f) {
			s.Flows = append(s.Flows, f.counted)
		}
	}
	return readings(s)
}
