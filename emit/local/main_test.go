package local

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kinetail/kinetail/emit"
	"github.com/kinetail/kinetail/pipeline"
	"github.com/kinetail/kinetail/tailer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// put hands records over as one batch and returns how many of its holds are left; it is acknowledged at 0.
func put(t *testing.T, d emit.Destination, records ...string) *atomic.Bool {
	t.Helper()
	acked := new(atomic.Bool)
	p := payloads(acked, records...)
	if err := d.Put(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	scribble(p)
	p.Batch.Ack.Done(1)
	return acked
}

func payloads(acked *atomic.Bool, records ...string) *pipeline.Payloads {
	p := &pipeline.Payloads{Batch: &tailer.Batch{Ack: tailer.NewAck(func() { acked.Store(true) })}}
	for i, r := range records {
		p.Batch.Records = append(p.Batch.Records, tailer.Record{})
		p.Items = append(p.Items, pipeline.Payload{Data: []byte(r), Record: i})
	}
	return p
}

// scribble is what becomes of the caller's buffers after Put.
func scribble(p *pipeline.Payloads) {
	for _, item := range p.Items {
		copy(item.Data, bytes.Repeat([]byte{'#'}, len(item.Data)))
	}
}

func flush(t *testing.T, d emit.Destination) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := d.Flush(ctx); err != nil {
		t.Fatal(err)
	}
}

func closeAtEnd(t *testing.T, d emit.Destination) emit.Destination {
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func wantFile(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s holds %s, want %s", path, brief(string(got)), brief(want))
	}
}

func brief(s string) string {
	if len(s) > 200 {
		return fmt.Sprintf("%q... (%d bytes)", s[:200], len(s))
	}
	return fmt.Sprintf("%q", s)
}

func numbered(from, to int) []string {
	var out []string
	for i := from; i < to; i++ {
		out = append(out, fmt.Sprintf("line %d %s", i, strings.Repeat("x", i%50)))
	}
	return out
}

func lines(records []string) string { return strings.Join(records, "\n") + "\n" }

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func withLog(o Options) Options {
	o.Logger = discard()
	return o
}
