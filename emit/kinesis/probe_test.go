package kinesis

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/kinetail/kinetail/emit"
	"github.com/kinetail/kinetail/emit/awslocal"
)

func TestProbe(t *testing.T) {
	s, client := local(t, awslocal.Options{}, 1)
	p := newSender(&Options{Stream: "s", Client: client, DryRun: true})
	if err := p.Probe(t.Context()); err != nil {
		t.Errorf("a stream that takes records: %v", err)
	}
	if err := s.Records("s", func(awslocal.Record) bool { t.Error("the probe was stored"); return true }); err != nil {
		t.Fatal(err)
	}
	s.SetFaults(awslocal.Fault{Kind: awslocal.Error, Code: "AccessDeniedException"})
	if err := p.Probe(t.Context()); err == nil {
		t.Error("a stream that takes nothing: no error")
	}
	s.SetFaults()
	if err := newSender(&Options{Stream: "s", Client: client}).Probe(t.Context()); err == nil {
		t.Error("an endpoint that may not know DryRun was probed")
	}
}

// TestLargeRecords: records over 1 MiB are sent where the stream allows them, and are dead letters elsewhere.
func TestLargeRecords(t *testing.T) {
	for _, allowed := range []bool{false, true} {
		config := awslocal.StreamConfig{Name: "s", Shards: 1}
		if allowed {
			config.MaxRecord = 4096
		}
		s, client := local(t, awslocal.Options{NoRates: true, Streams: []awslocal.StreamConfig{config}}, 1)
		letters := emit.NewDeadLetters(emit.DeadLetterOptions{StateDir: t.TempDir(), Flow: "f", Destination: "kinesis"})
		d := destination(t, client, func(o *options) { o.DeadLetters = letters })
		put(t, d, [][2]string{{"k", "small"}, {"k", strings.Repeat("x", 3<<20)}, {"k", strings.Repeat("y", 5<<20)}})
		flush(t, d)
		stored := 0
		if err := s.Records("s", func(awslocal.Record) bool { stored++; return true }); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(letters.Path())
		if err != nil {
			t.Fatal(err)
		}
		dead := bytes.Count(text, []byte("too_large"))
		if allowed && (stored != 2 || dead != 1) || !allowed && (stored != 1 || dead != 2) {
			t.Errorf("allowed %v: %d stored, %d dead letters", allowed, stored, dead)
		}
		if n := s.Counters().Requests["kinesis.DescribeStreamSummary"]; n != 1 {
			t.Errorf("DescribeStreamSummary was called %d times", n)
		}
	}
}

// TestLargeWithoutKey: the key that a record without one is given counts, too. A record that has just no room for it is a dead letter, and the next one comes.
func TestLargeWithoutKey(t *testing.T) {
	s, client := local(t, awslocal.Options{NoRates: true}, 1)
	letters := emit.NewDeadLetters(emit.DeadLetterOptions{StateDir: t.TempDir(), Flow: "f", Destination: "kinesis"})
	d := destination(t, client, func(o *options) { o.DeadLetters = letters })
	put(t, d, [][2]string{{"", strings.Repeat("x", 1<<20)}, {"", strings.Repeat("y", 1<<20-maxRandomKey)}, {"", "small"}})
	flush(t, d)
	if n := s.Counters().Records; n != 2 {
		t.Errorf("%d records came, want 2", n)
	}
	if text, err := os.ReadFile(letters.Path()); err != nil || bytes.Count(text, []byte("too_large")) != 1 {
		t.Errorf("%.200s %v", text, err)
	}
}

// TestBodyLimitOfAProxy: a proxy that takes a MiB costs no record, and few requests once its limit is learned.
func TestBodyLimitOfAProxy(t *testing.T) {
	for _, aggregate := range []string{"none", "kpl"} {
		s, client := local(t, awslocal.Options{NoRates: true, Discard: true}, 2)
		s.SetFaults(awslocal.Fault{Kind: awslocal.BodyLimit, Limit: 1 << 20})
		letters := emit.NewDeadLetters(emit.DeadLetterOptions{StateDir: t.TempDir(), Flow: "f", Destination: "kinesis"})
		d := destination(t, client, func(o *options) { o.Aggregate, o.Order, o.DeadLetters = aggregate, "key", letters })
		listed(t, d)
		var records [][2]string
		for i := range 8000 {
			records = append(records, [2]string{fmt.Sprint("k", i%500), strings.Repeat("x", 2000)})
		}
		put(t, d, records)
		flush(t, d)
		c := d.Status().Counters
		refused := s.Counters().Faults["body_limit"]
		t.Logf("%s: %d of %d requests were refused for their size", aggregate, refused, c.Requests.Load())
		if c.RecordsSent.Load() != 8000 || c.RecordsDeadLettered.Load() != 0 || d.Status().Circuit.Open {
			t.Errorf("%s: %d of 8000 records are sent, %d dead letters, circuit %+v", aggregate, c.RecordsSent.Load(), c.RecordsDeadLettered.Load(), d.Status().Circuit)
		}
		if refused > 12 {
			t.Errorf("%s: %d requests were refused", aggregate, refused)
		}
	}
}
