package lane

import (
	"sync"
	"time"
	"unsafe"

	"github.com/kinetail/kinetail/tailer"
)

// Record is one record of ours on its way. Its bytes are in a chunk.
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
	flags      flags
}

type flags uint8

const (
	retried   flags = 1 << iota // it was in a request before
	overtaken                   // a later record of its key was accepted before it
	refused                     // the service refused it alone, and nothing proves yet that it takes others
	proven                      // that is proven, but max_rate did not allow another dead letter
)

// Data is the encoded record.
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

// Next is the next record of the unit, or nil.
func (r *Record) Next() *Record { return r.next }

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
const (
	chunkBytes   = 16 << 10
	chunkRecords = 128
)

type chunk struct {
	data    []byte // never changed while a record is in it: requests read it without mu
	used    int    // bytes of data
	records []Record
	live    int    // records that are not acknowledged yet
	owner   *queue // whose newest chunk it is or was
}

var chunks = sync.Pool{New: func() any {
	return &chunk{data: make([]byte, chunkBytes), records: make([]Record, 0, chunkRecords)}
}}

// newChunk has room for at least one record of n bytes.
func newChunk(n int) *chunk {
	if n > chunkBytes {
		return &chunk{data: make([]byte, n), records: make([]Record, 0, 1)}
	}
	return chunks.Get().(*chunk)
}

// cost is what a chunk for n bytes takes of the memory limit.
func cost(n int) int64 {
	if n > chunkBytes {
		return int64(n) + int64(unsafe.Sizeof(Record{}))
	}
	return chunkBytes + chunkRecords*int64(unsafe.Sizeof(Record{}))
}

func (c *chunk) cost() int64 { return cost(len(c.data)) }

func (c *chunk) fits(n int) bool {
	return len(c.records) < cap(c.records) && n <= len(c.data)-c.used
}

// add copies key and data. There must be room: the records never move.
func (c *chunk) add(key, data []byte) *Record {
	c.records = append(c.records, Record{
		chunk: c, at: uint32(c.used), size: uint32(len(key) + len(data)), key: uint16(len(key)),
	})
	c.used += copy(c.data[c.used:], key)
	c.used += copy(c.data[c.used:], data)
	c.live++
	return &c.records[len(c.records)-1]
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
	if len(c.data) != chunkBytes {
		return
	}
	clear(c.records)
	c.used, c.records, c.owner = 0, c.records[:0], nil
	chunks.Put(c)
}
