package command

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/kinetail/kinetail/agent/plan"
	"github.com/kinetail/kinetail/agent/status"
)

// A running agent says how fast its flows are: by what it has delivered and dropped between two looks.
func TestPlanOfARunningAgent(t *testing.T) {
	p := newPlace(t, 1, "flow \"busy\" {\n tail { paths = [\"@DIR@/a.log\"] }\n emit \"kinesis\" { stream = \"s\" }\n}\nflow \"idle\" {\n tail { paths = [\"@DIR@/a.log\"] }\n emit \"kinesis\" { stream = \"t\" }\n}\n")
	p.write("a.log", strings.Repeat("a line\n", 100))
	var looks atomic.Int64
	server, err := status.ListenControl("unix://"+p.path("control.sock"), func() *status.Snapshot {
		n := looks.Add(1)
		return &status.Snapshot{Flows: []status.Flow{
			{Name: "busy", Dropped: status.Dropped{Filtered: 100 * n}, Destinations: []status.Destination{{Counters: map[string]int64{"RecordsSent": 900 * n}}}},
			{Name: "idle", Destinations: []status.Destination{{Counters: map[string]int64{"RecordsSent": 7}}}},
		}}
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	out, _ := p.run(0, "plan", "--live", "50ms", "--flow", "busy", "-o", "json")
	var got struct{ Flows []plan.Flow }
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	rate := got.Flows[0].Rate
	// 1,000 lines were done with in between, however long that took.
	if lines := rate.Lines * rate.Span; rate.From != "the running agent" || fmt.Sprintf("%.3f", lines) != "1000.000" || rate.Span < 0.05 {
		t.Errorf("%+v", rate)
	}
	if looks.Load() != 2 {
		t.Errorf("it was asked %d times", looks.Load())
	}
	p.configure("flow \"idle\" {\n tail { paths = [\"@DIR@/a.log\"] }\n emit \"kinesis\" { stream = \"t\" }\n}\n")
	server.Close()
	_, said := p.run(1, "plan", "--live", "50ms")
	has(t, said, "no agent")
}
