package command

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kinetail/kinetail/agent/status"
	"github.com/kinetail/kinetail/emit/awslocal"
)

// agent runs the agent in this process until the test, or stop, ends it, with an exit code.
func (p *place) agent(code int) (log *lockedBuffer, stop func()) {
	p.t.Helper()
	log = &lockedBuffer{}
	ended := make(chan int, 1)
	go func() { ended <- Main([]string{"run", "-c", p.config}, strings.NewReader(""), log, log) }()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if s, err := status.Get(p.t.Context(), p.path("control.sock")); err == nil && len(s.Flows) > 0 && s.Flows[0].State == status.StateRunning {
			break
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("the agent does not run:\n%s", log)
		}
	}
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
		if got := <-ended; got != code {
			p.t.Errorf("the agent ended with %d:\n%s", got, log)
		}
	}
	p.t.Cleanup(stop)
	return log, stop
}

// slowFlow holds records back for longer than any test waits.
var slowFlow = strings.ReplaceAll(keyedFlow, `"10ms"`, `"60s"`)

func TestDrainAgent(t *testing.T) {
	p := newPlace(t, 1, slowFlow)
	p.write("a.log", numbered(0, 500))
	_, stop := p.agent(0)
	p.add("a.log", numbered(500, 700))
	p.write("new.log", numbered(0, 3))
	began := time.Now()
	out, _ := p.run(0, "drain", "--timeout", "20s")
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("it took %v", took)
	}
	has(t, out, "nothing is left")
	if got := p.stream(); len(got["a.log"]) != 700 || len(got["new.log"]) != 3 {
		t.Errorf("%d and %d lines are in the stream", len(got["a.log"]), len(got["new.log"]))
	}
	list := p.offsets()
	if len(list) != 2 || list[0].Offset != 7000 || list[1].Offset != 30 {
		t.Errorf("committed: %+v", list)
	}
	for i := range 5 { // a file that the agent has not seen yet
		p.write(fmt.Sprintf("new%d.log", i), "x\n")
		p.run(0, "drain", "--timeout", "20s")
		if got := p.stream()[fmt.Sprintf("new%d.log", i)]; len(got) != 1 {
			t.Errorf("new file %d is not in the stream", i)
		}
	}
	p.add("a.log", "half")
	out, errOut := p.run(1, "drain", "--timeout", "1s", "-o", "json")
	var d status.Drained
	if err := json.Unmarshal([]byte(out), &d); err != nil || fmt.Sprint(d.Left) != fmt.Sprintf("[{access %s 4 its last line has no line end}]", p.path("a.log")) || d.Error != "" {
		t.Errorf("%v %s", err, out)
	}
	has(t, errOut, "not everything is delivered")
	p.add("a.log", " whole\n") // the agent goes on
	p.run(0, "drain", "--timeout", "20s")
	stop()
	if got := p.stream()["a.log"]; len(got) != 701 || got[700] != "half whole" {
		t.Errorf("%d lines", len(got))
	}
}

func (p *place) offsets() (list []shownOffset) {
	p.t.Helper()
	out, _ := p.run(0, "offsets", "list", "-o", "json")
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		p.t.Fatal(err)
	}
	return list
}

func TestDrainAgentDenied(t *testing.T) {
	p := newPlace(t, 1, keyedFlow)
	text, _ := os.ReadFile(p.config)
	p.write("kinetail.hcl", strings.Replace(string(text), "agent {", "agent {\n  shutdown_timeout = \"1s\"", 1))
	p.server.SetFaults(awslocal.Fault{Kind: awslocal.Error, Operation: "PutRecords", Code: "AccessDeniedException"})
	p.write("a.log", numbered(0, 5))
	p.agent(1)
	out, _ := p.run(1, "drain", "--timeout", "1s")
	has(t, out, p.path("a.log"), " 50 ", "kinesis: AccessDeniedException")
}

func TestDrainAlone(t *testing.T) {
	p := newPlace(t, 1, strings.ReplaceAll(slowFlow, `"beginning"`, `"end"`))
	p.write("a.log", numbered(0, 10))
	out, _ := p.run(0, "drain")
	has(t, out, "nothing is left")
	if got := p.stream(); len(got) != 0 {
		t.Errorf("a flow that starts at the end has delivered %v", got)
	}
	p.add("a.log", numbered(10, 30)) // behind where the flow has begun now
	p.write("b.log", numbered(0, 4)+"half")
	out, _ = p.run(1, "drain", "--timeout", "1s")
	has(t, out, p.path("b.log"), " 4 ", "its last line has no line end")
	if got := p.stream(); len(got["a.log"]) != 20 || len(got["b.log"]) != 4 {
		t.Errorf("%d and %d lines are in the stream", len(got["a.log"]), len(got["b.log"]))
	}
	p.add("b.log", "\n")
	p.server.SetFaults(awslocal.Fault{Kind: awslocal.Error, Operation: "PutRecords", Code: "InternalFailure", Status: 500})
	out, errOut := p.run(1, "drain", "--timeout", "1s")
	has(t, out, p.path("b.log"), " 5 ")
	has(t, errOut, "not everything is delivered")
	p.server.SetFaults()
	p.run(0, "drain")
	if got := p.stream()["b.log"]; len(got) != 5 || got[4] != "half" {
		t.Errorf("%q", got)
	}
	p.run(2, "drain", "--timeout", "0s")
	p.write("kinetail.hcl", "flow {")
	p.run(2, "drain")
}

// The last event of a file has no next one that would close it: its time does.
func TestDrainMultiline(t *testing.T) {
	p := newPlace(t, 1, strings.Replace(slowFlow, "start_at ", "multiline {\n      start   = \"^line\"\n      timeout = \"300ms\"\n    }\n    start_at ", 1))
	p.write("a.log", numbered(0, 2)+"\tat Main.main\n")
	p.run(0, "drain", "--timeout", "20s")
	if got := p.stream()["a.log"]; len(got) != 2 || got[1] != "line 0001\n\tat Main.main" {
		t.Errorf("%q", got)
	}
	p.agent(0)
	p.add("a.log", numbered(2, 3)+"\tat Main.main\n")
	p.run(0, "drain", "--timeout", "20s")
	if got := p.stream()["a.log"]; len(got) != 3 {
		t.Errorf("%q", got)
	}
}

// A file that nobody may read holds what was not delivered.
func TestDrainUnreadable(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	p := newPlace(t, 1, keyedFlow)
	if err := os.Chmod(p.write("a.log", numbered(0, 3)), 0); err != nil {
		t.Fatal(err)
	}
	out, _ := p.run(1, "drain", "--timeout", "5s")
	has(t, out, p.path("a.log"), "permission denied")
}
