package tailer

import "time"

// Closing says how a Framer treats what is still open at the end of the bytes it is given.
type Closing uint8

// How far open things are closed.
const (
	// KeepOpen leaves an unterminated line and an unfinished join for a later call.
	KeepOpen Closing = iota
	// CloseJoin closes a join whose timeout is over; an unterminated physical line stays open.
	CloseJoin
	// CloseAll delivers also the unterminated line, marked Partial: the generation is final.
	CloseAll
)

// Joiner is a Framer that joins physical lines and closes an unfinished join after a time without growth.
type Joiner interface {
	// JoinTimeout is that time; at 0 a join is never closed by time.
	JoinTimeout() time.Duration
}

// Headed is a Framer that skips lines at the start of a generation.
type Headed interface {
	// Header is the text of the last of these lines, given what a generation begins with; not ok when there is not enough of it.
	Header(raw []byte) (text []byte, ok bool)
}

// Wide is a Framer of text in code units of more than a byte, in which a byte that looks like a line feed may be half of a character.
type Wide interface {
	// LineFeed is what a line feed is, given what the generation begins with. It is found at multiples of its length.
	LineFeed(begin []byte) []byte
}

// Framer finds the records in the raw bytes of a generation. It keeps nothing between calls, so nothing needs to be held
// for an idle file: whatever was not consumed is given to it again, from the same byte on, when there is more.
//
// Used by one goroutine at a time.
type Framer interface {
	// Frame appends to b the records that are closed in raw, whose first byte is at offset base of the generation, and
	// returns how many bytes of raw they (and what is skipped between them) take. raw starts at the end of a record. A framer that
	// needs no decoding leaves b.Data as raw itself; others append to b.Data.
	//
	// consumed is 0 only while raw is shorter than Window, or empty: given a whole Window, the framer closes something by its
	// rules. Where that ends inside a physical line (the beginning of an oversized one was truncated, split or set aside), it sets
	// b.After to the number of parts so far, at least 1, and is called with that as b.Before on the bytes that follow; a position inside
	// a line is never committed.
	Frame(b *Batch, raw []byte, base int64, closing Closing) (consumed int)
	// Window is the largest raw byte count that the framer may need to see at once to close a record, in bytes.
	Window() int
}
