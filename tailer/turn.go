package tailer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/kinetail/kinetail/tailer/checkpoint"
)

// errMemory says that no block is to be had now.
var errMemory = errors.New("memory_limit reached")

var batches = sync.Pool{New: func() any { return new(Batch) }}

// readBlock is a pooled block with what it is charged.
type readBlock struct {
	buf     *[]byte
	charged int64
}

func (f *Follower) acquire(n int) (readBlock, error) {
	size := blockSize(n)
	if m := f.opts.Memory; m != nil && !m.TryAcquire(int64(size)) {
		return readBlock{}, errMemory
	}
	return readBlock{getBlock(size), int64(size)}, nil
}

func (f *Follower) giveBack(b readBlock) {
	if b.buf == nil {
		return
	}
	putBlock(b.buf)
	if f.opts.Memory != nil {
		f.opts.Memory.Release(b.charged)
	}
	f.hints.poke()
}

// turn reads one block of g and frames it. It returns nil when there was nothing to hand out, and errMemory when it could not
// be tried.
func (f *Follower) turn(g *generation) (*Batch, error) {
	if g.unproven && !f.prove(g) {
		return nil, nil
	}
	if err := f.unpark(g); errors.Is(err, errMemory) {
		return nil, err
	} else if err != nil {
		f.cannotRead(g, err)
		return nil, nil
	}
	if g.scanned > g.read && g.need == 0 && g.closing == KeepOpen && g.kind == "" {
		if found, err := f.scanOn(g); err != nil || !found {
			return nil, err
		}
	}
	if err := f.readHeader(g); err != nil {
		f.cannotRead(g, err)
		return nil, nil
	}
	window := f.opts.Framer.Window()
	for {
		// The bytes before the position come along, so that every read sees that the body is still the same.
		pre := g.tail.n
		want := f.opts.BlockSize
		if g.kind == "" {
			want = int(min(g.size-g.read+1, int64(want)))
		}
		want = max(want, g.need) + pre
		block, err := f.acquire(want)
		if err != nil {
			return nil, err
		}
		buf := (*block.buf)
		n, err := g.content().ReadAt(buf, g.read-int64(pre))
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, errUnfinished) {
			f.giveBack(block)
			f.cannotRead(g, fmt.Errorf("read %q: %w", g.label(), err))
			return nil, nil
		}
		if g.kind != "" {
			f.note(g.label(), "")
		}
		if n < pre || !bytes.Equal(buf[:pre], g.tail.bytes()) {
			f.giveBack(block)
			f.suspect(g)
			return nil, nil
		}
		raw := buf[pre:n]
		if g.kind == "" && !f.whole(g, buf[:n], g.read-int64(pre)) {
			f.giveBack(block)
			f.suspect(g)
			return nil, nil
		}
		if h := g.head; g.read == 0 && h.Len > 0 && (len(raw) < h.Len || checkpoint.Sum(raw[:h.Len]) != h) {
			f.giveBack(block)
			f.suspect(g) // written anew since it was looked at
			return nil, nil
		}
		end := g.read + int64(len(raw))
		more := n == len(buf)
		switch {
		case g.kind != "":
			g.size, g.guessed = end, false
			if more {
				g.size++
			}
		case end > g.size:
			g.size = end
		case !more && end < g.size:
			f.giveBack(block)
			f.suspect(g) // shorter than when it was looked at
			return nil, nil
		}
		if g.holes && len(raw) > 0 && f.skipHole(g, raw) {
			f.giveBack(block)
			return nil, nil
		}
		closing := g.closing
		if more {
			closing = KeepOpen
		}
		b := f.frame(g, block, raw, closing)
		if b != nil {
			if !more {
				g.scanned = end
				g.closing = KeepOpen
			}
			return b, nil
		}
		if more && len(raw) < window {
			f.giveBack(block)
			g.need = min(2*len(raw), window)
			continue
		}
		f.giveBack(block)
		g.scanned, g.need, g.closing = end, 0, KeepOpen
		f.mu.Lock()
		f.sized(g)
		f.mu.Unlock()
		return nil, nil
	}
}

// whole says that buf, which was read at off, was not read while the file was truncated and written anew: a read is not one instant, and its end may be
// of another body than its beginning. What it began with must still be there after it.
func (f *Follower) whole(g *generation, buf []byte, off int64) bool {
	again := f.again[:min(len(buf), len(f.again))]
	n, _ := g.content().ReadAt(again, off)
	return n == len(again) && bytes.Equal(again, buf[:n])
}

// scanOn looks whether what came since the last look can close anything, without holding or reading again what was looked at:
// nothing closes without a line feed.
func (f *Follower) scanOn(g *generation) (bool, error) {
	window := int64(f.opts.Framer.Window())
	for g.size > g.scanned {
		if g.size-g.read >= window {
			g.need = int(window)
			return true, nil
		}
		block, err := f.acquire(int(min(g.size-g.scanned, int64(f.opts.BlockSize))))
		if err != nil {
			return false, err
		}
		n, err := g.content().ReadAt(*block.buf, g.scanned)
		i := bytes.LastIndexByte((*block.buf)[:n], '\n')
		f.giveBack(block)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, errUnfinished) {
			f.cannotRead(g, fmt.Errorf("read %q: %w", g.label(), err))
			return false, nil
		}
		if i >= 0 {
			g.need = int(min(g.scanned+int64(n)-g.read, window))
			return true, nil
		}
		if n == 0 {
			break
		}
		g.scanned += int64(n)
		g.size = max(g.size, g.scanned)
	}
	return false, nil
}

// frame makes a batch of raw, which begins at g.read; nil when nothing closed.
func (f *Follower) frame(g *generation, block readBlock, raw []byte, closing Closing) *Batch {
	b := batches.Get().(*Batch)
	b.Source, b.Start, b.Before, b.After = g.from(), g.read, g.part, 0
	b.Data, b.Records, b.Meta = b.arena[:0], b.Records[:0], b.Meta[:0]
	consumed := 0
	if len(raw) > 0 {
		consumed = f.opts.Framer.Frame(b, raw, g.read, closing)
	}
	if len(b.Data) == 0 {
		b.Data = raw
	} else {
		b.arena = b.Data
	}
	if consumed == 0 {
		batches.Put(b)
		return nil
	}
	if g.drained {
		for i := range b.Records {
			b.Records[i].Flags |= Late
		}
		f.count(func(c *Counters) { c.LateBytes += int64(consumed) })
	}
	f.growHead(g, raw)
	// Inside an oversized line the last position that can be committed is where that line begins.
	at, open := g.tail, g.read
	if b.After != 0 {
		open = 0
		for i := len(b.Records) - 1; i >= 0; i-- {
			if b.Records[i].Part == 0 {
				open = b.Records[i].Start
				break
			}
		}
	} else {
		open += int64(consumed)
	}
	at.push(raw[:max(0, open-g.read)])
	g.tail.push(raw[:consumed])
	g.read += int64(consumed)
	g.holes = false
	g.part, g.need, g.scanned = b.After, 0, 0
	b.End = g.read
	b.Ack = f.handOut(g, b, span{end: open, marker: at.print()})
	b.release = func(b *Batch) {
		b.release = nil
		b.Source, b.Ack, b.Data = nil, nil, nil
		batches.Put(b)
		f.giveBack(block)
	}
	return b
}

// growHead lets the fingerprint of the head grow with the body. It is remembered with the next commit.
func (f *Follower) growHead(g *generation, raw []byte) {
	was := g.head.Len
	if was >= headSize || g.read >= headSize {
		return
	}
	if g.read == 0 {
		if len(raw) >= was {
			g.setHead(raw)
		}
	} else if g.readHead(g.content()) != nil {
		return // the next read says so
	}
	if g.head.Len > was {
		f.mu.Lock()
		g.edit().Head = g.head
		f.mu.Unlock()
	}
}

// skipHole moves a generation that began with a truncation behind the hole that a writer which does not append left in front of its
// first byte.
func (f *Follower) skipHole(g *generation, raw []byte) bool {
	zeros := len(raw) - len(bytes.TrimLeft(raw, "\x00"))
	if zeros == 0 || zeros < 8 && g.read == 0 {
		return false
	}
	to := int64(zeros)
	if zeros == len(raw) && g.kind == "" {
		if data, err := unix.Seek(int(g.file.Fd()), to, unix.SEEK_DATA); err == nil && data > to {
			to = data
		}
	}
	var err error
	if g.tail, _, err = tailAt(g.content(), to); err != nil {
		f.cannotRead(g, err)
		return true
	}
	g.read, g.scanned = to, 0
	// Zeros may go on: the next read begins inside the hole as long as only zeros were seen.
	g.holes = zeros == len(raw)
	return true
}
