package checkpoint

import (
	"crypto/sha256"
	"slices"
	"time"
)

// Print is a fingerprint of Len bytes. The zero value means that there was nothing to look at.
type Print struct {
	Len int      `json:"len"`
	Sum [16]byte `json:"sum"` // the first half of SHA-256
}

// Sum is the fingerprint of b.
func Sum(b []byte) Print {
	if len(b) == 0 {
		return Print{}
	}
	full := sha256.Sum256(b)
	p := Print{Len: len(b)}
	copy(p.Sum[:], full[:])
	return p
}

// Generation is what is remembered of one body of a file.
type Generation struct {
	// ID is unique in its flow, and never used again for another body.
	ID   string
	Flow string
	// Path is the path that the flow follows; Names are all paths that the body is known to have or have had, newest last.
	Path  string
	Names []string
	// Dev, Ino and Birth (nanoseconds since 1970; 0 where the file system does not tell) are what the system knew it by.
	Dev, Ino uint64
	Birth    int64
	// Head is of the first bytes, Marker of the bytes just before Offset.
	Head   Print
	Marker Print
	// Offset is the committed offset, in bytes of the content (decompressed, if Compression is set).
	Offset int64
	// Size is the length of the content when last looked at, in bytes.
	Size int64
	// ModTime labels and orders candidates; it decides nothing.
	ModTime time.Time
	Drained bool
	Final   bool
	// Compression is "", "gzip" or "zstd": what the body was last seen as.
	Compression string
	// CaughtUp is when Size last equalled Offset: where LagSeconds counts from.
	CaughtUp time.Time
	// Seen is when a file that matches was last seen: where forget_after counts from.
	Seen time.Time
	// Seq orders the generations of a path, older first.
	Seq uint64
}

func (g Generation) clone() Generation {
	g.Names = slices.Clone(g.Names)
	return g
}
