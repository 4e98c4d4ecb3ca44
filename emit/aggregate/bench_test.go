package aggregate

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/kinetail/kinetail/emit"
	"github.com/kinetail/kinetail/emit/lane"
	"github.com/kinetail/kinetail/emit/retry"
	"github.com/kinetail/kinetail/pipeline"
	"github.com/kinetail/kinetail/tailer"
	"github.com/kinetail/kinetail/tailer/memory"
)

type sink struct{}

func (sink) Send(context.Context, []lane.Unit, []retry.Fault) error { return nil }

// BenchmarkPack is the way of a record from Put through an aggregate to its acknowledgement, without the request itself; one turn is one record
// of 260 bytes.
func BenchmarkPack(b *testing.B) {
	for name, a := range map[string]lane.Aggregator{"kpl": KPL{}, "lines": Lines{}} {
		for _, keys := range []int{0, 1, 1000} {
			b.Run(fmt.Sprintf("%s/keys=%d", name, keys), func(b *testing.B) {
				const batch, size = 1000, 260
				e, err := lane.New(lane.Options{
					Kind: "fake", Sender: sink{}, Map: one{}, Aggregator: a, AggregateSize: 51_200, MaxWait: time.Minute,
					Limits: lane.Limits{Records: 500, RequestBytes: 1 << 20, RecordBytes: 1 << 20, KeyChars: 256},
				}).Join(lane.PortOptions{
					Memory: memory.New(32 << 20).Share(), DeadLetters: emit.NewDeadLetters(emit.DeadLetterOptions{StateDir: b.TempDir()}),
				})
				if err != nil {
					b.Fatal(err)
				}
				defer e.Close()
				p := &pipeline.Payloads{Batch: &tailer.Batch{Source: &tailer.Source{}, Records: make([]tailer.Record, batch)}}
				data := make([]byte, size)
				for i := range batch {
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
					if err := e.Put(b.Context(), p); err != nil {
						b.Fatal(err)
					}
					p.Batch.Ack.Done(1)
				}
				if err := e.Flush(b.Context()); err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}
