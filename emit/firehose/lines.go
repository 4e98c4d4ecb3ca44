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

// Ends implements lane.Aggregator: only the last record of a run may want the delimiter.
func (l lines) Ends(data []byte) bool { return bytes.HasSuffix(data, l.delimiter) }

// Build implements lane.Aggregator.
func (l lines) Build(arena []byte, u *lane.Unit) []byte {
	if whole, ok := u.Whole(); ok && l.joined(u) {
		u.Data = whole
		return arena
	}
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

// joined says whether nothing has to stand between the records.
func (l lines) joined(u *lane.Unit) bool {
	for r := u.First; r != u.Last; r = r.Next() {
		if !l.Ends(r.Data()) {
			return false
		}
	}
	return true
}

// Finish implements lane.Aggregator: nothing is missing.
func (lines) Finish([]lane.Unit) {}
