package cloudwatch

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/kinetail/kinetail/emit/awsconfig"
	"github.com/kinetail/kinetail/emit/awslocal"
)

// TestOverTheWire publishes through the SDK, its CBOR and its gzip, to the fake endpoint, which enforces the service's limits.
func TestOverTheWire(t *testing.T) {
	srv, err := awslocal.New(awslocal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	url, err := srv.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = srv.Close() }()
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	t.Setenv("AWS_CONFIG_FILE", "/nonexistent")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
	session, err := awsconfig.Load(t.Context(), awsconfig.Options{Region: "us-east-1", Endpoint: url})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	srv.SetFaults(awslocal.Fault{Kind: awslocal.Error, Service: "cloudwatch", Code: "InternalServiceFault", Times: 1})
	log, _ := logged()
	var numbers source
	var readings []Reading
	for i := range 500 { // 2,000 series: several calls, each of them large enough for gzip
		readings = append(readings, Reading{
			Source: fmt.Sprint(i), Destination: fmt.Sprintf("KinesisStream:%d", i),
			Values: map[string]float64{"RecordsSent": 10, "LagSeconds": float64(i)},
		})
	}
	latencies := make([]Bucket, 300)
	for i := range latencies {
		latencies[i] = Bucket{float64(i + 1), 2}
	}
	readings[0].Distributions = map[string][]Bucket{"SendLatency": latencies}
	numbers.set(readings...)
	p := New(Options{
		API: session.CloudWatch(), Collect: numbers.collect, Full: true, Dimensions: map[string]string{"Env": "test"}, HighResolution: true,
		Interval: time.Second, Logger: log, Invalidate: session.Invalidate,
	})
	// Until the first interval is over; then one call has failed and its data wait for the next.
	for p.Status().LastError == "" {
		time.Sleep(time.Millisecond)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := p.Status(); s.Pending != 0 || s.Dropped != 0 {
		t.Fatalf("status %+v; the endpoint refused %v", s, srv.Counters().Refused)
	}
	destination := awslocal.Dimension{Name: "Destination", Value: "KinesisStream:7"}
	env := awslocal.Dimension{Name: "Env", Value: "test"}
	if got := srv.MetricStats("Kinetail", "RecordsSent", destination); got.Sum != 10 {
		t.Errorf("RecordsSent %+v", got)
	}
	if got := srv.MetricStats("Kinetail", "LagSeconds", destination, env); got.Maximum != 7 {
		t.Errorf("LagSeconds with dimensions %+v", got)
	}
	got := srv.MetricStats("Kinetail", "SendLatency", awslocal.Dimension{Name: "Destination", Value: "KinesisStream:0"})
	if got.SampleCount != 600 || got.Minimum != 1 || got.Maximum != 300 || math.Abs(got.Sum-2*300*301/2) > 1e-6 {
		t.Errorf("SendLatency %+v", got)
	}
	for _, d := range srv.Metrics() {
		if d.StorageResolution != 1 || d.Timestamp.IsZero() {
			t.Fatalf("%+v", d)
		}
	}
}
