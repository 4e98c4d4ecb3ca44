package kinesis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/kinetail/kinetail/emit/awslocal"
	"github.com/kinetail/kinetail/emit/awslocal/inprocess"
	"github.com/kinetail/kinetail/emit/awslocal/readback"
)

func processed(t *testing.T, shards int, jsonOnly bool) (*awslocal.Server, *kinesis.Client) {
	t.Helper()
	s, err := awslocal.New(awslocal.Options{Seed: 7, JSONOnly: jsonOnly, Streams: []awslocal.StreamConfig{{Name: "s", Shards: shards}}})
	if err != nil {
		t.Fatal(err)
	}
	return s, kinesis.NewFromConfig(aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String("http://127.0.0.1:1"), HTTPClient: inprocess.Client{Server: s}, RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIATEST", SecretAccessKey: "secret"}, nil
		}),
	})
}

// TestFaultMatrix is every class of error, before the write, after it, and for single records, against every way of packing: nothing
// is lost, keys stay in order, and repeats are no more than the counted unknown outcomes.
func TestFaultMatrix(t *testing.T) {
	one := func(f awslocal.Fault) []awslocal.Fault { return []awslocal.Fault{f} }
	faults := map[string][]awslocal.Fault{
		// Before the write.
		"500":              one(awslocal.Fault{Kind: awslocal.Error, Share: 0.4}),
		"503":              one(awslocal.Fault{Kind: awslocal.Error, Code: "ServiceUnavailable", Status: 503, Share: 0.4}),
		"reset":            one(awslocal.Fault{Kind: awslocal.Reset, Share: 0.4}),
		"slow":             one(awslocal.Fault{Kind: awslocal.Latency, Delay: time.Minute, Share: 0.2}),
		"too many calls":   one(awslocal.Fault{Kind: awslocal.Error, Code: "LimitExceededException", Share: 0.5}),
		"expired":          one(awslocal.Fault{Kind: awslocal.Error, Code: "ExpiredTokenException", Share: 0.4}),
		"expired for long": one(awslocal.Fault{Kind: awslocal.Error, Code: "ExpiredTokenException"}),
		"denied":           one(awslocal.Fault{Kind: awslocal.Error, Code: "AccessDeniedException"}),
		"no stream":        one(awslocal.Fault{Kind: awslocal.Error, Code: "ResourceNotFoundException"}),
		"no key":           one(awslocal.Fault{Kind: awslocal.Error, Code: "KMSDisabledException"}),
		"refused":          one(awslocal.Fault{Kind: awslocal.Error, Code: "ValidationException"}),
		"body limit":       one(awslocal.Fault{Kind: awslocal.BodyLimit, Limit: 3000}),
		"clock":            one(awslocal.Fault{Kind: awslocal.ClockSkew, Delay: time.Hour}),
		// After the write, with the answer lost.
		"answer lost":      one(awslocal.Fault{Kind: awslocal.LostAnswer, Share: 0.4}),
		"answer cut":       one(awslocal.Fault{Kind: awslocal.CutAnswer, Share: 0.4}),
		"wrong count":      one(awslocal.Fault{Kind: awslocal.WrongCount, Share: 0.4}),
		"one too many":     one(awslocal.Fault{Kind: awslocal.WrongCount, Extra: 1, Share: 0.4}),
		"throttle a shard": one(awslocal.Fault{Kind: awslocal.Throttle, Shard: "shardId-000000000001"}),
	}
	for _, percent := range []int{1, 10, 50} {
		share := float64(percent) / 100
		for code, f := range map[string]awslocal.Fault{
			"throttled":       {Kind: awslocal.Throttle, Share: share},
			"InternalFailure": {Kind: awslocal.RecordError, Share: share},
			"KMS throttled":   {Kind: awslocal.RecordError, Code: "KMSThrottlingException", Share: share},
		} {
			faults[fmt.Sprintf("%s %d%%", code, percent)] = one(f)
			faults[fmt.Sprintf("%s %d%%, answers lost", code, percent)] = []awslocal.Fault{f, {Kind: awslocal.LostAnswer, Share: 0.3}}
		}
	}
	for name, fault := range faults {
		t.Run(name+"/kpl/order=key/JSON", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { matrix(t, fault, "kpl", "key", true, 1) })
		})
		for _, aggregate := range []string{"none", "kpl", "lines"} {
			for _, order := range []string{"none", "key"} {
				flows := 1 + 2*(len(name)+len(aggregate)+len(order))%4 // 1 or 3
				t.Run(fmt.Sprintf("%s/%s/order=%s/flows=%d", name, aggregate, order, flows), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { matrix(t, fault, aggregate, order, false, flows) })
				})
			}
		}
	}
}

func matrix(t *testing.T, faults []awslocal.Fault, aggregate, order string, jsonOnly bool, flows int) {
	s, client := processed(t, 3, jsonOnly)
	defer s.Close()
	d := destination(t, client, func(o *options) {
		o.Aggregate, o.Order, o.AggregateSize, o.ShardRateLimit = aggregate, order, 1000, 1.5
	})
	ports := []*joined{d}
	for len(ports) < flows {
		ports = append(ports, d.another(t))
	}
	defer func() {
		for _, p := range ports {
			_ = p.Close()
		}
	}()
	var timed []awslocal.Fault
	for _, f := range faults {
		f.For = 5 * time.Minute
		timed = append(timed, f)
	}
	s.SetFaults(timed...)
	records := numbered(300, 25)
	for i := range records {
		records[i][1] += "\n"
	}
	var acked []func() int
	for i := range 3 {
		acked = append(acked, put(t, ports[i%flows], records[100*i:100*i+100]))
	}
	time.Sleep(10 * time.Minute)
	for _, p := range ports {
		flush(t, p)
	}
	for i := range acked {
		if acked[i]() != 1 {
			t.Errorf("batch %d is not acknowledged", i)
		}
	}
	got, last, total := map[string]int{}, map[string]string{}, 0
	err := s.Records("s", func(r awslocal.Record) bool {
		subs, ok := readback.Deaggregate(r.Data)
		if !ok {
			subs = nil
			for line := range strings.Lines(string(r.Data)) {
				subs = append(subs, readback.SubRecord{PartitionKey: r.PartitionKey, Data: []byte(line)})
			}
		}
		for _, sub := range subs {
			data := string(sub.Data)
			total++
			_, number, _ := strings.Cut(strings.TrimSpace(data), "|")
			n, err := strconv.Atoi(number)
			if err != nil {
				t.Fatalf("%q arrived", data)
			}
			from := fmt.Sprint(n/100%flows, " ", sub.PartitionKey) // each flow keeps its own order
			if got[data]++; got[data] == 1 && order == "key" {
				if data < last[from] {
					t.Errorf("%q came after %q", data, last[from])
				}
				last[from] = data
			}
		}
		return true
	})
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	var sum [6]int64
	for _, p := range ports {
		c := p.Status().Counters
		for i, n := range []*atomic.Int64{&c.UnknownOutcomes, &c.RecordsSent, &c.RecordsDeadLettered, &c.Requests, &c.RecordsThrottled, &c.RecordsRetried} {
			sum[i] += n.Load()
		}
	}
	if len(got) != 300 || int64(total-300) > sum[0] || sum[1] != 300 || sum[2] != 0 {
		t.Errorf("%d of 300 records arrived, %d in all, %d unknown outcomes, %d counted as sent, %d dead letters", len(got), total, sum[0], sum[1], sum[2])
	}
	t.Logf("%d requests, %d repeats, %d unknown outcomes, %d throttled, %d retried", sum[3], total-300, sum[0], sum[4], sum[5])
	if sum[3] > 3000 {
		t.Errorf("%d requests in ten minutes: a hammer", sum[3])
	}
}
