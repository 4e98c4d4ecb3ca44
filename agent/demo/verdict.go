package demo

import (
	"bytes"
	"strconv"
)

// Verdict is what the demo found, and the last line of its JSON output.
type Verdict struct {
	Written    int `json:"written"`      // lines in the log files
	Delivered  int `json:"delivered"`    // different lines in the stream
	Lost       int `json:"lost"`         // lines written that are not in the stream
	Repeated   int `json:"repeated"`     // second and further copies of a line in the stream
	OutOfOrder int `json:"out_of_order"` // lines whose first copy came after a later line of the same user
	Foreign    int `json:"foreign"`      // records in the stream that no line explains
	// Throttled counts records that the stream refused for the rate, Retried those that were sent again.
	Throttled int     `json:"throttled"`
	Retried   int     `json:"retried"`
	Rotations int     `json:"rotations"`
	Kills     int     `json:"kills"`
	Seconds   float64 `json:"seconds"`
	// Metrics are what arrived in CloudWatch.
	Metrics []Metric `json:"metrics,omitempty"`
}

// Metric sums one CloudWatch metric up over the demo.
type Metric struct {
	Name string  `json:"name"` // with its dimensions
	Unit string  `json:"unit"`
	Sum  float64 `json:"sum"`
	Max  float64 `json:"max"`
}

// OK says whether the promise was kept: nothing lost, nothing out of order, nothing that was never written.
func (v Verdict) OK() bool { return v.Lost == 0 && v.OutOfOrder == 0 && v.Foreign == 0 }

// judge compares the stream's records, in the order in which each shard holds them, with the lines written.
type judge struct {
	seen    map[int]bool // line number
	latest  map[string]int
	verdict Verdict
}

func newJudge() *judge { return &judge{seen: map[int]bool{}, latest: map[string]int{}} }

// record takes one record of the stream. All records of a user are in one shard, so their order there is the order a consumer sees.
func (j *judge) record(data []byte) {
	user := field(data, " ", " ")
	line, err1 := strconv.Atoi(string(field(data, "line=", " ")))
	ofUser, err2 := strconv.Atoi(string(field(data, "of-user=", " ")))
	if err1 != nil || err2 != nil || len(user) == 0 {
		j.verdict.Foreign++
		return
	}
	if j.seen[line] {
		j.verdict.Repeated++
		return
	}
	j.seen[line] = true
	if before, ok := j.latest[string(user)]; ok && ofUser < before {
		j.verdict.OutOfOrder++
		return
	}
	j.latest[string(user)] = ofUser
}

// judged is the verdict for so many lines written.
func (j *judge) judged(written int) Verdict {
	v := j.verdict
	v.Written = written
	for n := range written {
		if !j.seen[n] {
			v.Lost++
		}
	}
	v.Delivered = len(j.seen)
	for n := range j.seen {
		if n < 0 || n >= written {
			v.Foreign++
			v.Delivered--
		}
	}
	return v
}

// field is what stands between the first before and the next after.
func field(data []byte, before, after string) []byte {
	_, rest, ok := bytes.Cut(data, []byte(before))
	if !ok {
		return nil
	}
	value, _, _ := bytes.Cut(rest, []byte(after))
	return value
}
