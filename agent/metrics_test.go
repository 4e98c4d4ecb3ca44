package agent

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/agent/status"
	"github.com/kinetail/kinetail/emit/awslocal"
	"github.com/kinetail/kinetail/emit/cloudwatch"
)

const metricsConfig = `
agent {
  state_dir = %q
}
aws {
  region   = "us-east-1"
  endpoint = %q
}
metrics "cloudwatch" {
  enabled         = true
  interval        = "1s"
  detail          = %q
  high_resolution = true
  dimensions      = { Env = "test" }
  aws {
    region = "eu-central-1"
  }
}
flow "access" {
  tail {
    paths           = [%q]
    start_at        = "beginning"
    max_record_size = "1KiB"
  }
  filter {
    drop = startswith(record.message, "drop me")
  }
  filter {
    keep = record.nothing > 1
  }
  emit "kinesis" {
    stream        = "s"
    partition_key = "k"
    aggregate     = "kpl"
    max_wait      = "50ms"
  }
  emit "firehose" {
    stream   = "d"
    max_wait = "50ms"
  }
}
`

// Every name that is promised, with its unit; rare ones are published from their first event on, so not all of them are seen here.
var (
	standardNames = map[string]string{
		"RecordSendAttempts": "Count", "RecordSendErrors": "Count", "RecordsSent": "Count", "BytesSent": "Bytes", "ServiceErrors": "Count",
		"RecordsRetried": "Count", "RecordsDropped": "Count", "RecordsDeadLettered": "Count", "GapBytes": "Bytes", "CheckpointErrors": "Count",
		"FilesRefused": "Count", "ConfigErrors": "Count", "LagBytes": "Bytes", "LagSeconds": "Seconds", "AgentsRunning": "Count",
	}
	fullNames = map[string]string{
		"RecordsThrottled": "Count", "RecordsReordered": "Count", "RecordsTruncated": "Count", "UnknownOutcomes": "Count", "LateBytes": "Bytes",
		"FilterUndecided": "Count", "FilesFollowed": "Count", "FileGaps": "Count", "RecordsPerKinesisRecord": "Count",
		"SendLatency": "Milliseconds", "DeliveryLatency": "Milliseconds",
	}
	notHere = []string{"RecordsDeadLettered", "GapBytes", "CheckpointErrors", "FilesRefused"}
)

// published runs an agent against a service that throttles and forgets to answer, and returns what reached CloudWatch, and the last snapshot.
func published(t *testing.T, detail string) ([]awslocal.MetricDatum, *status.Snapshot) {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	server, err := awslocal.New(awslocal.Options{
		Streams: []awslocal.StreamConfig{{Name: "s", Shards: 1}}, DeliveryStreams: []awslocal.DeliveryStreamConfig{{Name: "d"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	url, err := server.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	server.SetFaults(
		awslocal.Fault{Kind: awslocal.Throttle, Stream: "d", Share: 0.5, Times: 1},
		awslocal.Fault{Kind: awslocal.LostAnswer, Stream: "s", Times: 1},
	)
	dir := t.TempDir()
	log := filepath.Join(dir, "a.log")
	write(t, log, strings.Repeat("a line\n", 300)+"drop me\n"+strings.Repeat("x", 2000)+"\n")
	path := filepath.Join(dir, "kinetail.hcl")
	write(t, path, fmt.Sprintf(metricsConfig, filepath.Join(dir, "state"), url, detail, log))
	cfg, diags := config.Load(path, config.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	a, err := New(Options{Config: cfg, Version: "test", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- a.Run(ctx) }()
	deadline := time.Now().Add(20 * time.Second)
	for {
		s := a.Snapshot()
		if len(s.Flows) > 0 && len(s.Flows[0].Destinations) == 2 && s.Flows[0].Destinations[0].Counters["RecordsSent"] == 301 &&
			s.Flows[0].Destinations[1].Counters["RecordsSent"] == 301 && s.Flows[0].LagBytes == 0 && s.Metrics != nil && s.Metrics.Calls > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("not delivered: %+v", s)
		}
		time.Sleep(10 * time.Millisecond)
	}
	s := a.Snapshot()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	return server.Metrics(), s
}

func TestEveryMetricIsPublished(t *testing.T) {
	want, seen := map[string]string{}, map[string]bool{}
	for _, detail := range []string{"standard", "full"} {
		for name, unit := range map[string]map[string]string{"standard": standardNames, "full": fullNames}[detail] {
			want[name] = unit
		}
		t.Run(detail, func(t *testing.T) {
			data, snapshot := published(t, detail)
			sums, counts, units := map[string]float64{}, map[string]float64{}, map[string]string{}
			for _, d := range data {
				units[d.MetricName] = d.Unit
				if d.StorageResolution != 1 {
					t.Errorf("%s has a resolution of %d s", d.MetricName, d.StorageResolution)
				}
				if slices.ContainsFunc(d.Dimensions, func(d awslocal.Dimension) bool { return d.Name == "Env" }) {
					counts["with Env"]++
					if d.MetricName != "LagSeconds" {
						t.Errorf("%s has the second series", d.MetricName)
					}
					continue
				}
				for i, v := range d.Values {
					sums[d.MetricName] += v * d.Counts[i]
					counts[d.MetricName] += d.Counts[i]
				}
				if d.Value != nil {
					sums[d.MetricName] += *d.Value
				}
			}
			for name, unit := range units {
				if want[name] != unit {
					t.Errorf("%s in %s is published, want %q", name, unit, want[name])
				}
			}
			for name := range want {
				if units[name] == "" && !slices.Contains(notHere, name) {
					t.Errorf("%s is not published", name)
				}
			}
			// What is certain: 301 records (with a line end each for Firehose) to each of two destinations, one dropped, one truncated.
			if sums["RecordsSent"] != 602 || sums["BytesSent"] != 2*(300*6+1024)+301 || sums["RecordsDropped"] != 2 || sums["ServiceErrors"] == 0 {
				t.Errorf("%v", sums)
			}
			// What a fleet pays for: each of these is a custom metric, whatever the number of hosts. docs/operations.md has the numbers.
			series := map[string]int{}
			for _, d := range data {
				destination := "agent"
				for _, dim := range d.Dimensions {
					if dim.Name == "Destination" {
						destination = dim.Value
					}
					if dim.Name == "Env" {
						destination = "Env"
					}
				}
				if !seen[destination+d.MetricName+detail] && !slices.Contains([]string{"RecordsDropped"}, d.MetricName) {
					series[destination]++
				}
				seen[destination+d.MetricName+detail] = true
			}
			each := map[string]int{"standard": 8, "full": 19}[detail]
			if series["agent"] != 2 || series["KinesisStream:s"] != each || series["DeliveryStream:d"] != each {
				t.Errorf("custom metrics: %v", series)
			}
			if counts["with Env"] == 0 {
				t.Error("LagSeconds has no second series")
			}
			if detail == "full" {
				if sums["RecordsTruncated"] != 2 || sums["FilterUndecided"] != 602 || sums["UnknownOutcomes"] == 0 || sums["RecordsThrottled"] == 0 {
					t.Errorf("%v", sums)
				}
				if counts["DeliveryLatency"] != 602 || counts["SendLatency"] < 2 || counts["RecordsPerKinesisRecord"] < 300 || sums["RecordsPerKinesisRecord"] < 500 {
					t.Errorf("counts %v, sums %v", counts, sums)
				}
			}
			onPrometheus(t, snapshot)
		})
	}
}

// onPrometheus wants the same numbers under their names there, whatever detail CloudWatch gets.
func onPrometheus(t *testing.T, s *status.Snapshot) {
	t.Helper()
	w := httptest.NewRecorder()
	status.Handler(func() *status.Snapshot { return s }, nil, func() error { return nil }).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	text := w.Body.String()
	for _, want := range []string{
		`kinetail_records_sent_total{destination="kinesis",flow="access"} 301`,
		`kinetail_bytes_sent_total{destination="firehose",flow="access"} 3125`, // with their line ends,
		`kinetail_records_filtered_total{flow="access",reason="filter"} 1`,
		`kinetail_filter_undecided_total{flow="access"} 301`,
		`kinetail_records_truncated_total{flow="access"} 1`,
		`kinetail_delivery_latency_seconds_count{destination="kinesis",flow="access"} 301`,
		`kinetail_records_per_kinesis_record_sum{destination="kinesis",flow="access"} 301`,
		"# TYPE kinetail_send_latency_seconds histogram",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
	for _, name := range []string{
		"record_send_attempts_total", "record_send_errors_total", "service_errors_total", "records_retried_total", "records_dropped_total",
		"records_dead_lettered_total", "gap_bytes_total", "checkpoint_errors_total", "files_refused_total", "config_errors", "lag_bytes", "lag_seconds",
		"records_throttled_total", "records_reordered_total", "unknown_outcomes_total", "late_bytes_total", "files_followed", "file_gaps_total",
		"cloudwatch_calls_total",
	} {
		if !strings.Contains(text, "\n# TYPE kinetail_"+name+" ") {
			t.Errorf("/metrics lacks kinetail_%s", name)
		}
	}
}

// A flow that cannot run is seen in the metrics, too: with the time that it does not.
func TestAFlowThatDoesNotRunLags(t *testing.T) {
	s := &supervised{
		cfg:   &config.Flow{Name: "f", Emits: []*config.Emit{{Name: "kinesis", Kind: "kinesis", StreamARN: "arn:aws:kinesis:eu-west-1:1:stream/s"}}},
		state: status.StateFailed, down: time.Now().Add(-time.Minute),
	}
	all := readings(&status.Snapshot{Flows: []status.Flow{s.total(true)}})
	i := slices.IndexFunc(all, func(r cloudwatch.Reading) bool { return r.Destination == "KinesisStream:s" })
	if i < 0 || all[i].Values["LagSeconds"] < 60 {
		t.Errorf("%+v", all)
	}
}
