package firehose

import (
	"bytes"

	"github.com/kinetail/kinetail/emit/lane"
)

// lines is the lane.Aggregator that joins whole records with a delimiter. A record that the encoder has ended with the delimiter
// gets no second one, so what is joined reads the same as what goes alone.
type lines struct{ delimiter []byte }

func newLines(delimiter string) lines {
	if delimiter == "" {
		delimiter = "\n"
	}
	return lines{[]byte(delimiter)}
}

// Size implements lane.Aggregator. It counts the delimiter that joining needs with the record that joins.
func (l lines) Size(u *lane.Unit, r *lane.Record) int {
	size := u.Size + len(r.Data())
	if !bytes.HasSuffix(r.Data(), l.delimiter) {
		size += len(l.delimiter)
	}
	return size
}

// Build implements lane.Aggregator.
func (l lines) Build(arena []byte, u *lane.Unit) []byte {
	from := len(arena)
	for r := u.First; r != nil; r = r.Next() {
		arena = append(arena, r.Data()...)
		if r.Next() != nil && !bytes.HasSuffix(r.Data(), l.delimiter) {
			arena = append(arena, l.delimiter...)
		}
	}
	u.Data = arena[from:len(arena):len(arena)]
	return arena
}

// Finish implements lane.Aggregator: nothing is missing.
func (lines) Finish([]lane.Unit) {}
