package firehose

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/kinetail/kinetail/emit"
	"github.com/kinetail/kinetail/emit/awscall"
	"github.com/kinetail/kinetail/emit/awslocal"
	"github.com/kinetail/kinetail/emit/awslocal/inprocess"
	"github.com/kinetail/kinetail/emit/lane"
	"github.com/kinetail/kinetail/emit/wire"
	"github.com/kinetail/kinetail/tailer/memory"
)

// TestFaultMatrix is every class of error, before the write, after it, and for single records, with and without aggregation, of one flow and of
// several: nothing is lost, and repeats are no more than the counted unknown outcomes.
func TestFaultMatrix(t *testing.T) {
	one := func(f awslocal.Fault) []awslocal.Fault { return []awslocal.Fault{f} }
	faults := map[string][]awslocal.Fault{
		// Before the write.
		"500":            one(awslocal.Fault{Kind: awslocal.Error, Share: 0.4}),
		"503":            one(awslocal.Fault{Kind: awslocal.Error, Code: "ServiceUnavailable", Status: 503, Share: 0.4}),
		"short of room":  one(awslocal.Fault{Kind: awslocal.Error, Code: "ServiceUnavailableException", Share: 0.4}),
		"reset":          one(awslocal.Fault{Kind: awslocal.Reset, Share: 0.4}),
		"slow":           one(awslocal.Fault{Kind: awslocal.Latency, Delay: time.Minute, Share: 0.2}),
		"too many calls": one(awslocal.Fault{Kind: awslocal.Error, Code: "LimitExceededException", Share: 0.5}),
		"expired":        one(awslocal.Fault{Kind: awslocal.Error, Code: "ExpiredTokenException", Share: 0.4}),
		"denied":         one(awslocal.Fault{Kind: awslocal.Error, Code: "AccessDeniedException"}),
		"no stream":      one(awslocal.Fault{Kind: awslocal.Error, Code: "ResourceNotFoundException"}),
		"no source":      one(awslocal.Fault{Kind: awslocal.Error, Code: "InvalidSourceException"}),
		"refused":        one(awslocal.Fault{Kind: awslocal.Error, Code: "InvalidArgumentException"}),
		"body limit":     one(awslocal.Fault{Kind: awslocal.BodyLimit, Limit: 3000}),
		"clock":          one(awslocal.Fault{Kind: awslocal.ClockSkew, Delay: time.Hour}),
		// After the write, with the answer lost.
		"answer lost":  one(awslocal.Fault{Kind: awslocal.LostAnswer, Share: 0.4}),
		"answer cut":   one(awslocal.Fault{Kind: awslocal.CutAnswer, Share: 0.4}),
		"wrong count":  one(awslocal.Fault{Kind: awslocal.WrongCount, Share: 0.4}),
		"one too many": one(awslocal.Fault{Kind: awslocal.WrongCount, Extra: 1, Share: 0.4}),
	}
	for _, percent := range []int{1, 10, 50} {
		share := float64(percent) / 100
		for code, f := range map[string]awslocal.Fault{
			"throttled":       {Kind: awslocal.Throttle, Share: share},
			"InternalFailure": {Kind: awslocal.RecordError, Share: share},
		} {
			faults[fmt.Sprintf("%s %d%%", code, percent)] = one(f)
			faults[fmt.Sprintf("%s %d%%, answers lost", code, percent)] = []awslocal.Fault{f, {Kind: awslocal.LostAnswer, Share: 0.3}}
		}
	}
	for name, fault := range faults {
		for _, aggregate := range []string{"none", "lines"} {
			for _, flows := range []int{1, 3} {
				t.Run(fmt.Sprintf("%s/%s/flows=%d", name, aggregate, flows), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { matrix(t, fault, aggregate, flows) })
				})
			}
		}
	}
}

func matrix(t *testing.T, faults []awslocal.Fault, aggregate string, flows int) {
	s, err := awslocal.New(awslocal.Options{Seed: 7, DeliveryStreams: []awslocal.DeliveryStreamConfig{{Name: "archive"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	e, err := New(Options{
		Stream: "archive", Aggregate: aggregate, AggregateSize: 1000, MaxWait: 50 * time.Millisecond, Log: slog.New(slog.DiscardHandler),
		Client: awscall.NewFirehose(aws.Config{
			Region: "us-east-1", BaseEndpoint: aws.String("http://127.0.0.1:1"), HTTPClient: inprocess.Client{Server: s}, RetryMaxAttempts: 1,
			Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: "AKIATEST", SecretAccessKey: "secret"}, nil
			}),
		}, wire.Firehose),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	var benches []*bench
	for i := range flows {
		b := &bench{t: t, srv: s, share: memory.New(32 << 20).Share()}
		if b.dest, err = e.Join(lane.PortOptions{
			Flow: fmt.Sprint("f", i), Memory: b.share,
			DeadLetters: emit.NewDeadLetters(emit.DeadLetterOptions{StateDir: t.TempDir(), Flow: "f", Destination: "firehose"}),
		}); err != nil {
			t.Fatal(err)
		}
		benches = append(benches, b)
	}
	var timed []awslocal.Fault
	for _, f := range faults {
		f.For = 5 * time.Minute
		timed = append(timed, f)
	}
	s.SetFaults(timed...)
	records := numbered(300)
	for i := range 3 {
		benches[i%flows].send(records[100*i : 100*i+100]...)
	}
	time.Sleep(10 * time.Minute)
	var sum [5]int64
	for _, b := range benches {
		b.settle()
		c := b.dest.Status().Counters
		for i, n := range []*atomic.Int64{&c.UnknownOutcomes, &c.RecordsSent, &c.RecordsDeadLettered, &c.Requests, &c.RecordsThrottled} {
			sum[i] += n.Load()
		}
	}
	arrived := benches[0].delivered()
	if aggregate == "lines" {
		arrived = splitLines(arrived)
	}
	lost, repeated, strange := compare(records, arrived)
	if lost > 0 || strange > 0 || int64(repeated) > sum[0] || sum[1] != 300 || sum[2] != 0 {
		t.Errorf("lost %d, strange %d, repeated %d with %d unknown outcomes, %d counted as sent, %d dead letters", lost, strange, repeated, sum[0], sum[1], sum[2])
	}
	t.Logf("%d requests, %d repeats, %d unknown outcomes, %d throttled", sum[3], repeated, sum[0], sum[4])
	if sum[3] > 3000 {
		t.Errorf("%d requests in ten minutes: a hammer", sum[3])
	}
}
