package firehose

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/kinetail/kinetail/emit/awslocal"
)

func TestRecordsArriveAsTheyAre(t *testing.T) {
	b := newBench(t, nil, awslocal.Options{NoRates: true})
	records := append(numbered(1200), "no newline", "\xff\x00 bytes")
	b.send(records...)
	b.settle()
	if lost, repeated, strange := compare(records, b.delivered()); lost+repeated+strange > 0 {
		t.Errorf("lost %d, repeated %d, strange %d", lost, repeated, strange)
	}
	s := b.dest.Status()
	if s.Kind != "firehose" || s.Metric != "DeliveryStream:archive" || s.Counters.RecordsSent.Load() != 1202 || s.Counters.RecordsRetried.Load() != 0 {
		t.Errorf("status %+v, sent %d", s, s.Counters.RecordsSent.Load())
	}
	if n := b.srv.Counters().Requests["firehose.PutRecordBatch"]; n > 60 {
		t.Errorf("%d requests for 1,202 records", n)
	}
}

func TestAKeyIsIgnored(t *testing.T) {
	b := newBench(t, nil, awslocal.Options{NoRates: true})
	b.key = []byte("key")
	b.send("a", "b")
	b.settle()
	if got := b.delivered(); len(got) != 2 || got[0] != "a" || got[1] != "b" {
		t.Errorf("%q", got)
	}
}

func TestLines(t *testing.T) {
	const size = 2000
	b := newBench(t, func(o *options) {
		o.Aggregate, o.AggregateSize, o.MaxWait = "lines", size, time.Hour
	}, awslocal.Options{NoRates: true})
	records := numbered(3000)
	long := strings.Repeat("long ", size) + "\n"
	records = append(records[:1500], append([]string{long}, records[1500:]...)...)
	b.send(records...)
	b.settle()
	joined := b.delivered()
	small := 0
	for _, r := range joined {
		if len(r) > size && r != long {
			t.Errorf("a record of %d bytes", len(r))
		}
		if !strings.HasSuffix(r, "\n") {
			t.Errorf("a record does not end with the delimiter: %.50q", r)
		}
		if len(r) < size-150 {
			small++ // before the long one, and at the flush
		}
	}
	if lost, repeated, strange := compare(records, splitLines(joined)); lost+repeated+strange > 0 {
		t.Errorf("lost %d, repeated %d, strange %d", lost, repeated, strange)
	}
	if small > len(joined)/4 {
		t.Errorf("%d of %d records are far from full", small, len(joined))
	}
	if n := b.dest.Status().Counters.KinesisRecords.Load(); n != int64(len(joined)) {
		t.Errorf("%d records counted as the service counts them, %d delivered", n, len(joined))
	}
}

func TestLinesAreJoinedByAMissingDelimiter(t *testing.T) {
	b := newBench(t, func(o *options) {
		o.Aggregate, o.Delimiter, o.MaxWait = "lines", "\r\n", time.Hour
	}, awslocal.Options{NoRates: true})
	b.send("a", "b\r\n", "c")
	b.settle()
	if got := b.delivered(); len(got) != 1 || got[0] != "a\r\nb\r\nc" {
		t.Errorf("%q", got)
	}
}

func TestAggregateSizeIsAnUpperBound(t *testing.T) {
	for _, size := range []int{10, 11, 12, 13, 1000} {
		b := newBench(t, func(o *options) {
			o.Aggregate, o.AggregateSize, o.MaxWait = "lines", size, time.Hour
		}, awslocal.Options{NoRates: true})
		var records []string
		for range 100 {
			records = append(records, "12345")
		}
		b.send(records...)
		b.settle()
		n := 0
		for _, r := range b.delivered() {
			if len(r) > size {
				t.Errorf("aggregate_size %d: a record of %d bytes", size, len(r))
			}
			n += strings.Count(r, "12345")
		}
		if n != 100 {
			t.Errorf("aggregate_size %d: %d of 100 records", size, n)
		}
	}
}

// TestLimits lets the endpoint, which enforces them, judge the largest records and many of them.
func TestLimits(t *testing.T) {
	b := newBench(t, nil, awslocal.Options{NoRates: true})
	largest := strings.Repeat("y", maxRecordBytes)
	b.send(largest, largest, "small", largest+"z", largest)
	b.settle()
	got := b.delivered()
	if len(got) != 4 || b.srv.Counters().Refused["InvalidArgumentException"] != 0 || b.srv.Counters().Refused["ValidationException"] != 0 {
		t.Errorf("%d delivered, refused: %v", len(got), b.srv.Counters().Refused)
	}
	if n := b.dest.Status().Counters.RecordsDeadLettered.Load(); n != 1 {
		t.Errorf("%d dead letters, want the one that is a byte too long", n)
	}
}

// TestFaults is a matrix: whatever goes wrong, nothing is lost, and no more repeats than outcomes were unknown.
func TestFaults(t *testing.T) {
	share := func(kind awslocal.FaultKind, share float64, code string) []awslocal.Fault {
		return []awslocal.Fault{{Kind: kind, Service: "firehose", Share: share, Code: code}}
	}
	first := func(kind awslocal.FaultKind, n int64, code string) []awslocal.Fault {
		return []awslocal.Fault{{Kind: kind, Service: "firehose", Times: n, Code: code}}
	}
	for name, faults := range map[string][]awslocal.Fault{
		"1% of records fail":                 share(awslocal.RecordError, 0.01, "InternalFailure"),
		"10% of records are throttled":       share(awslocal.Throttle, 0.10, ""),
		"50% of records fail":                share(awslocal.RecordError, 0.50, "InternalFailure"),
		"whole requests are throttled":       first(awslocal.Throttle, 150, ""),
		"the call is throttled":              first(awslocal.Error, 3, "ServiceUnavailableException"),
		"500":                                first(awslocal.Error, 2, "InternalFailure"),
		"reset":                              first(awslocal.Reset, 2, ""),
		"the answer is lost after the write": first(awslocal.LostAnswer, 3, ""),
		"half an answer":                     first(awslocal.CutAnswer, 3, ""),
		"an answer for fewer records":        first(awslocal.WrongCount, 2, ""),
		"expired credentials":                first(awslocal.Error, 1, "ExpiredTokenException"),
	} {
		for _, aggregate := range []string{"none", "lines"} {
			t.Run(name+"/"+aggregate, func(t *testing.T) {
				t.Parallel()
				b := newBench(t, func(o *options) {
					o.Aggregate, o.AggregateSize = aggregate, 1000
				}, awslocal.Options{NoRates: true, Seed: 7})
				b.srv.SetFaults(faults...)
				records := numbered(800)
				b.send(records...)
				b.settle()
				arrived := b.delivered()
				if aggregate == "lines" {
					arrived = splitLines(arrived)
				}
				lost, repeated, strange := compare(records, arrived)
				c := b.dest.Status().Counters
				if lost > 0 || strange > 0 || int64(repeated) > c.UnknownOutcomes.Load() {
					t.Errorf("lost %d, strange %d, repeated %d with %d unknown outcomes", lost, strange, repeated, c.UnknownOutcomes.Load())
				}
				if c.RecordsSent.Load() != 800 || c.RecordSendErrors.Load() == 0 || c.RecordsRetried.Load() == 0 {
					t.Errorf("sent %d, errors %d, retried %d", c.RecordsSent.Load(), c.RecordSendErrors.Load(), c.RecordsRetried.Load())
				}
				if struck := b.srv.Counters().Faults; len(struck) == 0 {
					t.Error("no fault struck")
				}
			})
		}
	}
}

// TestOnlyFailedRecordsAreSentAgain: the endpoint counts what it was offered.
func TestOnlyFailedRecordsAreSentAgain(t *testing.T) {
	b := newBench(t, nil, awslocal.Options{NoRates: true})
	b.srv.SetFaults(awslocal.Fault{Kind: awslocal.RecordError, Service: "firehose", Match: "000007", Times: 1})
	b.send(numbered(100)...)
	b.settle()
	c := b.dest.Status().Counters
	if attempts, retried := c.RecordSendAttempts.Load(), c.RecordsRetried.Load(); attempts != 101 || retried != 1 {
		t.Errorf("%d records offered, %d of them again; want 101 and 1", attempts, retried)
	}
}

// TestThrottling: a stream at a hundredth of its quota takes everything in the end, and is not stormed.
func TestThrottling(t *testing.T) {
	b := newBench(t, nil, awslocal.Options{RateScale: 0.02})
	records := numbered(3000)
	b.send(records...)
	b.settle()
	c := b.dest.Status().Counters
	if lost, repeated, strange := compare(records, b.delivered()); lost+repeated+strange > 0 {
		t.Errorf("lost %d, repeated %d, strange %d", lost, repeated, strange)
	}
	t.Logf("offered %d times for 3,000 records, throttled %d", c.RecordSendAttempts.Load(), c.RecordsThrottled.Load())
	if c.RecordSendAttempts.Load() > 4*3000 {
		t.Errorf("offered %d times for 3,000 records", c.RecordSendAttempts.Load())
	}
}

func TestDeniedOpensTheCircuitAndKeepsEverything(t *testing.T) {
	b := newBench(t, nil, awslocal.Options{NoRates: true})
	b.srv.SetFaults(awslocal.Fault{Kind: awslocal.Error, Service: "firehose", Code: "AccessDeniedException"})
	b.send(numbered(10)...)
	deadline := time.Now().Add(5 * time.Second)
	for !b.dest.Status().Circuit.Open && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	if s := b.dest.Status(); !s.Circuit.Open || !strings.Contains(s.Circuit.Reason, "AccessDenied") || b.acked.Load() != 0 || s.QueuedRecords != 10 {
		t.Errorf("status %+v, %d acknowledged", s, b.acked.Load())
	}
}

func TestAPoisonRecordIsFoundAndKept(t *testing.T) {
	var letters string
	b := newBench(t, func(o *options) {
		o.Aggregate, o.AggregateSize = "lines", 500
		letters = o.DeadLetters.Path()
	}, awslocal.Options{NoRates: true})
	b.srv.SetFaults(awslocal.Fault{
		Kind: awslocal.Error, Service: "firehose", Match: "poison", Code: "InvalidArgumentException", Status: http.StatusBadRequest,
	})
	records := numbered(200)
	b.send(append(append([]string(nil), records[:100]...), append([]string{"poison\n"}, records[100:]...)...)...)
	b.settle()
	if lost, repeated, strange := compare(records, splitLines(b.delivered())); lost+repeated+strange > 0 {
		t.Errorf("lost %d, repeated %d, strange %d", lost, repeated, strange)
	}
	text, err := os.ReadFile(letters)
	if err != nil || strings.Count(string(text), "\n") != 1 || !strings.Contains(string(text), "poison") {
		t.Errorf("dead letters %.500q, %v", text, err)
	}
}

func TestOptions(t *testing.T) {
	for name, change := range map[string]func(*options){
		"stream":    func(o *options) { o.Stream = "" },
		"size":      func(o *options) { o.AggregateSize = maxRecordBytes + 1 },
		"negative":  func(o *options) { o.AggregateSize = -1 },
		"aggregate": func(o *options) { o.Aggregate = "kpl" },
	} {
		var o options
		newBench(t, func(n *options) { o = *n }, awslocal.Options{})
		change(&o)
		if d, err := New(o.Options); err == nil {
			_ = d.Close()
			t.Errorf("%s: no error", name)
		}
	}
}
