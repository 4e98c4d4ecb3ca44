package tailer

// Look asks for a look at everything, as soon as the pace allows and while somebody calls Next, and returns how many there have been.
// The next but one has begun after the call, whatever was under way. Safe for concurrent use.
func (f *Follower) Look() int64 {
	f.hints.add("", true)
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counters.Sweeps
}
