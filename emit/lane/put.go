package lane

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/kinetail/kinetail/emit"
	"github.com/kinetail/kinetail/pipeline"
)

// Put implements emit.Destination. A batch larger than the free memory is taken over piece by piece.
func (e *Engine) Put(ctx context.Context, p *pipeline.Payloads) error {
	if len(p.Items) == 0 {
		return nil
	}
	limit, err := e.limit(ctx, p)
	if err != nil {
		return err
	}
	t := taking{limit: limit, p: p, origin: &origin{ack: p.Batch.Ack, source: p.Batch.Source, at: time.Now()}}
	for {
		e.mu.Lock()
		if e.closed {
			e.mu.Unlock()
			return ErrClosed
		}
		need := e.take(&t)
		if need > 0 {
			e.blocked++
		}
		e.mu.Unlock()
		e.signal()
		if need == 0 {
			break
		}
		err = e.acquire(ctx, need)
		e.mu.Lock()
		e.blocked--
		if err == nil {
			e.credit += need
			if e.closed {
				e.credit -= need
				e.o.Memory.Release(need)
			}
		}
		e.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return e.bury(ctx, t.letters)
}

// limit is how large a record may be. Only where that matters the service is asked.
func (e *Engine) limit(ctx context.Context, p *pipeline.Payloads) (int, error) {
	limit := e.o.Limits.RecordBytes
	if e.o.Larger == nil {
		return limit, nil
	}
	if !slices.ContainsFunc(p.Items, func(i pipeline.Payload) bool { return i.Refusal == nil && len(i.Data)+len(i.Key) > limit }) {
		return limit, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(e.ctx, cancel)()
	larger, err := e.o.Larger(ctx)
	if err != nil {
		return 0, fmt.Errorf("ask how large a record may be: %w", err)
	}
	return max(limit, larger), nil
}

// acquire waits for memory until ctx or the engine ends.
func (e *Engine) acquire(ctx context.Context, n int64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(e.ctx, cancel)()
	if err := e.o.Memory.Acquire(ctx, n); err != nil {
		if e.ctx.Err() != nil {
			return ErrClosed
		}
		return fmt.Errorf("wait for memory to queue records for %s: %w", e.o.Name, err)
	}
	return nil
}

// taking is how far a Put has got.
type taking struct {
	p       *pipeline.Payloads
	next    int // item
	limit   int // of a record, in bytes
	origin  *origin
	letters []emit.DeadLetter // aliases the batch, which is ours until Put returns
}

// take needs mu. It takes items over until all are or memory is used up; then it returns how many bytes more the next one needs.
func (e *Engine) take(t *taking) (need int64) {
	held, heldBytes := 0, int64(0)
	// All that one piece takes over is of the same epoch: a Flush that comes between waits for the pieces before it.
	last := e.epochs[len(e.epochs)-1]
	if t.origin.epoch != nil && t.origin.epoch != last {
		o := *t.origin
		o.settled = 0
		t.origin = &o
	}
	t.origin.epoch = last
	for ; t.next < len(t.p.Items); t.next++ {
		item := &t.p.Items[t.next]
		key, letter := e.check(t, item)
		if letter != nil {
			t.letters = append(t.letters, *letter)
			continue
		}
		q, hash := &e.loose, Hash{}
		if len(key) > 0 {
			hash = e.keys.Hash(key)
			q = &e.lanes[e.keys.Lane(hash)].queue
		}
		n := len(key) + len(item.Data)
		c := q.newest
		if c == nil || !c.fits(n) {
			price := cost(n)
			if !e.pay(price) {
				need = price
				break
			}
			c = newChunk(n)
			c.owner, q.newest = q, c
		}
		r := c.add(key, item.Data)
		raw := &t.p.Batch.Records[item.Record]
		r.origin, r.hash = t.origin, hash
		r.start, r.end, r.part = raw.Start, raw.End, raw.Part
		q.pushBack(r)
		held++
		heldBytes += int64(n)
	}
	if held > 0 {
		t.origin.ack.Hold(held)
		last.left += held
		e.queued += int64(held)
		e.queuedBytes += heldBytes
	}
	return need
}

// pay needs mu.
func (e *Engine) pay(price int64) bool {
	if e.credit >= price {
		e.credit -= price
		return true
	}
	if e.o.Memory.TryAcquire(price) {
		return true
	}
	return false
}

// check returns the key as it is sent, and a letter if the record can never be sent.
func (e *Engine) check(t *taking, item *pipeline.Payload) ([]byte, *emit.DeadLetter) {
	p, key := t.p, item.Key
	if _, one := e.keys.(single); one {
		key = nil
	}
	if item.Refusal != nil {
		l := emit.Letter(p.Batch, item)
		return nil, &l
	}
	if !utf8.Valid(key) {
		// The service would put the replacement character there too, but its hash would be another than ours.
		key = bytes.ToValidUTF8(key, []byte("\uFFFD"))
	}
	l := &e.o.Limits
	if n := len(item.Data) + len(key); n > t.limit {
		return nil, e.unsendable(p, item, "too_large", fmt.Sprintf("%d bytes with its key, the limit is %d", n, t.limit))
	}
	if len(key) > l.KeyChars && utf8.RuneCount(key) > l.KeyChars {
		return nil, e.unsendable(p, item, "key_too_long",
			fmt.Sprintf("the partition key has %d characters, the limit is %d", utf8.RuneCount(key), l.KeyChars))
	}
	return key, nil
}

func (e *Engine) unsendable(p *pipeline.Payloads, item *pipeline.Payload, reason, detail string) *emit.DeadLetter {
	l := emit.Letter(p.Batch, item)
	l.Reason, l.Detail = reason, detail
	return &l
}

// bury keeps letters and counts them. It waits while the file is full.
func (e *Engine) bury(ctx context.Context, letters []emit.DeadLetter) error {
	if len(letters) == 0 {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(e.ctx, cancel)()
	dropped, err := e.o.DeadLetters.Keep(ctx, letters...)
	if err != nil {
		return err
	}
	e.counters.RecordsDropped.Add(int64(dropped))
	e.counters.RecordsDeadLettered.Add(int64(len(letters) - dropped))
	return nil
}
