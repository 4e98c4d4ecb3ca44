package agent

import (
	"io"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kinetail/kinetail/agent/status"
)

// The names in the CloudFormation template and in Grafana's dashboard are those of the code: an alarm on a name that nobody publishes never rings.
func TestTemplatesNameWhatIsPublished(t *testing.T) {
	template := read(t, "../packaging/cloudformation/kinetail.yaml")
	named := regexp.MustCompile(`MetricName: (\w+)`).FindAllStringSubmatch(template, -1)
	named = append(named, regexp.MustCompile(`\["(?:\$\{MetricsNamespace\}|\.)", "(\w+)"`).FindAllStringSubmatch(template, -1)...)
	kinesisOwn := []string{"WriteProvisionedThroughputExceeded"} // of AWS/Kinesis, with the "." of the line above it
	if len(named) < 15 {
		t.Errorf("only %d names were found", len(named))
	}
	for _, n := range named {
		if standardNames[n[1]] == "" && !slices.Contains(kinesisOwn, n[1]) {
			t.Errorf("the template names %s, which is not in the standard set", n[1])
		}
	}
}

func TestTheDashboardNamesWhatIsExposed(t *testing.T) {
	_, snapshot := published(t, "standard")
	w := httptest.NewRecorder()
	status.Handler(func() *status.Snapshot { return snapshot }, func() *status.Snapshot { return snapshot }, func() error { return nil }).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	body, _ := io.ReadAll(w.Result().Body)
	dashboard := read(t, "../packaging/grafana/kinetail.json")
	names := regexp.MustCompile(`\b(?:kinetail|process|go)_\w+`).FindAllString(dashboard, -1)
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) < 15 {
		t.Errorf("only %d names were found", len(names))
	}
	for _, n := range names {
		if !strings.Contains(string(body), "\n"+n+"{") && !strings.Contains(string(body), "\n"+n+" ") {
			t.Errorf("the dashboard names %s, which /metrics does not have", n)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
