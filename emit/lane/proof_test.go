package lane

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/kinetail/kinetail/emit/retry"
)

func refuseAll(int, []Unit, []retry.Fault) (bool, error) {
	return false, apiError(400, "ValidationException")
}

// What was accepted after an earlier trouble says nothing of a refusal in a later one.
func TestAProofIsNotKept(t *testing.T) {
	for name, end := range map[string]func(b *bench) *bench{
		"mended": func(b *bench) *bench {
			b.service.change(nil)
			time.Sleep(2 * time.Minute)
			b.flush()
			b.settled(1)
			return b
		},
		"its flow left": func(b *bench) *bench {
			other := b.flow("other", nil)
			_ = b.engine.Close()
			b.service.change(nil)
			other.put([2]string{"a", "another"})
			other.flush()
			return other
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &service{answer: refuseAll}
				b := newBench(t, s, nil)
				b.put([2]string{"a", "first"})
				time.Sleep(10 * time.Second)
				b = end(b)
				time.Sleep(time.Hour)
				s.change(refuseAll)
				b.put(numbered(0, 10, 3)...)
				time.Sleep(10 * time.Second)
				synctest.Wait()
				if st := b.engine.Status(); !st.Circuit.Open || st.Counters.RecordsDeadLettered.Load() != 0 {
					t.Errorf("circuit %+v, %d dead letters though nothing was accepted any more", st.Circuit, st.Counters.RecordsDeadLettered.Load())
				}
				_ = b.engine.Close()
			})
		})
	}
}
