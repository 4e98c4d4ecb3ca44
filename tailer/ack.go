package tailer

// handOut remembers that the range of b is in somebody's hands, of which p.end may be committed, and returns what acknowledges it.
func (f *Follower) handOut(g *generation, b *Batch, p span) *Ack {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := &g.shared
	number := s.first + int64(len(s.pending))
	s.pending = append(s.pending, p)
	s.read = b.End
	f.sized(g)
	size := b.End - b.Start
	f.unacked += size
	f.counters.Bytes += size
	return NewAck(func() { f.acknowledge(g, number, size) })
}

// acknowledge is called when the number-th range of g is acknowledged: by any goroutine, in any order, also after Close.
func (f *Follower) acknowledge(g *generation, number, size int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	full := f.unacked >= f.opts.MaxUnacked
	f.unacked -= size
	s := &g.shared
	s.pending[number-s.first].acked = true
	n, moved := 0, false
	for ; n < len(s.pending) && s.pending[n].acked; n++ {
		if p := &s.pending[n]; p.end > g.rec().Offset {
			rec := g.edit()
			rec.Offset, rec.Marker = p.end, p.marker
			moved = true
		}
	}
	if n > 0 {
		s.pending = s.pending[:copy(s.pending, s.pending[n:])]
		s.first += int64(n)
	}
	if moved {
		f.settle(g)
		f.putLocked(g)
	}
	if full || len(s.pending) == 0 {
		f.hints.poke()
	}
}

// putLocked hands what is to be remembered of g to the store. It needs f.mu.
func (f *Follower) putLocked(g *generation) {
	if f.opts.Store != nil && !f.closed && !g.shared.held {
		g.shared.stored = true
		f.opts.Store.PutShared(g.rec())
	}
}

// committed is the committed offset of g, and whether everything handed out is acknowledged.
func (f *Follower) committed(g *generation) (offset int64, all bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return g.rec().Offset, len(g.shared.pending) == 0
}
