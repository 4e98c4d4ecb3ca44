package kinesis

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/kinetail/kinetail/pipeline"
	"github.com/kinetail/kinetail/tailer"
	"github.com/kinetail/kinetail/tailer/memory"
)

// How eight agents that know nothing of each other share two shards, within and beyond what these take.
const (
	sharing  = 8
	shared   = 2
	capacity = 1000 * shared // records a second
)

// share is what came of it.
type share struct {
	goodput  float64 // of what could have been delivered
	refused  float64 // of the attempts
	fairness float64 // what the slowest agent delivered, of what the fastest did
	requests int64
}

func (s share) String() string {
	return fmt.Sprintf("goodput %.2f, throttled %.3f of the attempts, slowest agent %.2f of the fastest, %d requests", s.goodput, s.refused, s.fairness, s.requests)
}

func TestSharedShards(t *testing.T) {
	for _, load := range []float64{0.9, 1.5} {
		t.Run(fmt.Sprintf("load=%.0f%%", load*100), func(t *testing.T) {
			adaptive := sharedBy(t, load, 1.5, true)
			t.Logf("adaptive, 150 %%:            %v", adaptive)
			if adaptive.goodput < 0.8 || adaptive.refused > 0.2 || adaptive.fairness < 0.5 {
				t.Error("want goodput 0.8, throttled at most 0.2, fairness 0.5")
			}
			fixed := sharedBy(t, load, 1.5, false)
			t.Logf("fixed, 150 %% each:          %v", fixed)
			t.Logf("fixed, an eighth each:      %v", sharedBy(t, load, 1.0/sharing, false))
			if load > 1 && adaptive.refused >= fixed.refused {
				t.Error("adapting to the others saves no refusals")
			}
		})
	}
}

// unaware has throttling taken for a fault of the service, so that nothing is adapted to it: what a fixed rate does.
type unaware struct{ *kinesis.Client }

func (c unaware) Options() kinesis.Options {
	o := c.Client.Options()
	o.HTTPClient = misread{o.HTTPClient}
	return o
}

type misread struct{ kinesis.HTTPClient }

func (m misread) Do(r *http.Request) (*http.Response, error) {
	answer, err := m.HTTPClient.Do(r)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(answer.Body)
	const code = "ProvisionedThroughputExceededException"
	// A code that nobody knows, and as long, for its length stands before it.
	text = bytes.ReplaceAll(text, []byte(code), []byte(strings.Repeat("X", len(code))))
	answer.Body = io.NopCloser(bytes.NewReader(text))
	return answer, err
}

func sharedBy(t *testing.T, load, limit float64, adapt bool) (got share) {
	t.Helper()
	const seconds = 30
	synctest.Test(t, func(t *testing.T) {
		s, client := processed(t, shared, false)
		defer s.Close()
		ctx, cancel := context.WithTimeout(t.Context(), seconds*time.Second)
		defer cancel()
		var all []*joined
		for range sharing {
			d := destination(t, client, func(o *options) {
				o.ShardRateLimit, o.MaxWait, o.Memory = limit, 200*time.Millisecond, memory.New(1<<20).Share()
				if !adapt {
					o.Client = unaware{client}
				}
			})
			all = append(all, d)
			go feed(ctx, d, int(load*capacity/sharing/10))
		}
		<-ctx.Done()
		synctest.Wait()
		var sent, attempts, refused int64
		least, most := int64(1<<62), int64(0)
		for _, d := range all {
			c := d.Status().Counters
			n := c.RecordsSent.Load()
			sent, attempts, refused = sent+n, attempts+c.RecordSendAttempts.Load(), refused+c.RecordSendErrors.Load()
			got.requests += c.Requests.Load()
			least, most = min(least, n), max(most, n)
		}
		got.goodput = float64(sent) / (min(load, 1) * capacity * seconds)
		got.refused, got.fairness = float64(refused)/float64(attempts), float64(least)/float64(most)
	})
	return got
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
