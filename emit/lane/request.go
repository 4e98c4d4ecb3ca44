package lane

import (
	"sync"
	"time"

	"github.com/kinetail/kinetail/emit/retry"
)

// Unit is one record as the service counts it: one of ours, or several aggregated.
type Unit struct {
	// Data and Key are what is sent.
	Data, Key []byte
	// KeyHash is where Key falls before Build.
	KeyHash Hash
	// HashKey takes the place of the key's hash, if Explicit.
	HashKey  Hash
	Explicit bool
	// Lane that the unit is bound for.
	Lane int
	// First is the first of the N records in it, or a run of them; Record.Next leads to the others up to Last.
	First, Last *Record
	N           int
	// Size is the bytes of Data and Key, as far as they are known before Build.
	Size int

	lent    []byte // the key of records that have none
	verdict retry.Fault
	buried  bool // in the dead letters: acknowledged, not accepted
	own     bool // the verdict is about the flow's record alone, and holds up nobody else
}

// Keyed says that the records have keys of their own.
func (u *Unit) Keyed() bool { return u.lent == nil }

func (u *Unit) add(r *Record, size int) {
	if u.First == nil {
		u.First = r
	} else {
		u.Last.next = r
	}
	u.Last = r
	u.N += int(r.n)
	u.Size = size
}

// Whole is the data of a unit whose records stand one after the other in memory, as they do where a backlog is packed: then it need not be copied.
func (u *Unit) Whole() (data []byte, ok bool) {
	end := u.First.at
	for r := u.First; r != nil; r = r.next {
		if r.chunk != u.First.chunk || r.at != end || r.key > 0 {
			return nil, false
		}
		end += r.size
	}
	return u.First.chunk.data[u.First.at:end:end], true
}

// request is what is sent at once.
type request struct {
	units    []Unit // as packed
	done     []Unit // with their verdicts: the first of units, or more of them, in apart, where aggregates had to be divided
	apart    []Unit
	divided  bool
	verdicts []retry.Fault
	arenas   []*[]byte    // lent while it is carried: what the aggregates are in
	busy     []int        // lanes whose keyed records are in it
	seen     map[Hash]int // of the lane being packed: key -> unit
	size     int          // bytes of data and keys
	records  int
	port     *Port // that of the first record
	mixed    bool  // there are records of others
	most     int   // units
	parts    int   // lanes that share it in large units
	probe    bool
	only     *Port       // whose records it has, if a port is probed
	fault    retry.Fault // of the request, or of the part of it that failed as a whole
	accepted bool        // something was
	suspect  bool        // the service refused something of it as data
	sends    int
	tooLarge int // bytes of the smallest part of it that was refused for its size; 0: none
	started  time.Time
}

var requests = sync.Pool{New: func() any { return &request{seen: map[Hash]int{}} }}

func newRequest() *request { return requests.Get().(*request) }

// free gives the request back for another.
func (r *request) free() {
	clear(r.units)
	clear(r.apart)
	clear(r.verdicts)
	clear(r.seen)
	*r = request{
		units: r.units[:0], apart: r.apart[:0], verdicts: r.verdicts[:0], busy: r.busy[:0], seen: r.seen, arenas: r.arenas[:0],
	}
	requests.Put(r)
}
