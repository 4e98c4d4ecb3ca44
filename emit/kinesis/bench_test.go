package kinesis

import (
	"fmt"
	"testing"

	"github.com/kinetail/kinetail/emit/awslocal"
	"github.com/kinetail/kinetail/emit/lane"
	"github.com/kinetail/kinetail/emit/retry"
)

// BenchmarkSend is one request of 500 records through the SDK to the in-process service, whose own work is in the figures.
func BenchmarkSend(b *testing.B) {
	for _, size := range []int{260, 1024} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			_, client := local(b, awslocal.Options{NoRates: true, Discard: true}, 4)
			s := newSender(&Options{Stream: "s", Client: client})
			units := make([]lane.Unit, maxRecords)
			for i := range units {
				units[i] = lane.Unit{Data: make([]byte, size), Key: randomKey(), N: 1}
			}
			verdicts := make([]retry.Fault, len(units))
			b.SetBytes(int64(maxRecords * size))
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Send(b.Context(), units, verdicts); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
