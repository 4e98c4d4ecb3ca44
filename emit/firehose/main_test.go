package firehose

import (
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
	"github.com/kinetail/kinetail/emit/awsconfig"
	"github.com/kinetail/kinetail/emit/awslocal"
	"github.com/kinetail/kinetail/emit/lane"
	"github.com/kinetail/kinetail/pipeline"
	"github.com/kinetail/kinetail/tailer"
	"github.com/kinetail/kinetail/tailer/memory"
)

func TestMain(m *testing.M) {
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
	} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}

// bench is a destination in front of the fake endpoint, over the real SDK and transport.
type bench struct {
	t     *testing.T
	srv   *awslocal.Server
	dest  *lane.Port
	share *memory.Share
	acked atomic.Int64 // records
	key   []byte       // of the payloads that send puts
	put   int64
}

// options are those of a destination and of its only flow.
type options struct {
	Options
	lane.PortOptions
}

func newBench(t *testing.T, change func(*options), server awslocal.Options) *bench {
	t.Helper()
	b := &bench{t: t}
	server.DeliveryStreams = []awslocal.DeliveryStreamConfig{{Name: "archive"}}
	var err error
	if b.srv, err = awslocal.New(server); err != nil {
		t.Fatal(err)
	}
	url, err := b.srv.Start()
	if err != nil {
		t.Fatal(err)
	}
	session, err := awsconfig.Load(t.Context(), awsconfig.Options{Region: "us-east-1", Endpoint: url, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	b.share = memory.New(32 << 20).Share()
	o := options{
		Options{
			Stream: "archive", Client: session.Firehose(), MaxWait: 5 * time.Millisecond,
			Invalidate: session.Invalidate, Log: slog.New(slog.DiscardHandler),
		},
		lane.PortOptions{
			Flow: "web", Memory: b.share,
			DeadLetters: emit.NewDeadLetters(emit.DeadLetterOptions{StateDir: t.TempDir(), Flow: "web", Destination: "firehose"}),
		},
	}
	if change != nil {
		change(&o)
	}
	e, err := New(o.Options)
	if err != nil {
		t.Fatal(err)
	}
	if b.dest, err = e.Join(o.PortOptions); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = b.dest.Close()
		session.Close()
		_ = b.srv.Close()
	})
	return b
}

// send puts each record as a batch of its own, so that acknowledgements can be counted.
func (b *bench) send(records ...string) {
	b.t.Helper()
	for _, r := range records {
		batch := &tailer.Batch{
			Source:  &tailer.Source{Flow: "web", Generation: "g", Path: "/var/log/web.log"},
			Records: []tailer.Record{{Start: b.put, End: b.put + 1}},
			Ack:     tailer.NewAck(func() { b.acked.Add(1) }),
		}
		b.put++
		p := &pipeline.Payloads{Batch: batch, Items: []pipeline.Payload{{Data: []byte(r), Key: b.key}}}
		if err := b.dest.Put(b.t.Context(), p); err != nil {
			b.t.Fatal(err)
		}
		clear(p.Items[0].Data)
		batch.Ack.Done(1)
	}
}

// settle flushes and checks that all is acknowledged and all memory is back.
func (b *bench) settle() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 30*time.Second)
	defer cancel()
	if err := b.dest.Flush(ctx); err != nil {
		b.t.Fatalf("%v; status %+v", err, b.dest.Status())
	}
	if n := b.acked.Load(); n != b.put {
		b.t.Errorf("%d of %d records acknowledged", n, b.put)
	}
	if n := b.share.Used(); n != 0 {
		b.t.Errorf("%d bytes of memory still held", n)
	}
}

// delivered is what the endpoint stored.
func (b *bench) delivered() []string {
	b.t.Helper()
	var out []string
	if err := b.srv.Delivered("archive", func(r awslocal.Record) bool {
		out = append(out, string(r.Data))
		return true
	}); err != nil {
		b.t.Fatal(err)
	}
	return out
}

// compare compares lines that were sent, each once and each different, with lines that arrived.
func compare(sent []string, arrived []string) (lost, repeated, strange int) {
	seen := map[string]int{}
	for _, a := range arrived {
		seen[a]++
	}
	for _, s := range sent {
		n := seen[s]
		delete(seen, s)
		switch {
		case n == 0:
			lost++
		default:
			repeated += n - 1
		}
	}
	return lost, repeated, len(seen)
}

func numbered(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%06d %s\n", i, strings.Repeat("x", i%100))
	}
	return out
}

// splitLines takes joined records apart.
func splitLines(records []string) []string {
	var out []string
	for _, r := range records {
		out = append(out, strings.SplitAfter(r, "\n")...)
	}
	lines := out[:0]
	for _, l := range out {
		if l != "" {
			lines = append(lines, l)
		}
	}
	return lines
}
