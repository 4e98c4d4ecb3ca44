package tailer

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestProperty draws random sequences of what writers, rotators, operators and crashes do, against a model that knows which lines
// cannot have survived: nothing else is lost, order is kept, and what was committed does not come again. -rapid.checks says how many.
func TestProperty(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		m := newModel(t, r)
		defer m.w.end()
		defer m.cleanup()
		for range rapid.IntRange(5, 40).Draw(r, "length") {
			m.op(rapid.SampledFrom(operations).Draw(r, "op"))
			m.check(false)
		}
		m.check(true)
	})
}

// modelBody is one body of a file: the lines in it.
type modelBody struct {
	lines   []int
	partial bool // it ends without a line end
	zipped  bool
	fresh   bool // a copy that nobody can have looked at yet: no descriptor holds it
	copied  bool // a compressed copy of what it was is there
}

type model struct {
	w       *world
	r       *rapid.T
	names   map[string]*modelBody
	deleted []*modelBody
	excused map[int]bool // may or may not come
	safe    map[int]bool // acknowledged and durable: may not come again
	looked  map[int]bool // was there when a running follower looked at everything
	handle  string       // the path that writer w opened, while it is open
	hbody   *modelBody
	script  []string
	faulty  bool // this sequence has system calls that fail; else it has hard links
	failing bool // a system call fails now
	calm    bool // this sequence has no faults, no lines without an end and no crash, after which a gap is reported again: the gaps are checked
	shaken  bool // one has failed since a running follower last looked at everything
	lateOK  map[int]bool
	twice   map[int]bool    // is in two files of which nobody can know that they are one: both are read
	met     map[string]bool // what was looked at under its own name; what never was is nobody's rotated body
	from    int             // of w.got: before it everything is checked
	count   map[int]int
	last    map[string]int
}

var operations = []string{
	"append", "append", "append", "append", "many", "partial", "rotate", "rotate", "copytruncate", "truncate", "delete", "gzip", "zstd",
	"open", "write", "create", "link", "throttle", "fail", "mend", "mend", "poll", "poll", "poll", "steps", "steps", "restart", "kill", "hold", "release", "sync", "wait", "down-up", "rest",
}

// modelDir has the temporary directories of one sequence; testing.TB's live until the end of all.
func newModel(t *testing.T, r *rapid.T) *model {
	w := newWorld(t)
	m := &model{
		w: w, r: r, names: map[string]*modelBody{}, excused: map[int]bool{}, safe: map[int]bool{}, looked: map[int]bool{}, lateOK: map[int]bool{}, twice: map[int]bool{}, met: map[string]bool{},
		count: map[int]int{}, last: map[string]int{},
	}
	if rapid.Bool().Draw(r, "glob meets rotated") {
		m.do("option", "paths", "*.log*")
	}
	if rapid.IntRange(0, 3).Draw(r, "little out") == 0 {
		m.do("option", "max_unacked", "400")
	}
	m.faulty = rapid.Bool().Draw(r, "faulty")
	m.calm = !m.faulty && rapid.Bool().Draw(r, "calm")
	m.do("append", "a.log", "1")
	m.note("a.log", 1)
	m.do("start")
	m.markLooked()
	return m
}

func (m *model) cleanup() {
	m.w.stop()
	os.RemoveAll(m.w.dir)
	os.RemoveAll(m.w.state)
}

func (m *model) do(words ...string) {
	m.script = append(m.script, strings.Join(words, " "))
	if err := m.w.do(words); err != nil {
		m.fail("%v", err)
	}
}

func (m *model) fail(format string, args ...any) {
	m.r.Fatalf("%s\n%s\nlog:\n%s", fmt.Sprintf(format, args...), strings.Join(m.script, "\n"), m.w.logs)
}

// note tells the model that the last n lines written went to name.
func (m *model) note(name string, n int) {
	b := m.names[name]
	if b == nil {
		b = &modelBody{}
		m.names[name] = b
	}
	m.grow(b)
	for i := m.w.next - n + 1; i <= m.w.next; i++ {
		b.lines = append(b.lines, i)
	}
}

// grow is called when a body is written to: a copy that is shorter cannot be told by the fingerprint of the whole, when that is all that is left.
func (m *model) grow(b *modelBody) {
	if !b.copied {
		return
	}
	for _, n := range b.lines {
		m.twice[n] = true
	}
}

func (m *model) markLooked() {
	if m.failing {
		return
	}
	m.shaken = false
	for _, b := range m.names {
		b.fresh = false
		for _, n := range b.lines {
			m.looked[n] = true
		}
	}
	for name := range m.names {
		m.met[name] = true
	}
}

func (m *model) delivered() map[int]bool {
	all := map[int]bool{}
	for _, d := range m.w.got {
		all[d.number] = true
	}
	return all
}

// destroy excuses the lines of a body that nobody can have any more. What a running follower has looked at it holds, if held.
func (m *model) destroy(lines []int, held bool) {
	got := m.delivered()
	for _, n := range lines {
		if !got[n] && !(held && m.looked[n]) {
			m.excused[n] = true
		}
	}
}

// down excuses what was only held by a descriptor.
func (m *model) down() {
	for _, b := range m.deleted {
		m.destroy(b.lines, false)
	}
	m.deleted = nil
}

// markSafe notes what is acknowledged and durable.
func (m *model) markSafe() {
	if m.w.holding || len(m.w.held) > 0 || m.shaken { // what came before a crash and could not be read again since is not
		return
	}
	m.check(false)
	for n := range m.delivered() {
		m.safe[n] = true
	}
}

func (m *model) end(name string) {
	if b := m.names[name]; b != nil && b.partial {
		m.do("text", name, `\n`)
		b.partial = false
	}
}

// shift renames name.1 to name.2 and so on, compressed or not.
func (m *model) shift(name string) {
	for k := 30; k >= 1; k-- {
		for _, suffix := range []string{"", ".gz", ".zst"} {
			from, to := fmt.Sprintf("%s.%d%s", name, k, suffix), fmt.Sprintf("%s.%d%s", name, k+1, suffix)
			if b := m.names[from]; b != nil {
				m.do("rename", from, to)
				delete(m.names, from)
				m.names[to] = b
			}
		}
	}
}

func (m *model) closeHandle(b *modelBody) {
	if m.handle != "" && (b == nil || m.hbody == b) {
		m.do("close", "w")
		m.handle, m.hbody = "", nil
	}
}

// hasOther says that the body has another name too.
func (m *model) hasOther(name string) bool {
	for n, b := range m.names {
		if n != name && b == m.names[name] {
			return true
		}
	}
	return false
}

// leave is called when a body loses a name and may keep another: if nobody has looked at it by then, nobody can know that it was this log's, and
// its lines have no order against those that come there later.
func (m *model) leave(name string) {
	b := m.names[name]
	if !m.hasOther(name) || slices.ContainsFunc(b.lines, func(n int) bool { return m.looked[n] }) {
		return
	}
	for _, n := range b.lines {
		m.lateOK[n] = true
	}
}

// hide is called when a body is rotated and cannot be looked at, perhaps: what comes after it does not wait for what was never seen.
func (m *model) hide(b *modelBody) {
	if !m.shaken {
		return
	}
	for _, n := range b.lines {
		if !m.looked[n] {
			m.lateOK[n] = true
		}
	}
}

// remove takes a name away; with the last one the body goes, but for what a follower holds.
func (m *model) remove(name string) {
	b, other := m.names[name], m.hasOther(name)
	if !other {
		m.closeHandle(b)
	}
	m.leave(name)
	m.do("remove", name)
	delete(m.names, name)
	if other {
		return
	}
	running := m.w.f != nil
	m.destroy(b.lines, running && !b.zipped && !b.fresh && !m.shaken)
	if running {
		m.deleted = append(m.deleted, b)
	}
}

func (m *model) op(op string) {
	name := rapid.SampledFrom([]string{"a.log", "a.log", "b.log"}).Draw(m.r, "file")
	b := m.names[name]
	switch op {
	case "append", "many":
		n := rapid.IntRange(1, 4).Draw(m.r, "lines")
		if op == "many" {
			n = 60
		}
		m.end(name)
		m.do("append", name, strconv.Itoa(n))
		m.note(name, n)
	case "partial":
		if m.calm {
			return
		}
		m.do("text", name, "half")
		m.note(name, 0)
		m.names[name].partial = true
	case "rotate":
		if b == nil || !m.met[name] {
			return
		}
		m.leave(name)
		m.hide(b)
		m.shift(name)
		m.do("rename", name, name+".1")
		m.names[name+".1"] = b
		delete(m.names, name)
	case "copytruncate":
		if b == nil || b.partial || !m.met[name] {
			return
		}
		m.leave(name)
		m.hide(b)
		m.shift(name)
		m.do("copytruncate", name, name+".1")
		m.names[name+".1"] = &modelBody{lines: b.lines, fresh: true}
		b.lines = nil
	case "truncate":
		if b == nil {
			return
		}
		m.do("truncate", name)
		m.destroy(b.lines, false)
		b.lines, b.partial = nil, false
	case "delete":
		names := m.sorted()
		if len(names) == 0 {
			return
		}
		victim := rapid.SampledFrom(names).Draw(m.r, "victim")
		m.remove(victim)
	case "gzip", "zstd":
		var victims []string
		for _, n := range m.sorted() {
			if strings.Contains(n, ".log.") && !m.names[n].zipped && len(m.names[n].lines) > 0 {
				victims = append(victims, n)
			}
		}
		if len(victims) == 0 {
			return
		}
		victim := rapid.SampledFrom(victims).Draw(m.r, "victim")
		b := m.names[victim]
		if m.hasOther(victim) {
			// What nobody has looked at by then is in two files that nobody has seen, one under a name of its own: nothing says that they are one.
			for _, n := range b.lines {
				m.twice[n] = m.twice[n] || !m.looked[n]
			}
			b.copied = true
			b = &modelBody{lines: b.lines, partial: b.partial}
		} else {
			m.closeHandle(b)
		}
		m.do(op, victim)
		delete(m.names, victim)
		b.zipped = true
		m.names[victim+map[string]string{"gzip": ".gz", "zstd": ".zst"}[op]] = b
	case "open":
		m.closeHandle(nil)
		m.do("open", "w", name)
		m.note(name, 0)
		m.handle, m.hbody = name, m.names[name]
	case "write":
		if m.handle == "" || m.hbody.partial {
			return
		}
		m.do("write", "w", "1")
		m.grow(m.hbody)
		m.hbody.lines = append(m.hbody.lines, m.w.next)
		m.lateOK[m.w.next] = true
	case "create":
		if b == nil {
			m.do("create", name)
			m.note(name, 0)
		}
	case "link": // another name, that all patterns match, for what the log is now
		if b == nil || m.names["c.log"] == b || m.faulty {
			return
		}
		if c := m.names["c.log"]; c != nil {
			m.remove("c.log")
		}
		m.do("link", name, "c.log")
		m.names["c.log"] = b
		m.met["c.log"] = false
	case "fail":
		if !m.faulty {
			return
		}
		m.failing, m.shaken = true, true
		for _, name := range m.sorted() {
			if strings.Contains(name, ".log.") {
				m.hide(m.names[name])
			}
		}
		call := rapid.SampledFrom([]string{"open", "stat", "fstat", "list", "read"}).Draw(m.r, "call")
		about := rapid.SampledFrom([]string{"*", "a.log", "a.log.1", "a.log.2", "b.log"}).Draw(m.r, "about")
		if call == "list" {
			about = "*"
		}
		m.do("fail", call, about, rapid.SampledFrom([]string{"EIO", "ESTALE", "EMFILE", "EACCES"}).Draw(m.r, "error"))
	case "mend":
		m.do("mend")
		m.failing = false
	case "throttle":
		m.do("throttle", strconv.Itoa(rapid.IntRange(0, 2).Draw(m.r, "batches out")))
	case "poll":
		m.do("poll")
		m.markLooked()
	case "rest":
		time.Sleep(clockGrain + 5*time.Millisecond) // then names are taken from the last look as long as the directory's times are the same
		m.do("poll")
		m.markLooked()
	case "steps":
		m.do("steps", strconv.Itoa(rapid.IntRange(1, 6).Draw(m.r, "steps")))
	case "restart":
		m.w.holding = false
		m.do("stop")
		m.markSafe()
		m.down()
		m.do("start")
		m.markLooked()
	case "down-up":
		m.w.holding = false
		m.do("stop")
		m.markSafe()
		m.down()
		for range rapid.IntRange(1, 4).Draw(m.r, "while down") {
			m.op(rapid.SampledFrom([]string{"append", "rotate", "copytruncate", "gzip", "truncate", "write", "delete", "create", "link"}).Draw(m.r, "op while down"))
		}
		m.do("start")
		m.markLooked()
	case "kill":
		if m.calm {
			return
		}
		m.do("kill")
		m.w.holding = false
		m.down()
		m.do("start")
		m.markLooked()
	case "hold":
		m.do("hold")
	case "release":
		m.do("release")
	case "sync":
		m.do("sync")
		m.markSafe()
	case "wait":
		m.do("wait", rapid.SampledFrom([]string{"1s", "1m", "1h"}).Draw(m.r, "wait"))
		m.markLooked()
	}
}

func (m *model) sorted() []string {
	var all []string
	for n := range m.names {
		all = append(all, n)
	}
	slices.Sort(all)
	return all
}

// check looks at what came since the last check; at the end also for what did not come.
func (m *model) check(end bool) {
	if end {
		m.do("mend")
		m.failing = false
		m.do("throttle", "0")
		m.do("release")
		m.do("wait", "1m")
		m.do("wait", "1m")
	}
	for ; m.from < len(m.w.got); m.from++ {
		d := m.w.got[m.from]
		n := d.number
		if n == 0 {
			continue
		}
		if m.safe[n] && !m.twice[n] {
			m.fail("line %d was committed and came again", n)
		}
		if m.count[n]++; m.count[n] > 1 {
			continue
		}
		name := m.w.written[n]
		if n < m.last[name] && d.flags&Late == 0 && !m.lateOK[n] && !m.excused[n] {
			m.fail("line %d of %s came after line %d", n, name, m.last[name])
		}
		if !m.lateOK[n] {
			m.last[name] = max(m.last[name], n)
		}
	}
	if !end {
		return
	}
	missed, seen := int64(0), int64(0)
	for n := 1; n <= m.w.next; n++ {
		switch {
		case m.count[n] > 0:
			continue
		case !m.excused[n]:
			m.fail("line %d of %s is lost", n, m.w.written[n])
		case m.looked[n]:
			seen += lineSize
		}
		missed += lineSize
	}
	if !m.calm {
		return
	}
	if gap := m.w.gaps + m.w.f.Status().Counters.GapBytes; gap < seen || gap > missed {
		m.fail("%d bytes are reported as lost: it is %d that have not come, and %d of them were seen", gap, missed, seen)
	}
}
