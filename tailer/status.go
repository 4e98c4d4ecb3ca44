package tailer

import "time"

// Counters only grow.
type Counters struct {
	// LateBytes arrived on a drained generation; GapBytes are known to be lost, in FileGaps gaps.
	LateBytes, GapBytes, FileGaps int64
	// FilesRefused are paths not read because of who could have put them there.
	FilesRefused int64
	// ReadErrors are failures to look at or to read something that is there.
	ReadErrors int64
	// Generations discovered, Sweeps done, Bytes handed out.
	Generations, Sweeps, Bytes int64
	// SyncErrors are discoveries that could not be made durable before their first batch.
	SyncErrors int64
}

// Skipped is a path that matches and is not followed.
type Skipped struct {
	Path, Reason string
	// Failed: it could not be looked at, and so what it holds is missing. Else it is nothing to follow.
	Failed bool
}

// GenerationStatus is how far one generation is. Sizes, offsets and lag are in bytes.
type GenerationStatus struct {
	ID, Path    string
	Names       []string
	Compression string
	Size        int64
	Read        int64
	Committed   int64
	Lag         int64
	// LagSince is when the first byte behind the committed offset was first seen, or could have been written while nobody looked; zero while
	// there is none.
	LagSince       time.Time
	Drained, Final bool
	// Lost says that the body is not to be seen any more.
	Lost bool
	// Error is why it cannot be read now.
	Error string
}

// Status is how far a follower is.
type Status struct {
	Flow        string
	Generations []GenerationStatus
	Skipped     []Skipped
	Counters    Counters
	// LagBytes is the sum over all generations; LagSince is the earliest of theirs, zero when nothing lags.
	LagBytes int64
	LagSince time.Time
	// Unacked is how much is handed out and not acknowledged, in bytes.
	Unacked int64
	// FilesFollowed is how many generations are not final.
	FilesFollowed int
}

// Status is the state now. Final generations are left out.
func (f *Follower) Status() Status { return f.state(true) }

// Summary is Status with only those Generations that cannot be read, for those who look often: with 10,000 files Status takes megabytes.
func (f *Follower) Summary() Status { return f.state(false) }

func (f *Follower) state(generations bool) Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	st := Status{Flow: f.opts.Flow, Counters: f.counters, Unacked: f.unacked, Skipped: append([]Skipped(nil), f.skipped...)}
	for _, g := range f.status {
		s, rec := &g.shared, g.rec()
		if rec.Final {
			continue
		}
		lag := max(0, rec.Size-rec.Offset)
		var since time.Time
		if lag > 0 {
			since = rec.CaughtUp
			if st.LagSince.IsZero() || since.Before(st.LagSince) {
				st.LagSince = since
			}
		}
		st.LagBytes += lag
		st.FilesFollowed++
		if !generations && s.err == nil {
			continue
		}
		gs := GenerationStatus{
			ID: rec.ID, Path: rec.Path, Names: append([]string(nil), rec.Names...), Compression: rec.Compression,
			Size: rec.Size, Read: s.read, Committed: rec.Offset, Lag: lag, LagSince: since,
			Drained: rec.Drained, Final: rec.Final, Lost: s.gone,
		}
		if s.err != nil {
			gs.Error = s.err.Error()
		}
		st.Generations = append(st.Generations, gs)
	}
	return st
}

func (f *Follower) count(add func(*Counters)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	add(&f.counters)
}

// publish shows Status what the owner knows of g.
func (f *Follower) publish(g *generation) {
	f.mu.Lock()
	defer f.mu.Unlock()
	g.shared.err, g.shared.gone = g.err, g.lost > 0
	if g.err == nil && g.lost == 0 {
		if l := g.shared.lag; l != nil {
			l.unseen = time.Time{}
			g.noLag()
		}
	}
}
