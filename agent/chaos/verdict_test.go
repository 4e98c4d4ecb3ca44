//go:build chaos

package chaos

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// arrival is one record as a consumer sees it.
type arrival struct {
	flow, key, shard, data string
	at                     time.Time
}

// verdict is what became of the lines of one writer.
type verdict struct {
	w         *writer
	written   int
	delivered int
	repeated  int
	early     []string // repeats before anything was killed or an outcome unknown
	destroyed int      // in no body, and never read
	torn      int      // records that are a piece of a line, of logs that are truncated
	disorder  []string
	inverted  []int // the numbers of the lines in disorder
	lost      []int
}

// judge follows the records of all streams, in their order.
type judge struct {
	verdicts map[string]*verdict // by flow/writer
	seen     map[string]map[int]bool
	last     map[string]int // by flow/writer and by flow/writer/body
	foreign  []arrival
	repeats  map[string]map[int]int64 // bytes repeated, by flow and number of deaths before
	recent   map[string]map[int]int64 // bytes that arrived shortly before the death of that number, by flow
	deaths   []time.Time
	harsh    time.Time // from here on outcomes may be unknown
}

func newJudge(writers []*writer, deaths []time.Time, harsh time.Time) *judge {
	j := &judge{
		verdicts: map[string]*verdict{}, seen: map[string]map[int]bool{}, last: map[string]int{}, repeats: map[string]map[int]int64{}, recent: map[string]map[int]int64{},
		deaths: deaths, harsh: harsh,
	}
	for _, w := range writers {
		id := w.flow + "/" + w.name
		j.verdicts[id] = &verdict{w: w}
		j.seen[id] = map[int]bool{}
		j.repeats[w.flow], j.recent[w.flow] = map[int]int64{}, map[int]int64{}
	}
	return j
}

func (j *judge) record(r arrival, ordered bool) {
	name, n, body, ok := parse(r.data)
	id := r.flow + "/" + name
	v := j.verdicts[id]
	if !ok || v == nil || n >= len(v.w.lines) || v.w.lines[n].body != body || r.key != "" && r.key != name && r.key != name+".log" {
		j.foreign = append(j.foreign, r)
		return
	}
	before := 0
	for before < len(j.deaths) && !r.at.Before(j.deaths[before]) {
		before++
	}
	for d := before; d < len(j.deaths) && j.deaths[d].Sub(r.at) < recent; d++ {
		j.recent[r.flow][d+1] += int64(len(r.data))
	}
	if j.seen[id][n] {
		v.repeated++
		if before == 0 && r.at.Before(j.harsh) {
			v.early = append(v.early, fmt.Sprintf("%s n=%d (%d bytes, shard %s) at %s", id, n, len(r.data), r.shard, r.at.Format("15:04:05.000")))
		}
		j.repeats[r.flow][before] += int64(len(r.data))
		return
	}
	j.seen[id][n] = true
	if !ordered {
		return
	}
	check := func(of string) {
		if before, ok := j.last[of]; ok && n < before {
			v.disorder = append(v.disorder, fmt.Sprintf("%s n=%d after n=%d (late %v) at %s", of, n, before, v.w.lines[n].late, r.at.Format("15:04:05.000")))
			v.inverted = append(v.inverted, n)
		}
		j.last[of] = max(j.last[of], n)
	}
	if !v.w.lines[n].late {
		check(id)
	}
	check(fmt.Sprintf("%s body=%d", id, body))
}

// repeatedAfterDeaths says how much came again against what may (invariant 10): after a death what was unacknowledged, and what was acknowledged and
// not yet committed, in whole batches. Repeats for unknown outcomes are in it, too. over are those that were more.
func (j *judge) repeatedAfterDeaths() (said string, over []string) {
	var b strings.Builder
	for _, flow := range slices.Sorted(maps.Keys(j.repeats)) {
		var sum, most, of int64
		for death, n := range j.repeats[flow] {
			sum += n
			may := maxUnacked + 5*unit + j.recent[flow][death]
			if death > 0 && (of == 0 || float64(n)/float64(may) > float64(most)/float64(of)) {
				most, of = n, may
			}
			if death > 0 && n > may {
				over = append(over, fmt.Sprintf("flow %s repeated %d bytes after death %d, more than the %d that were unacknowledged or uncommitted", flow, n, death, may))
			}
		}
		fmt.Fprintf(&b, "flow %s repeated %d bytes, %d before the first death; the most after one: %d of the %d that it may (%.1f %%)\n",
			flow, sum, j.repeats[flow][0], most, of, 100*float64(most)/float64(max(of, 1)))
	}
	return b.String(), over
}

// finish compares with what the writers wrote and what the rotator left.
func (j *judge) finish(t *testing.T) []*verdict {
	t.Helper()
	var all []*verdict
	for id, v := range j.verdicts {
		all = append(all, v)
		v.excuse(cutBefore(t, v.w))
		var missing []int
		for n, l := range v.w.lines {
			if !l.complete {
				continue
			}
			v.written++
			if j.seen[id][n] {
				v.delivered++
			} else {
				missing = append(missing, n)
			}
		}
		if len(missing) == 0 {
			continue
		}
		there := bodies(t, v.w)
		for _, n := range missing {
			if _, ok := there[n]; ok || !v.w.mode.copies {
				v.lost = append(v.lost, n)
			} else {
				v.destroyed++
			}
		}
	}
	slices.SortFunc(all, func(a, b *verdict) int { return strings.Compare(a.w.flow+a.w.name, b.w.flow+b.w.name) })
	var foreign []arrival
	for _, r := range j.foreign {
		if v := j.pieceOf(r); v != nil {
			v.torn++
		} else {
			foreign = append(foreign, r)
		}
	}
	j.foreign = foreign
	return all
}

// pieceOf finds the writer of which a record is a piece of a line: a truncation or a copy divides lines.
func (j *judge) pieceOf(r arrival) *verdict {
	for _, v := range j.verdicts {
		if v.w.flow != r.flow || !v.w.mode.copies || r.key != "" && r.key != v.w.name && r.key != v.w.name+".log" && v.w.flow != "kpl" {
			continue
		}
		for n, l := range v.w.lines {
			if whole := text(v.w.name, n, l.body); strings.Contains(whole, r.data) { // two truncations within a line leave its middle
				return v
			}
		}
	}
	return nil
}

// excuse takes out of the disorder what a copy cut just before its line end: such a line is held until its body is final, and has no order then.
func (v *verdict) excuse(cut map[int]bool) {
	var disorder []string
	torn := map[int]bool{}
	for i, n := range v.inverted {
		if cut[n] {
			torn[n] = true
		} else {
			disorder = append(disorder, v.disorder[i])
		}
	}
	v.torn += len(torn)
	v.disorder = disorder
}

// cutBefore are the numbers of the lines that end a rotated copy whole, but for their line end, which the log had after it was truncated.
func cutBefore(t *testing.T, w *writer) map[int]bool {
	t.Helper()
	cut := map[int]bool{}
	if !w.mode.copies {
		return cut
	}
	walkBodies(t, w, func(_, l string) {
		if name, n, _, ok := parse(l); ok && name == w.name { // with its line end it does not parse
			cut[n] = true
		}
	})
	return cut
}

// bodies are the numbers of all complete lines that a writer's log and its rotated bodies hold now, and in which of them.
func bodies(t *testing.T, w *writer) map[int]string {
	t.Helper()
	found := map[int]string{}
	walkBodies(t, w, func(base, l string) {
		whole, ended := strings.CutSuffix(l, "\n")
		if name, n, _, ok := parse(whole); ok && ended && name == w.name {
			found[n] = base
		}
	})
	return found
}

// walkBodies calls line with each line, and its end if it has one, of a writer's log and its rotated bodies, and the name of the body.
func walkBodies(t *testing.T, w *writer, line func(base, l string)) {
	t.Helper()
	err := filepath.WalkDir(filepath.Dir(w.path), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasPrefix(d.Name(), w.name+".log") {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if strings.HasSuffix(path, ".gz") {
			z, err := gzip.NewReader(bytes.NewReader(data))
			if err != nil {
				return err
			}
			if data, err = io.ReadAll(z); err != nil {
				return err
			}
		}
		for l := range strings.Lines(string(data)) {
			line(filepath.Base(path), l)
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
