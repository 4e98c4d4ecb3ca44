package status

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func sample() *Snapshot {
	return &Snapshot{
		Version: "1.2.3",
		Flows: []Flow{{
			Name: "web", State: StateRunning, LagBytes: 42, LagSeconds: 1.5, GapBytes: 7,
			FilesFollowed: 2,
			Destinations: []Destination{{
				Name: "kinesis", Kind: "kinesis", Counters: map[string]int64{"RecordsSent": 9}, QueuedBytes: 3,
			}},
		}},
	}
}

func get(t *testing.T, h http.Handler, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

// An interruption is nobody's business; an outage is. Files are the buffer meanwhile, so it is no reason for a restart.
func TestReadyAndOutages(t *testing.T) {
	s := sample()
	h := Handler(func() *Snapshot { return s }, nil, func() error { return nil })
	d := &s.Flows[0].Destinations[0]
	since := time.Now().Add(-59 * time.Second)
	d.FailingSince, d.QueuedRecords, d.LastError = &since, 1, "no credentials: none found"
	if code, _ := get(t, h, "/readyz"); code != 200 {
		t.Errorf("/readyz after less than a minute: %d", code)
	}
	since = since.Add(-2 * time.Second)
	code, body := get(t, h, "/readyz")
	if code != 503 || !strings.Contains(body, "flow web: kinesis takes nothing since") || !strings.Contains(body, "no credentials: none found") {
		t.Errorf("/readyz after more than a minute: %d %s", code, body)
	}
	if code, _ := get(t, h, "/healthz"); code != 200 {
		t.Errorf("/healthz: %d", code)
	}
	d.QueuedRecords = 0 // it was another flow's request: nothing tries again, and nothing waits
	if code, body := get(t, h, "/readyz"); code != 200 {
		t.Errorf("/readyz while there is nothing to send: %d %s", code, body)
	}
}

// A file that cannot be read is said, and is no reason not to be ready as long as others of the flow are read.
func TestReadyAndUnreadableFiles(t *testing.T) {
	s := sample()
	h := Handler(func() *Snapshot { return s }, nil, nil)
	f := &s.Flows[0]
	f.Skipped = []Skipped{{Path: "/var/log/private.log", Reason: "permission denied", Failed: true}, {Path: "/var/log/pipe", Reason: "is a pipe"}}
	if code, body := get(t, h, "/readyz"); code != 200 || !strings.Contains(body, `"ok":true,"reasons":["flow web: a file cannot be read: /var/log/private.log: permission denied"]`) {
		t.Errorf("one of three: %d %s", code, body)
	}
	f.Files = []File{{Path: "/var/log/a.log", State: "input/output error"}, {Path: "/var/log/b.log", State: "input/output error"}}
	if code, body := get(t, h, "/readyz"); code != 503 || !strings.Contains(body, `"ok":false,"reasons":["flow web can read none of its 3 files: /var/log/a.log: input/output error"]`) {
		t.Errorf("all of three: %d %s", code, body)
	}
	if n := len(s.Problems(time.Now())); n != 1 {
		t.Errorf("%d problems: %v", n, s.Problems(time.Now()))
	}
	if f.NoFiles() {
		t.Error("files that cannot be read are none")
	}
	f.FilesFollowed, f.Files, f.Skipped, f.Looks = 0, nil, f.Skipped[1:], 2
	if p := s.Problems(time.Now()); len(p) != 1 || p[0].Severity != Note || !strings.Contains(p[0].What, "flow web follows no file") {
		t.Errorf("a flow without files: %v", p)
	}
	if code, body := get(t, h, "/readyz"); code != 200 || !strings.Contains(body, `"reasons":[]`) {
		t.Errorf("none at all: %d %s", code, body)
	}
}

func TestReadyUntilSomethingIsWrong(t *testing.T) {
	s := sample()
	var dead error
	h := Handler(func() *Snapshot { return s }, nil, func() error { return dead })
	if code, body := get(t, h, "/readyz"); code != 200 || !strings.Contains(body, `"ok":true,"reasons":[]`) {
		t.Errorf("/readyz: %d %s", code, body)
	}
	empty := Handler(func() *Snapshot { return &Snapshot{} }, nil, nil)
	if code, body := get(t, empty, "/readyz"); code != 503 || !strings.Contains(body, "is starting") {
		t.Errorf("/readyz before any flow runs: %d %s", code, body)
	}
	s.ConfigError = "kinetail.hcl:3: unknown argument"
	s.Flows[0].Destinations[0].CircuitOpen = true
	s.Flows[0].Destinations[0].CircuitReason = "AccessDenied"
	code, body := get(t, h, "/readyz")
	if code != 503 || !strings.Contains(body, "unknown argument") || !strings.Contains(body, "AccessDenied") {
		t.Errorf("/readyz: %d %s", code, body)
	}
	if code, _ := get(t, h, "/healthz"); code != 200 {
		t.Errorf("/healthz is %d because of trouble that a restart does not mend", code)
	}
	dead = errors.New("flow web has not moved for 5m")
	if code, _ := get(t, h, "/healthz"); code != 503 {
		t.Errorf("/healthz: %d", code)
	}
	if code, _ := get(t, h, "/"); code != 404 {
		t.Errorf("/: %d, want nothing there", code)
	}
}

func TestMetricsAreWellFormed(t *testing.T) {
	_, body := get(t, Handler(sample, sample, func() error { return nil }), "/metrics")
	// Prometheus's own parser and its opinion of our names are the judges.
	problems, err := promlint.New(strings.NewReader(body)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
	for _, want := range []string{
		`kinetail_lag_bytes{flow="web"} 42`,
		`kinetail_gap_bytes_total{flow="web"} 7`,
		`kinetail_files_followed{flow="web"} 2`,
		`kinetail_records_sent_total{destination="kinesis",flow="web"} 9`,
		`kinetail_build_info{version="1.2.3"} 1`,
		"process_cpu_seconds_total ", "process_resident_memory_bytes ", "process_open_fds ", "go_goroutines ",
		`kinetail_records_filtered_total{flow="web",reason="sample"} 0`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("missing %s", want)
		}
	}
}

// Whatever a configuration calls its flows, a scrape is understood, and the names come back as they are.
func TestLabelsOfAnyKind(t *testing.T) {
	s := sample()
	second := s.Flows[0]
	s.Flows = append(s.Flows, second)
	s.Flows[0].Name, s.Flows[1].Name = "a \"b\" \\ {,}=\n#", "ü \xff"
	_, body := get(t, Handler(func() *Snapshot { return s }, nil, nil), "/metrics")
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(body))
	if err != nil {
		t.Fatalf("%v in\n%s", err, body)
	}
	var names []string
	for _, m := range families["kinetail_lag_seconds"].GetMetric() {
		names = append(names, m.GetLabel()[0].GetValue())
		if m.GetGauge().GetValue() != 1.5 {
			t.Errorf("the value is %v", m.GetGauge().GetValue())
		}
	}
	if want := []string{s.Flows[0].Name, "ü \uFFFD"}; !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
}

// Lag by file is there on request only, the files that lag most, each path once.
func TestFilesOnRequest(t *testing.T) {
	s := sample()
	for i := range 1200 {
		s.Flows[0].Files = append(s.Flows[0].Files, File{Path: fmt.Sprintf("/c%04d", i), Size: 10, Committed: 4, LagSeconds: float64(i)})
	}
	s.Flows[0].Files = append(s.Flows[0].Files, File{Path: "/c1199", Size: 5, LagSeconds: 2000})
	h := Handler(sample, func() *Snapshot { return s }, nil)
	if _, body := get(t, h, "/metrics"); strings.Contains(body, "kinetail_file_lag") {
		t.Error("files without being asked for")
	}
	_, body := get(t, h, "/metrics?files=1")
	for _, want := range []string{
		`kinetail_file_lag_bytes{flow="web",path="/c1199"} 11`, `kinetail_file_lag_seconds{flow="web",path="/c1199"} 2000`,
		`kinetail_file_lag_bytes{flow="web",path="/c0200"} 6`,
	} {
		if strings.Count(body, want) != 1 {
			t.Errorf("%s is there %d times", want, strings.Count(body, want))
		}
	}
	if n := strings.Count(body, "kinetail_file_lag_bytes{"); n != 1000 || strings.Contains(body, "/c0100") {
		t.Errorf("%d files", n)
	}
}

func TestHistogram(t *testing.T) {
	var e exposition
	d := Distribution{Sum: 5 + 2*20 + 1e6, Classes: []Class{{5, 6, 1}, {20, 24, 2}, {917504, 1048576, 1}}}
	e.histogram(descSendLatency, 1000, d, "kinesis", "web")
	e.histogram(descPacked, 1, d, "kinesis", "web")
	text := string(e.bytes())
	const labels = `destination="kinesis",flow="web"`
	for _, want := range []string{
		"# TYPE kinetail_send_latency_seconds histogram\n",
		"kinetail_send_latency_seconds_bucket{" + labels + `,le="0.004"} 0` + "\n",
		"kinetail_send_latency_seconds_bucket{" + labels + `,le="0.008"} 1` + "\n",
		"kinetail_send_latency_seconds_bucket{" + labels + `,le="0.032"} 3` + "\n",
		"kinetail_send_latency_seconds_bucket{" + labels + `,le="65.536"} 3` + "\n",
		"kinetail_send_latency_seconds_bucket{" + labels + `,le="+Inf"} 4` + "\n",
		"kinetail_send_latency_seconds_sum{" + labels + "} 1000.045\n",
		"kinetail_send_latency_seconds_count{" + labels + "} 4\n",
		"kinetail_records_per_kinesis_record_bucket{" + labels + `,le="7"} 1` + "\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("missing %s", want)
		}
	}
	if d.Quantile(0.5) != 21 || d.Quantile(0.25) != 5 || d.Minus(Distribution{Classes: []Class{{5, 6, 1}}}).Count() != 3 || (Distribution{}).Quantile(0.5) != 0 {
		t.Errorf("quantiles %d %d", d.Quantile(0.5), d.Quantile(0.25))
	}
}

func TestListen(t *testing.T) {
	l, err := Listen("127.0.0.1:0", http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if _, err := Listen("127.0.0.1:99999", nil, nil); err == nil || !strings.Contains(err.Error(), "listen = ") {
		t.Errorf("got %v", err)
	}
}
