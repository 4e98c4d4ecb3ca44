package kinesis

import (
	"bytes"
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
