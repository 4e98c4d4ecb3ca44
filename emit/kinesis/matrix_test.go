package kinesis

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/kinetail/kinetail/emit/awslocal"
	"github.com/kinetail/kinetail/emit/awslocal/readback"
	"github.com/kinetail/kinetail/emit/wire"
)

// inProcess calls the service without a network, so that time may be a bubble's.
type inProcess struct{ *awslocal.Server }

func (p inProcess) Do(r *http.Request) (answer *http.Response, err error) {
	w := httptest.NewRecorder()
	defer func() {
		switch v := recover(); {
		case v == nil:
			answer = w.Result()
		case v != http.ErrAbortHandler:
			panic(v)
		case r.Context().Err() != nil:
			err = r.Context().Err()
		case w.Body.Len() > 0: // cut off
			answer = w.Result()
			answer.Body = io.NopCloser(io.MultiReader(w.Body, broken{}))
		default:
			err = syscall.ECONNRESET
		}
	}()
	r.RequestURI = r.URL.RequestURI()
	p.ServeHTTP(w, r)
	return nil, nil // see above
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func processed(t *testing.T, shards int, jsonOnly bool) (*awslocal.Server, *kinesis.Client) {
	t.Helper()
	s, err := awslocal.New(awslocal.Options{Seed: 7, JSONOnly: jsonOnly, Streams: []awslocal.StreamConfig{{Name: "s", Shards: shards}}})
	if err != nil {
		t.Fatal(err)
	}
	return s, kinesis.NewFromConfig(aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String("http://127.0.0.1:1"), HTTPClient: inProcess{s}, RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIATEST", SecretAccessKey: "secret"}, nil
		}),
	}, wire.Kinesis)
}

// TestFaultMatrix is every class of error, before the write, after it, and for single records, against every way of packing: nothing
// is lost, keys stay in order, and repeats are no more than the counted unknown outcomes.
func TestFaultMatrix(t *testing.T) {
	faults := map[string]awslocal.Fault{
		"500":              {Kind: awslocal.Error, Share: 0.4},
		"503":              {Kind: awslocal.Error, Code: "ServiceUnavailable", Status: 503, Share: 0.4},
		"reset":            {Kind: awslocal.Reset, Share: 0.4},
		"answer lost":      {Kind: awslocal.LostAnswer, Share: 0.4},
		"answer cut":       {Kind: awslocal.CutAnswer, Share: 0.4},
		"wrong count":      {Kind: awslocal.WrongCount, Share: 0.4},
		"one too many":     {Kind: awslocal.WrongCount, Extra: 1, Share: 0.4},
		"slow":             {Kind: awslocal.Latency, Delay: time.Minute, Share: 0.2},
		"throttle 1%":      {Kind: awslocal.Throttle, Share: 0.01},
		"throttle 10%":     {Kind: awslocal.Throttle, Share: 0.1},
		"throttle 50%":     {Kind: awslocal.Throttle, Share: 0.5},
		"throttle a shard": {Kind: awslocal.Throttle, Shard: "shardId-000000000001"},
		"InternalFailure":  {Kind: awslocal.RecordError, Share: 0.5},
		"KMS throttling":   {Kind: awslocal.RecordError, Code: "KMSThrottlingException", Share: 0.1},
		"too many calls":   {Kind: awslocal.Error, Code: "LimitExceededException", Share: 0.5},
		"expired":          {Kind: awslocal.Error, Code: "ExpiredTokenException", Share: 0.4},
		"expired for long": {Kind: awslocal.Error, Code: "ExpiredTokenException"},
		"denied":           {Kind: awslocal.Error, Code: "AccessDeniedException"},
		"no stream":        {Kind: awslocal.Error, Code: "ResourceNotFoundException"},
		"no key":           {Kind: awslocal.Error, Code: "KMSDisabledException"},
		"refused":          {Kind: awslocal.Error, Code: "ValidationException"},
		"body limit":       {Kind: awslocal.BodyLimit, Limit: 3000},
		"clock":            {Kind: awslocal.ClockSkew, Delay: time.Hour},
	}
	for name, fault := range faults {
		t.Run(name+"/kpl/order=key/JSON", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { matrix(t, fault, "kpl", "key", true) })
		})
		for _, aggregate := range []string{"none", "kpl", "lines"} {
			for _, order := range []string{"none", "key"} {
				t.Run(fmt.Sprintf("%s/%s/order=%s", name, aggregate, order), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { matrix(t, fault, aggregate, order, false) })
				})
			}
		}
	}
}

func matrix(t *testing.T, fault awslocal.Fault, aggregate, order string, jsonOnly bool) {
	s, client := processed(t, 3, jsonOnly)
	defer s.Close()
	d := destination(t, client, func(o *options) {
		o.Aggregate, o.Order, o.AggregateSize, o.ShardRateLimit = aggregate, order, 1000, 1.5
	})
	defer d.Close()
	fault.For = 5 * time.Minute
	s.SetFaults(fault)
	records := numbered(300, 25)
	for i := range records {
		records[i][1] += "\n"
	}
	acked := put(t, d, records)
	time.Sleep(10 * time.Minute)
	flush(t, d)
	if acked() != 3 {
		t.Errorf("%d of 3 batches are acknowledged", acked())
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
			if got[data]++; got[data] == 1 && order == "key" {
				if data < last[sub.PartitionKey] {
					t.Errorf("%q came after %q", data, last[sub.PartitionKey])
				}
				last[sub.PartitionKey] = data
			}
		}
		return true
	})
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	c := d.Status().Counters
	if len(got) != 300 || int64(total-300) > c.UnknownOutcomes.Load() || c.RecordsSent.Load() != 300 || c.RecordsDeadLettered.Load() != 0 {
		t.Errorf("%d of 300 records arrived, %d in all, %d unknown outcomes, %d counted as sent, %d dead letters", len(got), total,
			c.UnknownOutcomes.Load(), c.RecordsSent.Load(), c.RecordsDeadLettered.Load())
	}
	t.Logf("%d requests, %d repeats, %d unknown outcomes, %d throttled, %d retried", c.Requests.Load(), total-300, c.UnknownOutcomes.Load(),
		c.RecordsThrottled.Load(), c.RecordsRetried.Load())
	if n := c.Requests.Load(); n > 3000 {
		t.Errorf("%d requests in ten minutes: a hammer", n)
	}
}
