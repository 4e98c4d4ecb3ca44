package lane

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/kinetail/kinetail/emit"
	"github.com/kinetail/kinetail/emit/retry"
	"github.com/kinetail/kinetail/pipeline"
	"github.com/kinetail/kinetail/tailer"
	"github.com/kinetail/kinetail/tailer/memory"
)

// lanes is a map of n even parts of the key space.
type lanes int

func (n lanes) Lanes() int { return int(n) }
func (n lanes) Hash(key []byte) Hash {
	sum := md5.Sum(key)
	return Hash{binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:])}
}
func (n lanes) Lane(h Hash) int { return int(h.Hi % uint64(n)) }
func (n lanes) Exact() bool     { return true }
func (n lanes) Rate() Rate      { return Rate{} }
func (n lanes) Key(int) []byte  { return spare }

var spare = []byte("spare")

// stored is a record as the service has it.
type stored struct{ key, data string }

// service is a scripted service.
type service struct {
	delay time.Duration
	// answer decides about a request. It may set verdicts, and says whether units that have the zero verdict are stored although
	// an error is returned.
	answer func(n int, units []Unit, verdicts []retry.Fault) (keep bool, err error)

	mu      sync.Mutex
	calls   int
	flying  int
	most    int
	records []stored
	sizes   []int // units of each call
}

func (s *service) Send(ctx context.Context, units []Unit, verdicts []retry.Fault) error {
	s.mu.Lock()
	n := s.calls
	s.calls++
	s.flying++
	s.most = max(s.most, s.flying)
	s.sizes = append(s.sizes, len(units))
	answer := s.answer
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.flying--
		s.mu.Unlock()
	}()
	if s.delay > 0 {
		select {
		case <-time.After(s.delay):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	keep, err := true, error(nil)
	if answer != nil {
		keep, err = answer(n, units, verdicts)
		keep = keep || err == nil
	}
	if keep {
		s.mu.Lock()
		for i := range units {
			if verdicts[i].Class == retry.None {
				for _, d := range bytes.Split(units[i].Data, []byte("\x00")) {
					s.records = append(s.records, stored{string(units[i].Key), string(d)})
				}
			}
		}
		s.mu.Unlock()
	}
	return err
}

func (s *service) stored() []stored {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]stored(nil), s.records...)
}

// change gives the service another answer, nil for acceptance.
func (s *service) change(answer func(int, []Unit, []retry.Fault) (bool, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

// requests are the units of each call so far.
func (s *service) requests() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]int(nil), s.sizes...)
}

func (s *service) count() int { return len(s.stored()) }

// apiError is an answer of the service.
func apiError(status int, code string) error {
	return &smithy.OperationError{ServiceID: "Kinesis", OperationName: "PutRecords", Err: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}},
		Err:      &smithy.GenericAPIError{Code: code, Message: "said so"},
	}}
}

var errReset = errors.New("connection reset by peer")

// joiner aggregates with a zero byte between records.
type joiner struct{}

func (joiner) Size(u *Unit, r *Record) int { return u.Size + r.Count() + int(r.size) }

func (joiner) Ends(data []byte) bool { return len(data)%2 == 0 }

func (joiner) Finish([]Unit) {}

func (joiner) Build(arena []byte, u *Unit) []byte {
	from := len(arena)
	for r := u.First; r != nil; r = r.Next() {
		for i := range r.Count() {
			if r != u.First || i > 0 {
				arena = append(arena, 0)
			}
			arena = append(arena, r.At(i)...)
		}
	}
	u.Data = arena[from:]
	return arena
}

// bench is what a test of an engine needs.
type bench struct {
	t       testing.TB
	service *service
	share   *memory.Share
	letters *emit.DeadLetters
	log     *bytes.Buffer
	engine  *Port

	mu    sync.Mutex
	acked int // batches
}

// options are those of an engine and of its only port.
type options struct {
	Options
	PortOptions
}

func newBench(t testing.TB, s *service, change func(*options)) *bench {
	b := &bench{t: t, service: s, log: &bytes.Buffer{}}
	b.share = memory.New(16 << 20).Share()
	b.letters = emit.NewDeadLetters(emit.DeadLetterOptions{StateDir: t.TempDir(), Flow: "f", Destination: "d"})
	o := options{
		Options{
			Kind: "fake", Sender: s, Map: lanes(8), Bodies: memory.New(8 << 20).Share(),
			Limits: Limits{Records: 500, RequestBytes: 1 << 20, RecordBytes: 1 << 20, KeyChars: 256},
			Log:    slog.New(slog.NewTextHandler(b.log, nil)),
		},
		PortOptions{Memory: b.share, DeadLetters: b.letters},
	}
	if change != nil {
		change(&o)
	}
	b.share = o.Memory
	b.engine = join(t, New(o.Options), o.PortOptions)
	t.Cleanup(func() { _ = b.engine.Close() })
	return b
}

func join(t testing.TB, e *Engine, o PortOptions) *Port {
	t.Helper()
	p, err := e.Join(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// payloads makes a batch; each record is key, data.
func (b *bench) payloads(records ...[2]string) *pipeline.Payloads {
	batch := &tailer.Batch{Source: &tailer.Source{Flow: "f", Generation: "g", Path: "/log"}}
	p := &pipeline.Payloads{Batch: batch}
	for i, r := range records {
		batch.Records = append(batch.Records, tailer.Record{Start: int64(10 * i), End: int64(10*i + 10)})
		p.Items = append(p.Items, pipeline.Payload{Key: []byte(r[0]), Data: []byte(r[1]), Record: i})
	}
	batch.Ack = tailer.NewAck(func() {
		b.mu.Lock()
		b.acked++
		b.mu.Unlock()
	})
	return p
}

// put puts one batch and lets go of the flow's hold.
func (b *bench) put(records ...[2]string) {
	b.t.Helper()
	p := b.payloads(records...)
	if err := b.engine.Put(b.t.Context(), p); err != nil {
		b.t.Fatal(err)
	}
	for i := range p.Items { // the caller uses its buffers again
		clear(p.Items[i].Data)
		clear(p.Items[i].Key)
	}
	p.Batch.Ack.Done(1)
}

func (b *bench) ackedBatches() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.acked
}

func (b *bench) flush() {
	b.t.Helper()
	if err := b.engine.Flush(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

// settled fails the test unless everything is acknowledged and all memory is back.
func (b *bench) settled(batches int) {
	b.t.Helper()
	if n := b.ackedBatches(); n != batches {
		b.t.Errorf("%d batches are acknowledged, want %d", n, batches)
	}
	if used := b.share.Used(); used != 0 {
		b.t.Errorf("%d bytes of memory are still held", used)
	}
	if st := b.engine.Status(); st.QueuedRecords != 0 || st.QueuedBytes != 0 {
		b.t.Errorf("still queued: %d records, %d bytes", st.QueuedRecords, st.QueuedBytes)
	}
}

// numbered makes n records of keys k0, k1 ... in turn; the data says which.
func numbered(from, n, keys int) [][2]string {
	var out [][2]string
	for i := from; i < from+n; i++ {
		key := ""
		if keys > 0 {
			key = "k" + strconv.Itoa(i%keys)
		}
		out = append(out, [2]string{key, fmt.Sprintf("%06d", i)})
	}
	return out
}
