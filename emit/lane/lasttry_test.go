package lane

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kinetail/kinetail/emit/retry"
)

// Stopping waits for what the destination may still take, and not for what it refuses or what does not answer for long already.
func TestLastTry(t *testing.T) {
	const timeout = 20 * time.Second // of the stop
	answers := func(err error) func(int, []Unit, []retry.Fault) (bool, error) {
		return func(int, []Unit, []retry.Fault) (bool, error) { return false, err }
	}
	denied, unreachable := answers(apiError(400, "AccessDeniedException")), answers(errors.New("connection refused"))
	for _, c := range []struct {
		name   string
		before func(int, []Unit, []retry.Fault) (bool, error) // how the service answers until the stop
		hangs  bool                                           // it does not answer any more, then
		lasts  time.Duration                                  // until the stop
		mended time.Duration                                  // after the stop; 0: never
		tries  int                                            // after the stop, if it is not delivered; 0: any number
		most   time.Duration                                  // that the stop takes
	}{
		{name: "refused", before: denied, lasts: time.Minute, tries: 1, most: 100 * time.Millisecond},
		{name: "refused first while it stops", before: denied, tries: 1, most: 100 * time.Millisecond},
		{name: "refused until then", before: denied, lasts: time.Minute, mended: time.Nanosecond, most: 100 * time.Millisecond},
		{name: "unreachable for long", before: unreachable, lasts: time.Hour, tries: 1, most: 100 * time.Millisecond},
		{name: "unreachable for a moment", before: unreachable, lasts: 2 * time.Second, mended: 3 * time.Second, most: timeout},
		{name: "unreachable since a moment ago", before: unreachable, lasts: 2 * time.Second, most: timeout},
		{name: "nobody answers for long", before: unreachable, hangs: true, lasts: time.Hour, most: lastTry},
		{name: "nobody answers since a moment ago", hangs: true, most: timeout},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &service{answer: c.before}
				b := newBench(t, s, nil)
				b.put(numbered(0, 40, 4)...)
				time.Sleep(c.lasts)
				synctest.Wait()
				if c.hangs {
					s.mu.Lock()
					s.delay = time.Hour
					s.mu.Unlock()
				}
				if c.mended > 0 {
					time.AfterFunc(c.mended, func() { s.change(nil) })
					if c.mended == time.Nanosecond {
						time.Sleep(c.mended)
						synctest.Wait()
					}
				}
				if failing := b.engine.Status().Failing; failing.IsZero() != (c.lasts == 0 || c.lasts == time.Minute) || !failing.IsZero() && time.Since(failing) > c.lasts {
					t.Errorf("no request gets through since %v", failing)
				}
				tried, began := len(s.requests()), time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), timeout)
				defer cancel()
				b.engine.LastTry()
				err := b.engine.Flush(ctx)
				took := time.Since(began)
				if took > c.most {
					t.Errorf("it took %v, want %v at most", took, c.most)
				}
				switch {
				case c.mended > 0:
					if err != nil || s.count() != 40 || b.ackedBatches() != 1 {
						t.Errorf("Flush said %v; %d records are stored, %d batches acknowledged", err, s.count(), b.ackedBatches())
					}
				case err == nil || b.ackedBatches() != 0:
					t.Errorf("Flush said %v, and %d batches are acknowledged that nobody took", err, b.ackedBatches())
				case took < timeout && !errors.Is(err, ErrGivenUp):
					t.Errorf("Flush said %v, want that it was given up", err)
				case c.tries > 0 && len(s.requests())-tried != c.tries:
					t.Errorf("it was tried %d times after the stop, want %d", len(s.requests())-tried, c.tries)
				}
				if st := b.engine.Status(); err != nil && st.QueuedRecords != 40 {
					t.Errorf("%d records are said to be left, want 40", st.QueuedRecords)
				}
				_ = b.engine.Close()
			})
		})
	}
}

// What one flow gives up is nothing to the others that share the engine.
func TestLastTryOfOneFlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := func(_ int, units []Unit, v []retry.Fault) (bool, error) {
			for i := range units {
				if has(&units[i], "a") {
					v[i] = retry.Record("SerializationException", "no")
				}
			}
			return true, nil
		}
		s := &service{answer: bad}
		a := newBench(t, s, func(o *options) { o.MaxRefused = 1 })
		b := a.flow("b", nil)
		a.put(labelled("a", 40, 4)...)
		b.put(labelled("b", 40, 4)...)
		time.Sleep(time.Minute)
		b.put(labelled("c", 40, 4)...)
		began := time.Now()
		a.engine.LastTry()
		if err := a.engine.Flush(t.Context()); !errors.Is(err, ErrGivenUp) || time.Since(began) > time.Second {
			t.Errorf("the flow whose records are refused: %v, after %v", err, time.Since(began))
		}
		_ = a.engine.Close()
		b.flush()
		b.settled(2)
		_ = b.engine.Close()
	})
}
