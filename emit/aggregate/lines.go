package aggregate

import "github.com/kinetail/kinetail/emit/lane"

// Lines joins whole records end to end. Each must end with its delimiter already, or readers cannot tell them apart.
type Lines struct{}

var _ lane.Aggregator = Lines{}

// Size implements lane.Aggregator.
func (Lines) Size(u *lane.Unit, r *lane.Record) int { return u.Size + len(r.Data()) }

// Ends implements lane.Aggregator: each record ends with its delimiter.
func (Lines) Ends([]byte) bool { return true }

// Build implements lane.Aggregator.
func (Lines) Build(arena []byte, u *lane.Unit) []byte {
	if whole, ok := u.Whole(); ok {
		u.Data = whole
		return arena
	}
	from := len(arena)
	for r := u.First; r != nil; r = r.Next() {
		arena = append(arena, r.Data()...)
	}
	u.Data = arena[from:len(arena):len(arena)]
	return arena
}

// Finish implements lane.Aggregator: nothing is missing.
func (Lines) Finish([]lane.Unit) {}
