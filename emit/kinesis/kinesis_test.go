package kinesis

import (
	"context"
	"crypto/md5"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"go.uber.org/goleak"

	"github.com/kinetail/kinetail/emit"
	"github.com/kinetail/kinetail/emit/awslocal"
	"github.com/kinetail/kinetail/emit/lane"
	"github.com/kinetail/kinetail/pipeline"
	"github.com/kinetail/kinetail/tailer"
	"github.com/kinetail/kinetail/tailer/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// plainBodies hides the WriteTo of request bodies, without which smithy-go 1.28.8 and net/http lose an answer now and then
// ("use of closed network connection").
type plainBodies struct{ *http.Client }

func (c plainBodies) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return c.Client.Do(r)
}

// local is a stream "s" of the in-process service, and the SDK's client on it.
func local(t testing.TB, opts awslocal.Options, shards int) (*awslocal.Server, *kinesis.Client) {
	t.Helper()
	if opts.Streams == nil {
		opts.Streams = []awslocal.StreamConfig{{Name: "s", Shards: shards}}
	}
	s, err := awslocal.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	url, err := s.Start()
	if err != nil {
		t.Fatal(err)
	}
	client := s.Client()
	t.Cleanup(func() {
		client.CloseIdleConnections()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, kinesis.NewFromConfig(aws.Config{
		Region: "us-east-1", BaseEndpoint: &url, HTTPClient: plainBodies{client}, RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIATEST", SecretAccessKey: "secret"}, nil
		}),
	})
}

// options are those of a destination and of its only flow.
type options struct {
	Options
	lane.PortOptions
}

// joined is what a flow has, and what it sends through.
type joined struct {
	*lane.Port
	engine *lane.Engine
	sender *sender
}

func destination(t testing.TB, client *kinesis.Client, change func(*options)) *joined {
	t.Helper()
	o := options{
		Options{Stream: "s", Client: client, MaxWait: 50 * time.Millisecond},
		lane.PortOptions{
			Flow: "f", Memory: memory.New(64 << 20).Share(),
			DeadLetters: emit.NewDeadLetters(emit.DeadLetterOptions{StateDir: t.TempDir(), Flow: "f", Destination: "kinesis"}),
		},
	}
	if change != nil {
		change(&o)
	}
	e, s, err := start(o.Options)
	if err != nil {
		t.Fatal(err)
	}
	d, err := e.Join(o.PortOptions)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return &joined{d, e, s}
}

// another is another flow of the same destination.
func (j *joined) another(t testing.TB) *joined {
	t.Helper()
	p, err := j.engine.Join(lane.PortOptions{
		Flow: "g", Memory: memory.New(64 << 20).Share(),
		DeadLetters: emit.NewDeadLetters(emit.DeadLetterOptions{StateDir: t.TempDir(), Flow: "g", Destination: "kinesis"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return &joined{p, j.engine, j.sender}
}

// put sends records in batches of 100 and counts the acknowledged batches.
func put(t testing.TB, d *joined, records [][2]string) (acked func() int) {
	t.Helper()
	var mu sync.Mutex
	n := 0
	for len(records) > 0 {
		some := records[:min(100, len(records))]
		records = records[len(some):]
		p := &pipeline.Payloads{Batch: &tailer.Batch{Source: &tailer.Source{Path: "/log", Generation: "g"}}}
		p.Batch.Ack = tailer.NewAck(func() { mu.Lock(); n++; mu.Unlock() })
		for i, r := range some {
			p.Batch.Records = append(p.Batch.Records, tailer.Record{})
			p.Items = append(p.Items, pipeline.Payload{Key: []byte(r[0]), Data: []byte(r[1]), Record: i})
		}
		if err := d.Put(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		p.Batch.Ack.Done(1)
	}
	return func() int { mu.Lock(); defer mu.Unlock(); return n }
}

func numbered(n, keys int) [][2]string {
	var out [][2]string
	for i := range n {
		key := ""
		if keys > 0 {
			key = fmt.Sprintf("key-%d", i%keys)
		}
		out = append(out, [2]string{key, fmt.Sprintf("%s|%06d", key, i)})
	}
	return out
}

func flush(t testing.TB, d *joined) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := d.Flush(ctx); err != nil {
		t.Fatalf("flush: %v; %+v", err, d.Status())
	}
}

func TestDecimal(t *testing.T) {
	for _, h := range []lane.Hash{{}, {Lo: 1}, {Lo: 1e19}, {Hi: 1}, {Hi: 1 << 63}, {Hi: 1<<64 - 1, Lo: 1<<64 - 1}, {Hi: 5, Lo: 3}, {Hi: 0x7fffffffffffffff, Lo: 1<<64 - 1}} {
		want := new(big.Int).Add(new(big.Int).Lsh(new(big.Int).SetUint64(h.Hi), 64), new(big.Int).SetUint64(h.Lo)).String()
		if got := decimal(h); got != want {
			t.Errorf("%+v is %s, want %s", h, got, want)
		}
	}
	sum := md5.Sum([]byte("key"))
	if got, want := decimal(hashKey([]byte("key"))), new(big.Int).SetBytes(sum[:]).String(); got != want {
		t.Errorf("hash of a key is %s, want %s", got, want)
	}
}

func TestHashLanes(t *testing.T) {
	m := newHashLanes()
	for i := range m.Lanes() {
		for range 50 {
			if got := m.Lane(m.Hash(m.Key(i))); got != i {
				t.Fatalf("a random key of lane %d is in lane %d", i, got)
			}
		}
	}
}

func TestDelivers(t *testing.T) {
	for _, order := range []string{"none", "key"} {
		s, client := local(t, awslocal.Options{NoRates: true, Seed: 1}, 4)
		s.SetFaults(awslocal.Fault{Kind: awslocal.Throttle, Share: 0.1, Times: 300},
			awslocal.Fault{Kind: awslocal.LostAnswer, Share: 0.2, Times: 3}, awslocal.Fault{Kind: awslocal.WrongCount, Share: 0.1, Times: 2})
		d := destination(t, client, func(o *options) { o.Order = order })
		records := append(numbered(2000, 200), numbered(1000, 0)...)
		acked := put(t, d, records)
		flush(t, d)
		if acked() != 30 {
			t.Errorf("%d batches of 30 are acknowledged", acked())
		}
		verify(t, s, d, records, order == "key")
	}
}

// verify reads the stream and compares: nothing lost, no more repeats than unknown outcomes, order by key.
func verify(t *testing.T, s *awslocal.Server, d *joined, records [][2]string, ordered bool) {
	t.Helper()
	want := map[string]bool{}
	for _, r := range records {
		want[r[1]] = true
	}
	got, last, total := map[string]int{}, map[string]string{}, 0
	err := s.Records("s", func(r awslocal.Record) bool {
		data := string(r.Data)
		total++
		if got[data]++; got[data] == 1 && data[0] != '|' && ordered {
			if data < last[r.PartitionKey] {
				t.Errorf("%s came after %s", data, last[r.PartitionKey])
			}
			last[r.PartitionKey] = data
		}
		if !want[data] {
			t.Errorf("%q was never sent", data)
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	c := d.Status().Counters
	if len(got) != len(want) || int64(total-len(want)) > c.UnknownOutcomes.Load() {
		t.Errorf("%d of %d records arrived, %d in all, %d unknown outcomes", len(got), len(want), total, c.UnknownOutcomes.Load())
	}
	t.Logf("%d records, %d repeats, %d throttled, %d unknown outcomes, %d requests, %d Kinesis records", len(got), total-len(got),
		c.RecordsThrottled.Load(), c.UnknownOutcomes.Load(), c.Requests.Load(), c.KinesisRecords.Load())
}
