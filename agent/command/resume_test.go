package command

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/kinetail/kinetail/agent/status"
	"github.com/kinetail/kinetail/emit/awslocal"
)

const sharingFlows = `
flow "bad" {
  tail {
    paths    = ["@DIR@/a.log"]
    start_at = "beginning"
  }
  emit "kinesis" {
    stream   = "s"
    max_wait = "10ms"
    dead_letter { max_rate = 2 }
  }
}
flow "good" {
  tail {
    paths    = ["@DIR@/b.log"]
    start_at = "beginning"
  }
  emit "kinesis" {
    stream   = "s"
    max_wait = "10ms"
  }
}
`

// Two flows share a stream's lanes. What the service refuses of one stops that one, status says how it goes on, and resume does it; the sums of
// the metrics are right.
func TestResume(t *testing.T) {
	p := newPlace(t, 1, sharingFlows)
	p.server.SetFaults(awslocal.Fault{Kind: awslocal.Error, Service: "kinesis", Code: "ValidationException", Match: "poison"})
	p.write("a.log", strings.Repeat("poison\n", 4))
	p.write("b.log", strings.Repeat("fine\n", 300))
	p.agent(0)
	state := func() (bad, good status.Flow) {
		out, _ := p.run(0, "status", "-o", "json")
		var s status.Snapshot
		if err := json.Unmarshal([]byte(out), &s); err != nil || len(s.Flows) != 2 {
			t.Fatalf("%v in %s", err, out)
		}
		return s.Flows[0], s.Flows[1]
	}
	until := func(what string, ok func(bad, good *status.Destination) bool) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			bad, good := state()
			if len(bad.Destinations) == 1 && len(good.Destinations) == 1 && ok(&bad.Destinations[0], &good.Destinations[0]) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("not so: %s; %+v %+v", what, bad.Destinations, good.Destinations)
			}
		}
	}
	until("all is refused", func(bad, _ *status.Destination) bool { return bad.CircuitOpen })
	until("two dead letters, and no more", func(bad, good *status.Destination) bool {
		p.add("b.log", "the proof that others are taken\n")
		return bad.CircuitHeld && bad.Counters["RecordsDeadLettered"] == 2 && good.Counters["RecordsSent"] > 300 && !good.CircuitOpen
	})
	out, _ := p.run(0, "status")
	has(t, out, "kinetail resume bad")

	out, _ = p.run(0, "resume", "good")
	has(t, out, "no circuit is open")
	_, errOut := p.run(1, "resume", "nope")
	has(t, errOut, "no flow \"nope\"", "bad, good")
	out, _ = p.run(0, "resume", "bad")
	has(t, out, "tried now: kinesis of flow bad")
	until("the rest has become dead letters", func(bad, _ *status.Destination) bool {
		p.add("b.log", "more proof\n")
		return bad.Counters["RecordsDeadLettered"] == 4 && !bad.CircuitOpen
	})
	until("all is delivered", func(_, good *status.Destination) bool { return good.QueuedRecords == 0 })

	bad, good := state()
	b, g := bad.Destinations[0], good.Destinations[0]
	requests := p.server.Counters().Requests["kinesis.PutRecords"]
	if n := b.Counters["Requests"] + g.Counters["Requests"]; n != requests {
		t.Errorf("%d requests are counted, %d were made", n, requests)
	}
	if n := b.Counters["KinesisRecords"] + g.Counters["KinesisRecords"]; n != g.Counters["RecordsSent"] || b.Counters["RecordsSent"] != 0 {
		t.Errorf("%d Kinesis records are counted of %d, %d of the refused flow", n, g.Counters["RecordsSent"], b.Counters["RecordsSent"])
	}
}
