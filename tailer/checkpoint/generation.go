package checkpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Print is a fingerprint of Len bytes. The zero value means that there was nothing to look at.
type Print struct {
	Len int
	Sum [16]byte // the first half of SHA-256
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

// MarshalText writes the length and the sum in hex, as "256:00ff...".
func (p Print) MarshalText() ([]byte, error) {
	b := make([]byte, 0, 44)
	b = strconv.AppendInt(b, int64(p.Len), 10)
	b = append(b, ':')
	return hex.AppendEncode(b, p.Sum[:]), nil
}

// UnmarshalText reads what MarshalText writes.
func (p *Print) UnmarshalText(text []byte) error {
	length, sum, ok := strings.Cut(string(text), ":")
	n, err := strconv.Atoi(length)
	if !ok || err != nil || n < 0 || len(sum) != hex.EncodedLen(len(p.Sum)) {
		return fmt.Errorf("fingerprint %q is not LENGTH:SUM", text)
	}
	p.Len = n
	_, err = hex.Decode(p.Sum[:], []byte(sum))
	return err
}

// Generation is what is remembered of one body of a file. The names in JSON are the database's: a name keeps its meaning
// for ever, and a new field must stay true, or be found stale by what it says itself, when a release that does not know it
// moves the others.
type Generation struct {
	// ID is unique in its flow, and never used again for another body.
	ID   string `json:"-"`
	Flow string `json:"-"`
	// Path is the path that the flow follows; Names are all paths that the body is known to have or have had, newest last.
	Path  string   `json:"path,omitempty"`
	Names []string `json:"names,omitempty"`
	// Dev, Ino and Birth (nanoseconds since 1970; 0 where the file system does not tell) are what the system knew it by.
	Dev   uint64 `json:"dev,omitempty"`
	Ino   uint64 `json:"ino,omitempty"`
	Birth int64  `json:"birth,omitempty"`
	// Head is of the first bytes, Marker of the bytes just before Offset.
	Head   Print `json:"head,omitzero"`
	Marker Print `json:"marker,omitzero"`
	// Offset is the committed offset, in bytes of the content (decompressed, if Compression is set).
	Offset int64 `json:"offset"`
	// Size is the length of the content when last looked at, in bytes.
	Size int64 `json:"size"`
	// ModTime labels and orders candidates; it decides nothing.
	ModTime time.Time `json:"mod_time,omitzero"`
	Drained bool      `json:"drained,omitempty"`
	Final   bool      `json:"final,omitempty"`
	// Compression is "", "gzip" or "zstd": what the body was last seen as.
	Compression string `json:"compression,omitempty"`
	// CaughtUp is when the byte behind Offset was first seen, or the last time that there was none: where LagSeconds counts from.
	CaughtUp time.Time `json:"caught_up,omitzero"`
	// Seen is when a file that matches was last seen: where forget_after counts from.
	Seen time.Time `json:"seen,omitzero"`
	// Seq orders the generations of a path, older first.
	Seq uint64 `json:"seq,omitempty"`
}

// generationFields are the names above: what else a value has belongs to a newer release.
var generationFields = []string{
	"path", "names", "dev", "ino", "birth", "head", "marker", "offset", "size", "mod_time",
	"drained", "final", "compression", "caught_up", "seen", "seq",
}

func (g Generation) clone() Generation {
	g.Names = slices.Clone(g.Names)
	return g
}

// eachPath changes the path and all names.
func (g *Generation) eachPath(fn func(string) string) {
	g.Path = fn(g.Path)
	for i, name := range g.Names {
		g.Names[i] = fn(name)
	}
}

// clampTimes forgets years that JSON can't hold: a file may claim any time.
func (g *Generation) clampTimes() {
	for _, t := range []*time.Time{&g.ModTime, &g.CaughtUp, &g.Seen} {
		if y := t.UTC().Year(); y < 1 || y > 9998 {
			*t = time.Time{}
		}
	}
}
