package read

import (
	"maps"
	"slices"
	"sort"

	"github.com/kinetail/kinetail/pipeline/record"
)

// maxHoles is how many holes a Verdict names.
const maxHoles = 20

// Verifier looks at the record.id of records: which came more than once, and what lies between those of a file that came. It takes about 100
// bytes of memory for each record.
type Verifier struct {
	files   map[string]map[span]struct{} // by generation
	verdict Verdict
}

type span struct {
	start, end int64
	part       int
}

// Verdict is what the ids say.
type Verdict struct {
	Records     int64 `json:"records"`     // with an id, repeats included
	WithoutID   int64 `json:"without_id"`  // of which nothing can be said
	Generations int   `json:"generations"` // bodies of files
	Repeated    int64 `json:"repeated"`    // records that had come before
	// Lost is how many places there are between two records of a generation that no record covers, and LostBytes how large they are. What the
	// configuration drops or cuts off is among them, and so are dead letters.
	Lost      int64  `json:"lost"`
	LostBytes int64  `json:"lost_bytes"`
	Holes     []Hole `json:"holes,omitempty"` // the first of them
}

// Hole is a range of a generation, in bytes.
type Hole struct {
	Generation string `json:"generation"`
	Start      int64  `json:"start"`
	End        int64  `json:"end"`
}

// Add looks at a record: for an id in its partition key, or else in its data.
func (v *Verifier) Add(r *Record) {
	id, ok := record.FindID([]byte(r.PartitionKey))
	if !ok {
		id, ok = record.FindID(r.Data)
	}
	if !ok {
		v.verdict.WithoutID++
		return
	}
	v.verdict.Records++
	spans := v.files[id.Generation]
	if spans == nil {
		spans = map[span]struct{}{}
		if v.files == nil {
			v.files = map[string]map[span]struct{}{}
		}
		v.files[id.Generation] = spans
	}
	s := span{id.Start, id.End, id.Part}
	if _, repeated := spans[s]; repeated {
		v.verdict.Repeated++
		return
	}
	spans[s] = struct{}{}
}

// Verdict is what is known of the records so far.
func (v *Verifier) Verdict() Verdict {
	out := v.verdict
	out.Generations = len(v.files)
	for _, generation := range slices.Sorted(maps.Keys(v.files)) {
		spans := slices.Collect(maps.Keys(v.files[generation]))
		sort.Slice(spans, func(i, j int) bool { return spans[i].start < spans[j].start })
		end := spans[0].start
		for _, s := range spans { // they overlap where streams of a container are interleaved
			if s.start > end {
				out.Lost++
				out.LostBytes += s.start - end
				if len(out.Holes) < maxHoles {
					out.Holes = append(out.Holes, Hole{generation, end, s.start})
				}
			}
			end = max(end, s.end)
		}
	}
	return out
}
