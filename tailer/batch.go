package tailer

import "sync"

// Flags say what is special about a record.
type Flags uint8

// What can be special about a record.
const (
	// Partial marks the unterminated last line of a generation that is final.
	Partial Flags = 1 << iota
	// Truncated marks a record cut at max_record_size.
	Truncated
	// Split marks a part of a record that was divided at max_record_size; Record.Part numbers the parts from 0.
	Split
	// Oversize marks a record longer than max_record_size that the configuration sends to the dead letters.
	Oversize
	// Late marks a record that arrived on a drained generation: it has no order against the newer one.
	Late
)

// Record is the place of one framed event in a Batch.
type Record struct {
	// Off and Len say where the record is in Batch.Data, without its line end.
	Off, Len uint32
	// Start and End are the raw byte range in the generation. End is after the line end, so a position is
	// always a record end.
	Start, End int64
	Flags      Flags
	Part       uint16
}

// Source says where the records of a batch come from. It never changes once it is handed out; a renamed file gets a new one.
type Source struct {
	// Flow is the flow's name.
	Flow string
	// Generation is the id of the body of the file, drawn at discovery and durable before its first record is handed out.
	Generation string
	// Path is the path that the flow follows; Name and Dir are its last component and the rest.
	Path, Name, Dir string
	// Header is the last of the lines at the beginning of the generation that are no records, where it is asked for.
	Header string
}

// Meta is what container framing knows of a record besides its text.
type Meta struct {
	// Stream is "stdout" or "stderr".
	Stream string
	// Time is the runtime's time stamp as it was written (RFC 3339 with nanoseconds). Like the record's bytes it is valid until Release.
	Time []byte
}

// Batch holds the records framed from one read of one generation. The bytes belong to the reader: whoever keeps a record
// longer than until Release copies it.
type Batch struct {
	Source *Source
	// Data holds the bytes of the records: the block as read, or an arena where framing had to join or decode.
	Data    []byte
	Records []Record
	// Meta is empty, or has one entry for each record (format "cri" and "docker").
	Meta []Meta
	// Start and End are the raw byte range that the batch covers: when this batch and all before it are acknowledged, End
	// is committed.
	Start, End int64
	// Before is 0 when Start is a record end, and else how many parts of the physical line around it came before it; After
	// is the same for End. Between framers and the follower only.
	Before, After uint16
	// Ack is told when records are acknowledged.
	Ack *Ack

	release func(*Batch)
	arena   []byte // what framing last appended to, for the next use
}

// Bytes is the i-th record.
func (b *Batch) Bytes(i int) []byte {
	r := &b.Records[i]
	return b.Data[r.Off : r.Off+r.Len : r.Off+r.Len]
}

// OnRelease sets what Release does, for sources in other packages.
func (b *Batch) OnRelease(fn func(*Batch)) { b.release = fn }

// Release gives the block back. Neither the batch nor its bytes may be touched afterwards; Ack lives on.
func (b *Batch) Release() {
	if b.release != nil {
		b.release(b)
	}
}

// Ack counts what still holds a batch back. A batch is born with one hold, that of the flow which took it; each destination adds
// a hold for each record it takes over, before the flow lets go of its own. When none is left, the batch is acknowledged.
// Safe for concurrent use.
type Ack struct {
	mu    sync.Mutex
	holds int
	done  func()
}

// NewAck makes an Ack with one hold that calls done, once, when the last hold is gone.
func NewAck(done func()) *Ack { return &Ack{holds: 1, done: done} }

// Hold adds n holds. It may be called only by someone who has one.
func (a *Ack) Hold(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.holds <= 0 {
		panic("tailer: hold on an acknowledged batch")
	}
	a.holds += n
}

// Done lets go of n holds: n records are acknowledged.
func (a *Ack) Done(n int) {
	a.mu.Lock()
	a.holds -= n
	left := a.holds
	a.mu.Unlock()
	if left < 0 {
		panic("tailer: more acknowledged than was held")
	}
	if left == 0 && n > 0 {
		a.done()
	}
}
