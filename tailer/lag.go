package tailer

import (
	"time"

	"github.com/kinetail/kinetail/tailer/checkpoint"
)

// sighting says when the content was first seen to reach to end: the bytes between the sighting before and end are that old, at least as
// far as anybody saw.
type sighting struct {
	end int64
	at  time.Time
}

// lagging is how old what is not committed of a generation is.
type lagging struct {
	sightings []sighting
	apart     time.Duration // two sightings are at least
	// unseen is set until the first look after a restart, to the time of the last one before it.
	unseen time.Time
}

const (
	// maxSightings bounds what is kept of a generation that lags. More are merged in pairs, so that an age is never too small.
	maxSightings = 32
	// sightingEvery is how far apart two sightings are at least, before any were merged.
	sightingEvery = 200 * time.Millisecond
	// lookedEvery is how often it is remembered until when all files were looked at.
	lookedEvery = time.Minute
	// lookedKey is under which key of the flow.
	lookedKey = "looked"
)

// settle keeps the account of how old the oldest byte is that is not committed. rec.CaughtUp is its age; while nothing lags, it is now. It
// needs f.mu.
func (f *Follower) settle(g *generation) {
	s, rec, now := &g.shared, g.rec(), f.wall()
	if rec.Size > s.seen {
		at := now
		if s.lag != nil && !s.lag.unseen.IsZero() {
			at = s.lag.unseen // it grew while nobody looked
		}
		s.seen = rec.Size
		g.addSighting(sighting{s.seen, at})
	}
	if rec.Size <= rec.Offset {
		s.seen = rec.Size
		if s.lag != nil {
			s.lag.sightings, s.lag.apart = nil, 0
			g.noLag()
		}
		g.edit().CaughtUp = now
		return
	}
	if s.lag == nil {
		s.lag = &lagging{}
	}
	l, n := s.lag, 0
	for n < len(l.sightings) && l.sightings[n].end <= rec.Offset {
		n++
	}
	l.sightings = l.sightings[:copy(l.sightings, l.sightings[n:])]
	if len(l.sightings) == 0 { // the committed offset went back
		l.sightings = append(l.sightings, sighting{rec.Size, now})
	}
	if at := l.sightings[0].at; !at.Equal(rec.CaughtUp) {
		g.edit().CaughtUp = at
	}
}

// noLag lets go of an account that says nothing. It needs Follower.mu.
func (g *generation) noLag() {
	if l := g.shared.lag; l != nil && len(l.sightings) == 0 && l.unseen.IsZero() {
		g.shared.lag = nil
	}
}

// addSighting needs Follower.mu.
func (g *generation) addSighting(one sighting) {
	if g.shared.lag == nil {
		g.shared.lag = &lagging{}
	}
	s := g.shared.lag
	all := s.sightings
	if last := len(all) - 1; last >= 0 && one.at.Sub(all[last].at) < max(s.apart, sightingEvery) {
		all[last].end = one.end
		return
	}
	if len(all) == maxSightings {
		s.apart = 2 * max(s.apart, sightingEvery)
		for i := range maxSightings / 2 {
			all[i] = sighting{all[2*i+1].end, all[2*i].at}
		}
		s.sightings = all[:maxSightings/2]
	}
	s.sightings = append(s.sightings, one)
}

// recallLag takes up the account where the store has it: what is behind the remembered size was written after the last look.
func (f *Follower) recallLag(g *generation) {
	s, rec := &g.shared, g.rec()
	s.seen = rec.Size
	s.lag = &lagging{unseen: rec.CaughtUp}
	if f.lookedUntil.After(rec.CaughtUp) {
		s.lag.unseen = f.lookedUntil
	}
	if rec.Size > rec.Offset && !rec.CaughtUp.IsZero() {
		s.lag.sightings = []sighting{{rec.Size, rec.CaughtUp}}
	}
}

// sized tells how long the content is, as far as reading has found out. It needs f.mu.
func (f *Follower) sized(g *generation) {
	size := g.size
	if g.kind == "" {
		size = max(size, g.rec().Size)
	}
	if size != g.rec().Size {
		g.edit().Size = size
		f.settle(g)
	}
}

// remember changes what is remembered of g.
func (f *Follower) remember(g *generation, change func(*checkpoint.Generation)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(g.edit())
	f.settle(g)
	f.putLocked(g)
}

// haveLooked remembers that all files have been looked at, about once a minute: after a restart, what is new in them is no older.
func (f *Follower) haveLooked(now time.Time) {
	if f.opts.Store == nil || now.Sub(f.lookedSaid) < lookedEvery {
		return
	}
	f.lookedSaid = now
	if text, err := now.UTC().MarshalText(); err == nil {
		f.opts.Store.SetValue(f.opts.Flow, lookedKey, text)
	}
}

// recallLooked reads what haveLooked has written.
func (f *Follower) recallLooked() {
	if err := f.lookedUntil.UnmarshalText(f.opts.Store.Value(f.opts.Flow, lookedKey)); err != nil {
		f.lookedUntil = time.Time{}
	}
}
