package tailer

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/kinetail/kinetail/tailer/checkpoint"
)

// clock is a time since the follower was opened: monotonic, so that nothing is decided by what the wall clock says.
type clock = time.Duration

// generation is one body of a file while the follower runs. All but what stands under shared belongs to whoever holds
// Follower.own.
type generation struct {
	chain  *chain
	source *Source // nil until something of it is handed out, if its Path is the one that is remembered: see from

	// What it is known by. key is zero when the body is not to be seen anywhere (its content was truncated away, or it is gone).
	key     bodyKey
	birth   int64
	former  former   // the body that it had, while its content may still be in it
	names   []string // where it is to be seen now
	targets []string // what names lead to that are symbolic links
	st      version  // at the last look
	file    *os.File // nil while parked
	zip     *unzip   // the reader of a compressed body; nil while parked
	kind    string   // of compression
	// charged is what reading a compressed body takes of the memory limit, in bytes, while zip is there.
	charged int64
	// size is how long the content is as far as known: that of the file, or of what it decompresses to.
	size int64
	// guessed: there may be more, which only reading tells. size is then one byte more than is known.
	guessed bool

	// Where reading is.
	read     int64 // handed out up to here
	head     checkpoint.Print
	begun    []byte // what head is of, while it is short: see begins
	seen     int64  // how long the content was seen to be in a body that it has lost
	scanned  int64  // looked at up to here, and nothing could be closed
	tail     tail   // of read
	need     int    // block size that the next turn needs; 0 is any
	closing  Closing
	part     uint16 // the framer's state at read: not 0 inside an oversized line
	headed   bool   // source.Header is known, or never will be
	recalled bool   // the body is not yet compared with what the store remembers
	holes    bool   // NULs at the beginning are a hole that truncation left
	unproven bool   // it was empty under a rotated name: perhaps the beginning of a copy
	queued   bool
	active   bool // polled
	calm     bool // less often: see calmLooks
	drained  bool
	final    bool
	grown    clock // when it last grew
	joined   int64 // what size was when an unfinished join was last closed by time
	heard    clock // when an event last told of it
	asked    clock // when it was last polled
	polled   int64 // size at the last poll
	ends     int32 // consecutive polls that found nothing new after something made this the older one
	ended    clock // when ends was counted last
	lost     int32 // sweeps that have not found the body
	lostWhy  string
	waited   int32 // sweeps that could not tell whether it is lost
	nameless clock // since when it has no name; 0: it has one
	err      error // why it cannot be read now
	looked   clock // when something of it was last seen

	// shared is guarded by Follower.mu.
	shared struct {
		// rec is what is remembered: see generation.rec. It is replaced under Follower.mu, and of what stays the same (ID, Path, Names, Seq) the
		// owner may look at any.
		rec     atomic.Pointer[checkpoint.Generation]
		stored  bool // the store has it
		held    bool // it is not yet known where reading starts: the store waits for that
		gone    bool
		pending []span
		first   int64 // the number of pending[0]
		read    int64
		seen    int64    // the content was seen to reach up to here
		lag     *lagging // nil while nothing lags
		err     error
	}
}

// span is a range that was handed out and is not yet committed.
type span struct {
	end    int64 // the last record end in it: what may be committed
	marker checkpoint.Print
	acked  bool
}

// former is a body that a generation has lost. Both have to agree, for the number may be given to another.
type former struct {
	key   bodyKey
	birth int64
}

// isFormer says that e is the body that g had.
func (g *generation) isFormer(e *entry) bool {
	return g.former.birth != 0 && g.former == former{e.st.bodyKey, e.st.birth}
}

// chain is the generations of one path, older first.
type chain struct {
	path string
	gens []*generation
	seq  uint64
}

// newest is the last generation, or nil.
func (c *chain) newest() *generation {
	if len(c.gens) == 0 {
		return nil
	}
	return c.gens[len(c.gens)-1]
}

// superseded says that a newer generation of the path exists, or that the body has no name left.
func (g *generation) superseded() bool { return g.chain.newest() != g || g.nameless != 0 }

// blocked says that an older generation has to be drained first.
func (g *generation) blocked() bool {
	for _, o := range g.chain.gens {
		if o == g {
			return false
		}
		if !o.drained && !o.final {
			return true
		}
	}
	return false
}

// ready says that a turn may have something to hand out.
func (g *generation) ready() bool {
	if g.final || g.lost > 0 || g.err != nil {
		return false
	}
	return g.size > max(g.read, g.scanned) || g.closing != KeepOpen && g.size > g.read
}

// unseen says that nobody has looked into the body yet, because that was not possible or there was nothing in it: found elsewhere, nothing tells
// that it is this one.
func (g *generation) unseen() bool {
	return !g.final && (g.unproven || g.err != nil && g.head.Len == 0)
}

func (g *generation) label() string {
	if len(g.names) > 0 {
		return g.names[0]
	}
	if g.source != nil {
		return g.source.Path
	}
	return g.rec().Path
}

// rec is what is remembered: its Offset is the committed offset. The store may have the same record, so it is changed by way of edit.
func (g *generation) rec() *checkpoint.Generation { return g.shared.rec.Load() }

func (g *generation) id() string { return g.rec().ID }

// from is what batches say of where they come from.
func (g *generation) from() *Source {
	if g.source == nil {
		g.source = newSource(g.rec())
	}
	return g.source
}

// edit is what is remembered of g, to be changed. It needs Follower.mu.
func (g *generation) edit() *checkpoint.Generation {
	if s := &g.shared; s.stored {
		rec := *g.rec() // Names are never changed in place
		s.rec.Store(&rec)
		s.stored = false
	}
	return g.rec()
}

// guessMore makes a compressed body be read on, when nothing is known to be behind the read position.
func (g *generation) guessMore() {
	if at := max(g.read, g.scanned); g.size <= at {
		g.size, g.guessed = at+1, true
	}
}

// sure is how long the content is known to be.
func (g *generation) sure() int64 {
	if g.guessed {
		return g.size - 1
	}
	return g.size
}

// content is what the generation reads from: the bytes, or what they decompress to.
func (g *generation) content() io.ReaderAt {
	if g.kind != "" {
		return g.zip
	}
	return body{g.file}
}

// endZip lets decompression begin anew at the next read.
func (g *generation) endZip(f *Follower) {
	if g.zip == nil {
		return
	}
	g.zip.close()
	g.zip = nil
	if g.charged > 0 {
		f.opts.Memory.Release(g.charged)
		g.charged = 0
	}
}

// park closes the descriptor.
func (g *generation) park(f *Follower) {
	g.endZip(f)
	if g.file != nil {
		_ = g.file.Close() // opened for reading only: nothing can be lost
		g.file = nil
		f.open--
	}
}

// verify says whether the body that file shows is still this one: its head and the bytes before the read position agree.
func (g *generation) verify(r io.ReaderAt, head checkpoint.Print) (bool, error) {
	ok, err := headAgrees(r, head)
	if ok && err == nil {
		ok, err = g.tail.agrees(r, g.read)
	}
	if err != nil {
		return false, fmt.Errorf("check %q: %w", g.label(), err)
	}
	return ok, nil
}
