package checkpoint

import (
	"maps"
	"time"
)

// maxRetry is the longest time between two tries while commits fail.
const maxRetry = 10 * time.Second

// own is the checkpoint owner: the only goroutine that touches the database. It closes opened after the first commit, which makes
// or checks the file, and ends with the commit that Close asks for.
func (s *Store) own(opened chan<- struct{}) {
	defer close(s.done)
	d := &disk{path: databasePath(s.dir), now: time.Now}
	var failed error // of the last commit
	retry := s.opts.Interval
	timer := time.NewTimer(0)
	<-timer.C
	defer timer.Stop()
	armed := false
	arm := func(after time.Duration) {
		if !armed {
			armed = true
			timer.Reset(after)
		}
	}
	commit := func() {
		last := failed
		failed = s.commit(d, last == nil)
		switch {
		case failed == nil:
			retry = s.opts.Interval
		case last != nil:
			retry = min(2*retry, max(maxRetry, s.opts.Interval))
		}
		if failed != nil {
			arm(retry)
		}
	}
	commit()
	close(opened)
	for {
		select {
		case <-s.wake:
			arm(s.opts.Interval)
		case <-timer.C:
			armed = false
			commit()
		case answer := <-s.syncs:
			waiting := append(s.waiting(), answer)
			if failed == nil {
				commit()
			}
			for _, answer := range waiting {
				answer <- failed
			}
		case <-s.stop:
			failed = s.commit(d, failed == nil)
			d.close()
			_ = s.lock.Close()
			s.mu.Lock()
			s.closing = failed
			s.mu.Unlock()
			return
		}
	}
}

// waiting takes all others that wait for a commit, so that one serves them all.
func (s *Store) waiting() (all []chan error) {
	for {
		select {
		case answer := <-s.syncs:
			all = append(all, answer)
		default:
			return all
		}
	}
}

// commit makes all that is dirty durable. What could not be written is dirty again. Trouble is logged when it begins and ends.
func (s *Store) commit(d *disk, fine bool) error {
	s.mu.Lock()
	changed := s.dirty
	s.dirty = map[string]*entry{}
	s.mu.Unlock()
	if len(changed) == 0 && d.db != nil {
		return nil
	}
	rebuilt, err := d.commit(changed, func() map[string]*entry {
		s.mu.Lock()
		defer s.mu.Unlock()
		return maps.Clone(s.entries)
	})

	s.mu.Lock()
	defer s.mu.Unlock()
	if rebuilt != nil {
		s.stats.Rebuilds++
		if s.rebuilt != nil && s.rebuilt.Aside == "" && s.rebuilt.AtOpen { // the one that Open found
			rebuilt.AtOpen, rebuilt.Salvaged, rebuilt.Reason = true, s.rebuilt.Salvaged, s.rebuilt.Reason
		}
		s.rebuilt = rebuilt
		s.opts.Log.Error("The state database was broken; it is kept aside and a new one is started",
			"database", d.path, "aside", rebuilt.Aside, "reason", rebuilt.Reason, "at_start", rebuilt.AtOpen, "salvaged", rebuilt.Salvaged)
	}
	if err != nil {
		for k, e := range changed {
			if _, newer := s.dirty[k]; !newer {
				s.dirty[k] = e
			}
		}
		s.stats.Errors++
		s.stats.Err = err
		if fine {
			s.opts.Log.Error("Offsets can't be committed: delivery goes on, the last committed ones stay, and a crash now would repeat "+
				"what follows them; trying again", "error", err)
		}
		return err
	}
	s.stats.Commits++
	s.stats.Err = nil
	s.stats.LastCommit = time.Now()
	if !fine {
		s.opts.Log.Info("Offsets are committed again", "database", d.path)
	}
	return nil
}
