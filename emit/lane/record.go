package lane

import (
	"sync"
	"time"
	"unsafe"

	"github.com/kinetail/kinetail/tailer"
)

// Record is one record of ours on its way, or a run: several without a key, of one Put, that stand one after the other in a chunk. What is done
// for each record costs more than what is done to its bytes, so a run is packed, joined and settled as one, and split where that is needed.
type Record struct {
	next       *Record
	chunk      *chunk
	origin     *origin
	hash       Hash
	start, end int64
	at         uint32 // where in the chunk: the key, then the data
	size       uint32 // of key and data
	key        uint16 // bytes
	part       uint16
	n          uint16 // records in it
	mark       uint16 // that of the first, if there are several
	flags      flags
}

type flags uint8

const (
	retried   flags = 1 << iota // it was in a request before
	overtaken                   // a later record of its key was accepted before it
	refused                     // the service refused it alone, and nothing proves yet that it takes others
	proven                      // that is proven, but max_rate did not allow another dead letter
)

// Data is the encoded record, or those of a run.
func (r *Record) Data() []byte {
	end := r.at + r.size
	return r.chunk.data[r.at+uint32(r.key) : end : end]
}

// Key is the partition key, empty for a record that has none.
func (r *Record) Key() []byte {
	end := r.at + uint32(r.key)
	return r.chunk.data[r.at:end:end]
}

// Hash is where the key falls.
func (r *Record) Hash() Hash { return r.hash }

// own tells the keys of flows apart: each keeps its own order, and there is none among them.
func (r *Record) own() Hash {
	h := r.hash
	h.Lo ^= r.origin.port.salt
	return h
}

// Next is the next record or run of the unit, or nil.
func (r *Record) Next() *Record { return r.next }

// Count is how many records a run has, 1 for a record.
func (r *Record) Count() int { return int(r.n) }

// At is the i-th record of a run.
func (r *Record) At(i int) []byte {
	if r.n == 1 {
		return r.Data()
	}
	from := r.at
	if i > 0 {
		from = r.chunk.marks[int(r.mark)+i-1].to
	}
	to := r.chunk.marks[int(r.mark)+i].to
	return r.chunk.data[from:to:to]
}

// beginning is the first n records of a run, as a record that is nowhere.
func (r *Record) beginning(n int) Record {
	c := *r
	c.n = uint16(n)                                   // #nosec G115 -- one of r.n at most
	c.size = r.chunk.marks[int(r.mark)+n-1].to - r.at // a run has no key
	return c
}

// split needs mu. It leaves the first n records of a run, and returns the others, which come next.
func (r *Record) split(n int) *Record {
	marks := r.chunk.marks[r.mark:]
	first := r.beginning(n)
	rest := *r
	rest.n -= first.n
	rest.at += first.size
	rest.size -= first.size
	rest.mark += first.n
	rest.start, rest.part = marks[n].start, marks[n].part
	r.n, r.size, r.end = first.n, first.size, marks[n-1].end
	r.next = &rest
	r.chunk.live++
	return &rest
}

// origin is what the records of one Put have in common.
type origin struct {
	port    *Port
	ack     *tailer.Ack
	source  *tailer.Source
	at      time.Time // of Put, less the port's age
	epoch   *epoch
	settled int // by the request whose verdicts are being looked at
}

// A chunk holds the bytes of records of one queue, one after the other. Records leave it in any order; with the last it is
// used again.
type chunk struct {
	data    []byte // never changed while a record is in it: requests read it without mu
	used    int    // bytes of data
	limit   int    // bytes of data that are used at most
	records []Record
	marks   []mark // of the records in runs; those in use are never changed, as data
	marked  int    // marks in use
	live    int    // records and runs that are not acknowledged yet
	owner   *queue // whose newest chunk it is or was
	kind    *chunkKind
}

// mark is a record in a run.
type mark struct {
	start, end int64
	to         uint32 // where in the chunk it ends
	part       uint16
}

// chunkKind is a size of chunks.
type chunkKind struct {
	bytes, records, marks int
	pool                  sync.Pool
}

var (
	// singles is for records that are packed one by one.
	singles = &chunkKind{bytes: 16 << 10, records: 128}
	// shortRuns is for a few records without a key.
	shortRuns = &chunkKind{bytes: 16 << 10, records: 64, marks: 128}
	// longRuns is for many: one holds what an aggregate of the usual size has, which is then sent from where it is. It is of whole pages of the heap.
	longRuns = &chunkKind{bytes: 56 << 10, records: 128, marks: 512}
)

// long is from how many bytes on a Put is worth longRuns.
const long = 32 << 10

// cost is what a chunk takes of the memory limit.
func (k *chunkKind) cost() int64 {
	return int64(k.bytes) + int64(k.records)*int64(unsafe.Sizeof(Record{})) + int64(k.marks)*int64(unsafe.Sizeof(mark{}))
}

func (k *chunkKind) get() *chunk {
	if c, ok := k.pool.Get().(*chunk); ok {
		return c
	}
	return &chunk{data: make([]byte, k.bytes), records: make([]Record, 0, k.records), marks: make([]mark, k.marks), kind: k}
}

// kindFor is the kind of a chunk for the end of q that a record of n bytes goes into, and what comes after it; one that is larger than usual has it to
// itself. Behind a backlog all are of the long kind, so that aggregates go on to begin where chunks do.
func kindFor(n int, runs bool, q *queue, t *taking) *chunkKind {
	switch {
	case n > singles.bytes:
		return &chunkKind{bytes: n, records: 1}
	case !runs:
		return singles
	case q.bytes >= long || t.atLeast(long):
		return longRuns
	}
	return shortRuns
}

func (c *chunk) cost() int64 { return c.kind.cost() }

// fits says whether a record of n bytes has room, by itself or in a run.
func (c *chunk) fits(n int) bool {
	return len(c.records) < cap(c.records) && n <= c.limit-c.used && (c.marked < len(c.marks) || len(c.marks) == 0)
}

// add copies key and data. There must be room: the records never move.
func (c *chunk) add(key, data []byte) *Record {
	c.records = append(c.records, Record{
		chunk: c, at: uint32(c.used), size: uint32(len(key) + len(data)), key: uint16(len(key)), n: 1,
	})
	c.used += copy(c.data[c.used:], key)
	c.used += copy(c.data[c.used:], data)
	c.live++
	return &c.records[len(c.records)-1]
}

// begin makes of r, which was added last and is raw, a run that can be extended.
func (c *chunk) begin(r *Record, raw *tailer.Record) {
	r.mark = uint16(c.marked) // #nosec G115 -- 512 at most
	c.place(raw)
}

// place marks the record that was added last.
func (c *chunk) place(raw *tailer.Record) {
	c.marks[c.marked] = mark{raw.Start, raw.End, uint32(c.used), raw.Part}
	c.marked++
}

// extend copies data into r, the run that was added last. There must be room.
func (c *chunk) extend(r *Record, data []byte, raw *tailer.Record) {
	c.used += copy(c.data[c.used:], data)
	c.place(raw)
	r.n++
	r.size += uint32(len(data))
	r.end = raw.End
}

// drop lets go of one record and reports whether that was the last.
func (c *chunk) drop() bool {
	c.live--
	if c.live > 0 {
		return false
	}
	if c.owner.newest == c {
		c.owner.newest = nil
	}
	return true
}

// recycle may be called when nothing points into the chunk any more.
func (c *chunk) recycle() {
	if c.kind.records == 1 {
		return
	}
	clear(c.records)
	c.used, c.records, c.marked, c.owner = 0, c.records[:0], 0, nil
	c.kind.pool.Put(c)
}
