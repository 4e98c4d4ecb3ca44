package status

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

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

func TestReadyUntilSomethingIsWrong(t *testing.T) {
	s := sample()
	var dead error
	h := Handler(func() *Snapshot { return s }, func() error { return dead })
	if code, body := get(t, h, "/readyz"); code != 200 || !strings.Contains(body, `"ok":true,"reasons":[]`) {
		t.Errorf("/readyz: %d %s", code, body)
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
	_, body := get(t, Handler(sample, func() error { return nil }), "/metrics")
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
	_, body := get(t, Handler(func() *Snapshot { return s }, nil), "/metrics")
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
