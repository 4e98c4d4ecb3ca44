package awslocal

import (
	"fmt"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
)

func TestTLSAndHTTP2(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		s := start(t, Options{TLS: true, HTTP2: h2, Streams: []StreamConfig{{Name: "s"}}})
		if _, err := put(t, s, 10); err != nil {
			t.Fatal(err)
		}
		resp, err := s.Client().Get(s.URL() + "/_awslocal/counters")
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Fatal(err)
		}
		if (resp.ProtoMajor == 2) != h2 {
			t.Errorf("HTTP2 %v: spoke %s", h2, resp.Proto)
		}
		s.SetFaults(Fault{Kind: LostAnswer})
		if _, err := put(t, s, 10); err == nil || s.Counters().Records != 20 {
			t.Errorf("%v, %d records", err, s.Counters().Records)
		}
		s.Client().CloseIdleConnections()
	}
}

// TestAsHandler: a server that was never started works behind another one.
func TestAsHandler(t *testing.T) {
	inner, err := New(Options{Streams: []StreamConfig{{Name: "s"}}})
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(inner)
	defer front.Close()
	s := start(t, Options{})
	s.BaseEndpoint = &front.URL
	s.kinesis = kinesis.NewFromConfig(s.Config)
	if _, err := put(t, s, 3); err != nil || inner.Counters().Records != 3 {
		t.Fatal(err)
	}
	if err := inner.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestManyCallersAndClose: callers in parallel, while faults and shards change, until the server goes away under them.
func TestManyCallersAndClose(t *testing.T) {
	s := start(t, Options{NoRates: true, Streams: []StreamConfig{{Name: "s", Shards: 2}}})
	var callers sync.WaitGroup
	var accepted, answered sync.Map
	for i := range 8 {
		callers.Go(func() {
			for n := 0; ; n++ {
				out, err := s.kinesis.PutRecords(t.Context(), &kinesis.PutRecordsInput{StreamName: aws.String("s"), Records: entries(10, 20)})
				if err != nil {
					accepted.Store(fmt.Sprint(i, "end"), err)
					return
				}
				for _, r := range out.Records {
					if r.SequenceNumber == nil {
						continue
					}
					if _, twice := answered.LoadOrStore(*r.ShardId+*r.SequenceNumber, true); twice {
						t.Errorf("sequence number %s given twice", *r.SequenceNumber)
					}
				}
			}
		})
	}
	for i := range 5 {
		s.SetFaults(Fault{Kind: Throttle, Share: 0.2})
		_, err := s.kinesis.SplitShard(t.Context(), &kinesis.SplitShardInput{
			StreamName: aws.String("s"), ShardToSplit: aws.String(fmt.Sprintf("shardId-%012d", 2*i)), NewStartingHashKey: aws.String(fmt.Sprint(int64(1) << (60 - i))),
		})
		if err != nil {
			t.Error(err)
		}
		_ = s.Counters()
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	callers.Wait()
	stored := map[string]bool{}
	if err := s.Records("s", func(r Record) bool {
		stored[r.Shard+r.SequenceNumber] = true
		return true
	}); err != nil {
		t.Fatal(err)
	}
	answered.Range(func(key, _ any) bool {
		if !stored[key.(string)] {
			t.Errorf("%s was acknowledged and is not there", key)
		}
		return true
	})
	if int64(len(stored)) != s.Counters().Records || len(stored) == 0 {
		t.Errorf("%d stored, %d counted", len(stored), s.Counters().Records)
	}
}

func TestStreams(t *testing.T) {
	s := start(t, Options{})
	ctx := t.Context()
	for i := range 5 {
		if err := s.CreateStream(StreamConfig{Name: fmt.Sprint("s", i), Shards: 150}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.kinesis.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String("s1"), ShardCount: aws.Int32(1)}); code(err) != "ResourceInUseException" {
		t.Errorf("twice: %v", err)
	}
	if _, err := s.kinesis.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String("a b"), ShardCount: aws.Int32(1)}); code(err) != "ValidationException" {
		t.Errorf("a bad name: %v", err)
	}
	if _, err := s.kinesis.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String("x"), ShardCount: aws.Int32(1), MaxRecordSizeInKiB: aws.Int32(20000)}); code(err) != "ValidationException" {
		t.Errorf("too large records: %v", err)
	}
	if _, err := s.kinesis.DeleteStream(ctx, &kinesis.DeleteStreamInput{StreamName: aws.String("s3")}); err != nil {
		t.Error(err)
	}
	names := ""
	pages := kinesis.NewListStreamsPaginator(s.kinesis, &kinesis.ListStreamsInput{Limit: aws.Int32(3)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		names += fmt.Sprint(page.StreamNames)
	}
	if names != "[s0 s1 s2][s4]" {
		t.Error(names)
	}
	first, err := s.kinesis.DescribeStream(ctx, &kinesis.DescribeStreamInput{StreamName: aws.String("s0")})
	if err != nil || len(first.StreamDescription.Shards) != 100 || !*first.StreamDescription.HasMoreShards {
		t.Fatalf("%v %+v", err, first)
	}
	rest, err := s.kinesis.DescribeStream(ctx, &kinesis.DescribeStreamInput{StreamName: aws.String("s0"), ExclusiveStartShardId: first.StreamDescription.Shards[99].ShardId})
	if err != nil || len(rest.StreamDescription.Shards) != 50 || *rest.StreamDescription.HasMoreShards {
		t.Fatalf("%v %+v", err, rest)
	}
	if _, err := s.kinesis.UpdateMaxRecordSize(ctx, &kinesis.UpdateMaxRecordSizeInput{StreamARN: rest.StreamDescription.StreamARN, MaxRecordSizeInKiB: aws.Int32(2048)}); err != nil {
		t.Error(err)
	}
	sum, err := s.kinesis.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: aws.String("s0")})
	if err != nil || *sum.StreamDescriptionSummary.MaxRecordSizeInKiB != 2048 || *sum.StreamDescriptionSummary.OpenShardCount != 150 {
		t.Errorf("%v %+v", err, sum)
	}
}

func TestMetricsReadBack(t *testing.T) {
	at := newClock()
	s := start(t, Options{Now: at.Now})
	ctx := t.Context()
	dims := []cwtypes.Dimension{{Name: aws.String("B"), Value: aws.String("2")}, {Name: aws.String("A"), Value: aws.String("1")}}
	send := func(d cwtypes.MetricDatum) string {
		d.MetricName, d.Dimensions = aws.String("Latency"), dims
		_, err := s.cloudwatch.PutMetricData(ctx, &cloudwatch.PutMetricDataInput{Namespace: aws.String("N"), MetricData: []cwtypes.MetricDatum{d}})
		return code(err)
	}
	tooMany := make([]float64, 151)
	for _, tt := range []struct {
		datum cwtypes.MetricDatum
		want  string
	}{
		{cwtypes.MetricDatum{Value: aws.Float64(5)}, ""},
		{cwtypes.MetricDatum{Values: []float64{1, 10}, Counts: []float64{3, 2}}, ""},
		{cwtypes.MetricDatum{StatisticValues: &cwtypes.StatisticSet{SampleCount: aws.Float64(2), Sum: aws.Float64(40), Minimum: aws.Float64(15), Maximum: aws.Float64(25)}, Timestamp: aws.Time(at.Now().Add(-time.Hour))}, ""},
		{cwtypes.MetricDatum{}, "MissingRequiredParameter"},
		{cwtypes.MetricDatum{Value: aws.Float64(1), Values: []float64{1}}, "InvalidParameterCombination"},
		{cwtypes.MetricDatum{Values: []float64{1}, Counts: []float64{1, 2}}, "InvalidParameterValue"},
		{cwtypes.MetricDatum{Values: tooMany}, "InvalidParameterValue"},
		{cwtypes.MetricDatum{Value: aws.Float64(1), Timestamp: aws.Time(at.Now().Add(-15 * 24 * time.Hour))}, "InvalidParameterValue"},
		{cwtypes.MetricDatum{Value: aws.Float64(1), Timestamp: aws.Time(at.Now().Add(3 * time.Hour))}, "InvalidParameterValue"},
	} {
		if got := send(tt.datum); got != tt.want {
			t.Errorf("%+v: got %q, want %q", tt.datum, got, tt.want)
		}
	}
	if got, want := s.MetricStats("N", "Latency", Dimension{"A", "1"}, Dimension{"B", "2"}), (StatisticSet{8, 68, 1, 25}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	listed, err := s.cloudwatch.ListMetrics(ctx, &cloudwatch.ListMetricsInput{Namespace: aws.String("N"), Dimensions: []cwtypes.DimensionFilter{{Name: aws.String("A")}}})
	if err != nil || len(listed.Metrics) != 1 || *listed.Metrics[0].MetricName != "Latency" || len(listed.Metrics[0].Dimensions) != 2 {
		t.Fatalf("%v %+v", err, listed)
	}
	out, err := s.cloudwatch.GetMetricData(ctx, &cloudwatch.GetMetricDataInput{
		StartTime: aws.Time(at.Now().Add(-2 * time.Hour)), EndTime: aws.Time(at.Now().Add(time.Minute)),
		MetricDataQueries: []cwtypes.MetricDataQuery{{Id: aws.String("q"), MetricStat: &cwtypes.MetricStat{
			Metric: &listed.Metrics[0], Period: aws.Int32(60), Stat: aws.String("Sum"),
		}}},
	})
	if err != nil || len(out.MetricDataResults) != 1 {
		t.Fatal(err)
	}
	if got := out.MetricDataResults[0]; fmt.Sprint(got.Values) != "[28 40]" || !got.Timestamps[0].Equal(at.Now()) || !got.Timestamps[1].Equal(at.Now().Add(-time.Hour)) {
		t.Errorf("%+v", got)
	}
}
