package kinesis

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kinetail/kinetail/pipeline"
	"github.com/kinetail/kinetail/tailer"
	"github.com/kinetail/kinetail/tailer/memory"
)

// TestSharedShards lets eight agents that know nothing of each other send to two shards, within and beyond what these take.
func TestSharedShards(t *testing.T) {
	const (
		agents   = 8
		shards   = 2
		capacity = 1000 * shards // records a second
		seconds  = 30
	)
	for _, load := range []float64{0.9, 1.5} {
		t.Run(fmt.Sprintf("load=%.0f%%", load*100), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, client := processed(t, shards, false)
				defer s.Close()
				ctx, cancel := context.WithTimeout(t.Context(), seconds*time.Second)
				defer cancel()
				var all []*joined
				for range agents {
					d := destination(t, client, func(o *options) {
						o.ShardRateLimit, o.MaxWait, o.Memory = 1.5, 200*time.Millisecond, memory.New(1<<20).Share()
					})
					all = append(all, d)
					go feed(ctx, d, int(load*capacity/agents/10))
				}
				<-ctx.Done()
				synctest.Wait()
				var sent, attempts, throttled, requests int64
				least, most := int64(1<<62), int64(0)
				for _, d := range all {
					c := d.Status().Counters
					n := c.RecordsSent.Load()
					sent, attempts, throttled = sent+n, attempts+c.RecordSendAttempts.Load(), throttled+c.RecordsThrottled.Load()
					requests += c.Requests.Load()
					least, most = min(least, n), max(most, n)
				}
				possible := int64(min(load, 1) * capacity * seconds)
				goodput, refused, fairness := float64(sent)/float64(possible), float64(throttled)/float64(attempts), float64(least)/float64(most)
				t.Logf("goodput %.2f, throttled %.3f of the attempts, slowest agent %.2f of the fastest, %d requests", goodput, refused, fairness, requests)
				if goodput < 0.8 || refused > 0.2 || fairness < 0.5 {
					t.Errorf("goodput %.2f (want 0.8), throttled %.3f (at most 0.2), fairness %.2f (want 0.5)", goodput, refused, fairness)
				}
			})
		})
	}
}

// feed puts n records each 100 ms, as fast as they are taken.
func feed(ctx context.Context, d *joined, n int) {
	records := make([]tailer.Record, n)
	items := make([]pipeline.Payload, n)
	for i := range items {
		items[i] = pipeline.Payload{Data: make([]byte, 200), Record: i}
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		p := &pipeline.Payloads{Batch: &tailer.Batch{Source: &tailer.Source{}, Records: records, Ack: tailer.NewAck(func() {})}, Items: items}
		if d.Put(ctx, p) != nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}
