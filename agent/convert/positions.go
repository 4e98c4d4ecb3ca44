package convert

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/agent/convert/sqlite"
	"github.com/kinetail/kinetail/tailer"
	"github.com/kinetail/kinetail/tailer/checkpoint"
)

// checkpointTable is where the Java agent keeps its positions.
const checkpointTable = "FILE_CHECKPOINTS"

// position is a row of it.
type position struct {
	flow, path   string
	dev, ino     uint64
	size, offset int64
	modified     time.Time
	updated      string // sorts as a time
}

// readPositions reads the Java agent's positions. Errors are those of sqlite.Open and Rows, or say what is wrong with a row.
func readPositions(path string) ([]position, error) {
	db, err := sqlite.Open(path)
	if err != nil {
		return nil, err
	}
	rows, err := db.Rows(checkpointTable)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var out []position
	for _, r := range rows {
		p, err := newPosition(r)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		out = append(out, p)
	}
	return out, nil
}

var fileID = regexp.MustCompile(`^\(dev=([0-9a-fA-F]+),ino=([0-9]+)\)$`)

func newPosition(r sqlite.Row) (position, error) {
	var p position
	p.flow, _ = r["flow"].(string)
	p.path, _ = r["path"].(string)
	id, _ := r["fileid"].(string)
	m := fileID.FindStringSubmatch(id)
	if m == nil || p.flow == "" || p.path == "" {
		return p, fmt.Errorf("the row of %q is none of the Java agent's: its fileId is %q, not (dev=HEX,ino=NUMBER)", p.path, id)
	}
	var err1, err2 error
	p.dev, err1 = strconv.ParseUint(m[1], 16, 64)
	p.ino, err2 = strconv.ParseUint(m[2], 10, 64)
	offset, ok := r["offset"].(int64)
	if err := errors.Join(err1, err2); err != nil || !ok || offset < 0 {
		return p, fmt.Errorf("the row of %q has no position: fileId %q, offset %v", p.path, id, r["offset"])
	}
	p.offset = offset
	p.size, _ = r["size"].(int64)
	if ms, ok := r["lastmodifiedtime"].(int64); ok {
		p.modified = time.UnixMilli(ms)
	}
	p.updated = fmt.Sprint(r["lastupdated"])
	return p, nil
}

// Taken is what becomes of a file, or of a row without one.
type Taken struct {
	Flow string `json:"flow"`
	Path string `json:"path"`
	// Offset is where reading goes on, in bytes; -1 where nothing is read.
	Offset int64 `json:"offset"`
	// Left is how many bytes are to be delivered.
	Left int64 `json:"left"`
	// Lost is how many bytes the Java agent had not delivered of a file that is gone, at least.
	Lost int64 `json:"lost,omitempty"`
	// Text says why.
	Text string `json:"text"`

	generation *checkpoint.Generation
}

// Positions are taken over by flow.
type Positions struct {
	Taken []Taken
	// patterns of a flow whose first scan is done by this.
	patterns map[string][]string
}

// TakePositions finds out where each flow of cfg goes on, from the Java agent's positions in the database at path. Nothing is changed yet: see Commit.
func TakePositions(path string, flows []Flow, cfg *config.Config) (*Positions, error) {
	all, err := readPositions(path)
	if err != nil {
		return nil, err
	}
	p := &Positions{patterns: map[string][]string{}}
	known := 0
	for _, f := range flows {
		i := slices.IndexFunc(cfg.Flows, func(c *config.Flow) bool { return c.Name == f.Name })
		if i < 0 {
			continue
		}
		var rows []position
		for _, r := range all {
			if r.flow == f.ID {
				rows = append(rows, r)
			}
		}
		if len(rows) == 0 {
			p.Taken = append(p.Taken, Taken{
				Flow: f.Name, Path: f.Pattern, Offset: -1,
				Text: fmt.Sprintf("the Java agent has no position of %s: files start where start_at says (%s)", f.ID, cfg.Flows[i].Tail.StartAt),
			})
			continue
		}
		known += len(rows)
		if err := p.flow(cfg.Flows[i], rows); err != nil {
			return nil, fmt.Errorf("flow %s: %w", f.Name, err)
		}
	}
	if known == 0 && len(all) > 0 {
		var ids []string
		for _, r := range all {
			if !slices.Contains(ids, r.flow) {
				ids = append(ids, r.flow)
			}
		}
		return nil, fmt.Errorf("%s has positions of other flows only (%s): is it of this configuration?", path, strings.Join(ids[:min(len(ids), 5)], ", "))
	}
	return p, nil
}

// flow decides for each file of a flow.
func (p *Positions) flow(cfg *config.Flow, rows []position) error {
	t := &cfg.Tail
	bodies, err := tailer.Bodies(tailer.Options{
		Flow: cfg.Name, Paths: t.Paths, Exclude: t.Exclude, Rotated: t.Rotated, Symlinks: t.Symlinks, Framer: noFramer{},
	})
	if err != nil {
		return err
	}
	// Newest first; of one second, what is read further.
	sort.SliceStable(rows, func(i, j int) bool {
		return cmp.Or(cmp.Compare(rows[j].updated, rows[i].updated), cmp.Compare(rows[j].offset, rows[i].offset)) < 0
	})
	m := matcher{flow: cfg.Name, symlinks: t.Symlinks, rows: rows, used: map[int]bool{}, of: make([]int, len(bodies)), bodies: bodies}
	m.match()
	seq := map[string]uint64{}
	for i := range bodies {
		seq[bodies[i].Root]++
		taken, err := m.take(i, seq[bodies[i].Root])
		if err != nil {
			return err
		}
		p.Taken = append(p.Taken, taken)
	}
	p.Taken = append(p.Taken, m.gone()...)
	p.patterns[cfg.Name] = append(slices.Clone(t.Paths), t.Rotated...)
	return nil
}

// noFramer is for looking only.
type noFramer struct{ tailer.Framer }

// matcher finds the row of each body.
type matcher struct {
	flow, symlinks string
	rows           []position
	used           map[int]bool
	bodies         []tailer.Body
	of             []int       // the index of a body's row; -1: none
	copies         map[int]int // a body that is the copy of one that was truncated: the index of the row
}

func (m *matcher) match() {
	m.copies = map[int]int{}
	for i := range m.bodies {
		b := &m.bodies[i]
		m.of[i] = -1
		for n, r := range m.rows {
			// Device numbers change with a reboot: then the path has to be the same too.
			if r.ino == b.Ino && (r.dev == b.Dev || r.path == b.Path) && !b.Compressed && !reused(b, &r) {
				if m.of[i] < 0 {
					m.of[i] = n
				}
				m.used[n] = true // others are what it was called before
			}
		}
	}
	for i := range m.bodies {
		if r := m.of[i]; r >= 0 && m.bodies[i].Size < m.rows[r].offset {
			m.findCopy(i, r)
		}
	}
}

// reused says that a body was made after the row's file was last seen to change: its inode was freed and used again.
func reused(b *tailer.Body, r *position) bool {
	return !b.Birth.IsZero() && !r.modified.IsZero() && b.Birth.After(r.modified.Add(time.Second)) && !b.ModTime.Before(b.Birth)
}

// findCopy looks for the copy that was made before body i was truncated: the newest that nobody knows, that is as long as what was read.
func (m *matcher) findCopy(i, r int) {
	best := -1
	for n := range m.bodies {
		b := &m.bodies[n]
		_, taken := m.copies[n]
		if n == i || m.of[n] >= 0 || taken || b.Compressed || b.Root != m.bodies[i].Root || b.Size < m.rows[r].offset || b.ModTime.Before(m.rows[r].modified.Truncate(time.Second)) {
			continue
		}
		if best < 0 || b.ModTime.After(m.bodies[best].ModTime) {
			best = n
		}
	}
	if best >= 0 {
		m.copies[best] = r
	}
}

// last is when the newest file was changed that the Java agent has read, as it saw it.
func (m *matcher) last() time.Time {
	last := m.rows[0].modified
	for _, r := range m.rows {
		if r.modified.After(last) {
			last = r.modified
		}
	}
	return last
}

func (m *matcher) take(i int, seq uint64) (Taken, error) {
	b := m.bodies[i]
	t := Taken{Flow: m.flow, Path: b.Path}
	if b.Compressed {
		t.Offset, t.Text = -1, "compressed: not read, as the Java agent does not"
		return t, nil
	}
	offset, done := int64(0), false
	if r := m.of[i]; r >= 0 {
		row := m.rows[r]
		switch {
		case b.Size < row.offset:
			t.Text = fmt.Sprintf("the Java agent had read %d bytes, and now it has %d: it was written anew, and is read from its beginning", row.offset, b.Size)
		case b.Path != row.path:
			offset, t.Text = row.offset, fmt.Sprintf("was %s when the Java agent read it", row.path)
		default:
			offset, t.Text = row.offset, "as the Java agent has it"
		}
		if row.dev != b.Dev && offset > 0 {
			t.Text += fmt.Sprintf("; the device was %x and is %x now, which a reboot does", row.dev, b.Dev)
		}
	} else if r, ok := m.copies[i]; ok {
		offset = m.rows[r].offset
		t.Text = fmt.Sprintf("the copy of %s before it was truncated", m.rows[r].path)
	} else if !b.ModTime.After(m.last()) {
		done = true
		t.Text = "older than what the Java agent read last, and it has no position of it: not read, as it would not"
	} else {
		t.Text = "newer than what the Java agent read: read from its beginning"
	}
	g, err := tailer.TakeOver(m.flow, b, offset, seq, done, m.symlinks)
	if err != nil {
		return t, err
	}
	if t.Offset, t.Left = g.Offset, g.Size-g.Offset; done {
		t.Offset = -1
	}
	if !done && g.Offset != offset {
		t.Text += fmt.Sprintf("; byte %d is inside a line, which begins at %d: that is used", offset, g.Offset)
	}
	t.generation = &g
	return t, nil
}

// gone are the rows whose files are not there any more and had something left.
func (m *matcher) gone() []Taken {
	var out []Taken
	for n, r := range m.rows {
		if left := r.size - r.offset; !m.used[n] && left > 0 {
			out = append(out, Taken{
				Flow: m.flow, Path: r.path, Offset: -1, Lost: left,
				Text: fmt.Sprintf("the file (device %x, inode %d) is gone, or compressed: the Java agent had not sent %d bytes of it", r.dev, r.ino, left),
			})
		}
	}
	return out
}

// Commit writes the positions into the store, all or none. It fails where the store has positions of one of the flows already.
func (p *Positions) Commit(store *checkpoint.Store, sync func() error) error {
	for _, flow := range store.Flows() {
		if _, ours := p.patterns[flow]; ours {
			return fmt.Errorf("kinetail has positions of flow %s already: nothing is changed ('kinetail offsets list %s' shows them, 'kinetail offsets forget %s' removes them)", flow, flow, flow)
		}
	}
	for _, t := range p.Taken {
		if t.generation != nil {
			store.Put(*t.generation)
		}
	}
	for flow, patterns := range p.patterns {
		for _, pattern := range patterns {
			store.MarkFirstScan(flow, pattern)
		}
	}
	return sync()
}
