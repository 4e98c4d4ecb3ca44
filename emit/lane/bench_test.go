package lane

import (
	"context"
	"fmt"
	"testing"

	"github.com/kinetail/kinetail/emit/retry"
	"github.com/kinetail/kinetail/pipeline"
	"github.com/kinetail/kinetail/tailer"
)

// sink accepts everything at once.
type sink struct{}

func (sink) Send(context.Context, []Unit, []retry.Fault) error { return nil }

// BenchmarkDeliver is the way of a record from Put to its acknowledgement without the request itself; one turn is one record.
func BenchmarkDeliver(b *testing.B) {
	for _, keys := range []int{0, 1000} {
		for _, ordered := range []bool{false, true} {
			if keys == 0 && ordered {
				continue
			}
			b.Run(fmt.Sprintf("keys=%d/ordered=%v", keys, ordered), func(b *testing.B) {
				const batch, size = 1000, 260
				bench := newBench(b, &service{}, func(o *options) { o.Sender, o.Map, o.Ordered = sink{}, lanes(64), ordered })
				p := &pipeline.Payloads{Batch: &tailer.Batch{Source: &tailer.Source{}}}
				data := make([]byte, size)
				for i := range batch {
					p.Batch.Records = append(p.Batch.Records, tailer.Record{})
					item := pipeline.Payload{Data: data, Record: i}
					if keys > 0 {
						item.Key = fmt.Appendf(nil, "client-%d", i%keys)
					}
					p.Items = append(p.Items, item)
				}
				b.SetBytes(size)
				b.ReportAllocs()
				b.ResetTimer()
				for range b.N/batch + 1 {
					p.Batch.Ack = tailer.NewAck(func() {})
					if err := bench.engine.Put(b.Context(), p); err != nil {
						b.Fatal(err)
					}
					p.Batch.Ack.Done(1)
				}
				if err := bench.engine.Flush(b.Context()); err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}
