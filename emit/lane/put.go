package lane

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/kinetail/kinetail/emit"
	"github.com/kinetail/kinetail/pipeline"
)

// Put implements emit.Destination. A batch larger than the free memory is taken over piece by piece.
func (p *Port) Put(ctx context.Context, batch *pipeline.Payloads) error {
	if len(batch.Items) == 0 {
		return nil
	}
	limit, err := p.limit(ctx, batch)
	if err != nil {
		return err
	}
	e := p.e
	k := p.key(batch)
	defer k.free()
	t := taking{keyed: k, limit: limit, p: batch, origin: &origin{port: p, ack: batch.Batch.Ack, source: batch.Batch.Source, at: time.Now().Add(-p.age())}}
	for {
		e.mu.Lock()
		if p.closed {
			e.mu.Unlock()
			return ErrClosed
		}
		need := p.take(&t)
		p.refund()
		if need > 0 {
			p.blocked++
		}
		e.mu.Unlock()
		e.signal()
		if need == 0 {
			break
		}
		err = p.acquire(ctx, need)
		e.mu.Lock()
		p.blocked--
		if err == nil {
			p.credit += need
		}
		if err != nil || p.closed {
			p.refund()
		}
		e.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return p.bury(ctx, t.letters)
}

// refund needs mu. It gives back what was acquired and then not used: while a Put waited for a chunk for its backlog, the backlog has gone, and
// a smaller one does.
func (p *Port) refund() {
	if p.blocked == 0 && p.credit > 0 {
		p.o.Memory.Release(p.credit)
		p.credit = 0
	}
}

// age is what is taken off MaxWait.
func (p *Port) age() time.Duration { return min(p.o.Age, p.e.o.MaxWait/2) }

// limit is how large a record may be. Only where that matters the service is asked.
func (p *Port) limit(ctx context.Context, batch *pipeline.Payloads) (int, error) {
	o := &p.e.o
	limit := o.Limits.RecordBytes
	if o.Larger == nil {
		return limit, nil
	}
	if !slices.ContainsFunc(batch.Items, func(i pipeline.Payload) bool {
		return i.Refusal == nil && o.Limits.size(len(i.Data), len(i.Key)) > limit
	}) {
		return limit, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(p.ctx, cancel)()
	larger, err := o.Larger(ctx)
	if err != nil {
		return 0, fmt.Errorf("ask how large a record may be: %w", err)
	}
	return max(limit, larger), nil
}

// acquire waits for memory until ctx or the port ends.
func (p *Port) acquire(ctx context.Context, n int64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(p.ctx, cancel)()
	if err := p.o.Memory.Acquire(ctx, n); err != nil {
		if p.ctx.Err() != nil {
			return ErrClosed
		}
		return fmt.Errorf("wait for memory to queue records for %s: %w", p.o.Name, err)
	}
	return nil
}

// keyed are the keys of a batch, as they are sent, and their hashes. Both are empty where no record has one.
type keyed struct {
	keys   [][]byte
	hashes []Hash
}

var keyeds = sync.Pool{New: func() any { return new(keyed) }}

// key finds the hashes of a batch, before mu is needed. They are the same in every map.
func (p *Port) key(batch *pipeline.Payloads) *keyed {
	k, m := keyeds.Get().(*keyed), p.e.o.Map
	if _, one := m.(single); one || !slices.ContainsFunc(batch.Items, func(i pipeline.Payload) bool { return len(i.Key) > 0 }) {
		return k
	}
	for i := range batch.Items {
		key := batch.Items[i].Key
		if !utf8.Valid(key) {
			// The service would put the replacement character there too, but its hash would be another than ours.
			key = bytes.ToValidUTF8(key, []byte("\uFFFD"))
		}
		k.keys = append(k.keys, key)
	}
	k.hashes = slices.Grow(k.hashes, len(k.keys))[:len(k.keys)]
	if h, ok := m.(Hasher); ok {
		h.Hashes(k.keys, k.hashes)
		return k
	}
	for i, key := range k.keys {
		k.hashes[i] = m.Hash(key)
	}
	return k
}

func (k *keyed) free() {
	clear(k.keys)
	k.keys, k.hashes = k.keys[:0], k.hashes[:0]
	keyeds.Put(k)
}

// taking is how far a Put has got.
type taking struct {
	*keyed
	p       *pipeline.Payloads
	next    int // item
	limit   int // of a record, in bytes
	origin  *origin
	letters []emit.DeadLetter // aliases the batch, which is ours until Put returns
}

// atLeast says whether so many bytes are still to be taken over.
func (t *taking) atLeast(bytes int) bool {
	for i := t.next; i < len(t.p.Items) && bytes > 0; i++ {
		bytes -= len(t.p.Items[i].Data)
	}
	return bytes <= 0
}

// take needs mu. It takes items over until all are or memory is used up; then it returns how many bytes more the next one needs.
func (p *Port) take(t *taking) (need int64) {
	e := p.e
	held, heldBytes := 0, int64(0)
	// All that one piece takes over is of the same epoch: a Flush that comes between waits for the pieces before it.
	last := p.epochs[len(p.epochs)-1]
	if t.origin.epoch != nil && t.origin.epoch != last {
		o := *t.origin
		o.settled = 0
		t.origin = &o
	}
	t.origin.epoch = last
	var run *Record // that the next record without a key may join
	for ; t.next < len(t.p.Items); t.next++ {
		item := &t.p.Items[t.next]
		key, letter := p.check(t, item)
		if letter != nil {
			t.letters = append(t.letters, *letter)
			continue
		}
		q, hash := p.loose(), Hash{}
		if len(key) > 0 {
			hash = t.hashes[t.next]
			q = &p.queues[e.keys.Lane(hash)]
		}
		n := len(key) + len(item.Data)
		runs := e.joining && len(key) == 0
		c := q.newest
		if c == nil || !c.fits(n) {
			kind := kindFor(n, runs, q, t)
			paid := p.pay(kind.cost())
			if !paid && kind == longRuns && (q.bytes < long || kind.cost() > p.o.Memory.Most()) {
				kind = shortRuns // for want of memory; behind a backlog it can wait
				paid = p.pay(kind.cost())
			}
			if !paid {
				need = kind.cost()
				break
			}
			c = kind.get()
			c.limit = kind.bytes
			if kind == longRuns {
				c.limit = max(singles.bytes, min(c.limit, e.o.AggregateSize))
			}
			c.owner, q.newest = q, c
			if runs {
				run = nil
			}
		}
		raw := &t.p.Batch.Records[item.Record]
		held++
		heldBytes += int64(n)
		if runs && run != nil {
			c.extend(run, item.Data, raw)
			q.count++
			q.bytes += int64(n)
		} else {
			r := c.add(key, item.Data)
			r.origin, r.hash = t.origin, hash
			r.start, r.end, r.part = raw.Start, raw.End, raw.Part
			q.pushBack(r)
			if runs && len(c.marks) > 0 {
				c.begin(r, raw)
				run = r
			}
		}
		if runs && !e.o.Aggregator.Ends(item.Data) {
			run = nil
		}
	}
	if held > 0 {
		t.origin.ack.Hold(held)
		last.left += held
		p.queued += int64(held)
		p.queuedBytes += heldBytes
	}
	return need
}

// pay needs mu.
func (p *Port) pay(price int64) bool {
	if p.credit >= price {
		p.credit -= price
		return true
	}
	return p.o.Memory.TryAcquire(price)
}

// size is what the service counts of a record.
func (l *Limits) size(data, key int) int {
	if key == 0 {
		key = l.Unkeyed
	}
	return data + key
}

// check returns the key as it is sent, and a letter if the record can never be sent.
func (p *Port) check(t *taking, item *pipeline.Payload) ([]byte, *emit.DeadLetter) {
	e := p.e
	var key []byte
	if len(t.keys) > 0 {
		key = t.keys[t.next]
	}
	if item.Refusal != nil {
		l := emit.Letter(t.p.Batch, item)
		return nil, &l
	}
	l := &e.o.Limits
	if n := l.size(len(item.Data), len(key)); n > t.limit {
		return nil, unsendable(t.p, item, "too_large", fmt.Sprintf("%d bytes with its key, the limit is %d", n, t.limit))
	}
	if len(key) > l.KeyChars && utf8.RuneCount(key) > l.KeyChars {
		return nil, unsendable(t.p, item, "key_too_long",
			fmt.Sprintf("the partition key has %d characters, the limit is %d", utf8.RuneCount(key), l.KeyChars))
	}
	return key, nil
}

func unsendable(p *pipeline.Payloads, item *pipeline.Payload, reason, detail string) *emit.DeadLetter {
	l := emit.Letter(p.Batch, item)
	l.Reason, l.Detail = reason, detail
	return &l
}
