package command

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

const tappedFlows = `
flow "app" {
  tail { paths = ["@DIR@/a.log"] }
  parse "json" {}
  redact {
    fields  = ["token"]
    pattern = ".+"
    with    = "***"
  }
  set { level = upper(record.level) }
  emit "kinesis" {
    stream   = "s"
    max_wait = "10ms"
  }
}
flow "plain" {
  tail { paths = ["@DIR@/b.log"] }
  emit "kinesis" {
    stream   = "s"
    max_wait = "10ms"
  }
}
`

// tapped runs kinetail tap while lines are written to a log, until it ends by its limit.
func (p *place) tapped(code int, log, text string, args ...string) (out, errOut string) {
	p.t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		out, errOut = p.run(code, append([]string{"tap"}, args...)...)
	}()
	for deadline := time.Now().Add(20 * time.Second); ; {
		select {
		case <-done:
			return out, errOut
		case <-time.After(20 * time.Millisecond): // it is not known when it has begun to look
			p.add(log, text)
		}
		if time.Now().After(deadline) {
			p.t.Fatal("tap does not end")
		}
	}
}

func TestTap(t *testing.T) {
	p := newPlace(t, 1, tappedFlows)
	p.write("a.log", "")
	p.write("b.log", "")
	p.agent(0)
	line := `{"level":"info","token":"secret"}` + "\n"

	out, _ := p.tapped(0, "a.log", line, "app", "--limit", "2")
	has(t, out, p.path("a.log")+" at byte ", `set (line 22)`, `{"level":"INFO","token":"***"}`, `redact (line 17)`)
	if strings.Contains(out, "secret") || strings.Count(out, " at byte ") != 2 {
		t.Errorf("shown:\n%s", out)
	}
	out, _ = p.tapped(0, "a.log", line, "app", "--limit", "1", "--step", "set", "--where", `record.level == "INFO"`, "-o", "json")
	has(t, out, `"step":3,"name":"set","config_file":"`+p.config, `"data":{"level":"INFO","token":"***"}`)
	out, _ = p.tapped(0, "b.log", "a line\n", "plain", "--limit", "1")
	has(t, out, `read                     {"message":"a line"}`)

	_, errOut := p.run(2, "tap", "nope")
	has(t, errOut, `there is no flow "nope"; there is app, plain`)
	_, errOut = p.run(2, "tap")
	has(t, errOut, "name one flow, as in 'kinetail tap nginx'")
	_, errOut = p.run(2, "tap", "app", "--step", "parse")
	has(t, errOut, "only root sees them, with --unredacted")
	_, errOut = p.run(2, "tap", "app", "--where", `recrod.level == "x"`)
	has(t, errOut, `Unknown name "recrod"`, `did you mean "record"?`)
	if os.Geteuid() == 0 {
		out, _ = p.tapped(0, "a.log", line, "app", "--limit", "1", "--step", "read", "--unredacted")
		has(t, out, `"token":"secret"`)
	} else {
		_, errOut = p.run(2, "tap", "app", "--unredacted")
		has(t, errOut, "only root sees")
	}
}

func TestTapCompletesFlows(t *testing.T) {
	p := newPlace(t, 1, tappedFlows)
	var out lockedBuffer
	if code := Main([]string{"__complete", "tap", "-c", p.config, ""}, strings.NewReader(""), &out, &out); code != 0 || !strings.Contains(out.String(), "app\nplain\n") {
		t.Errorf("%d %s", code, out.String())
	}
}

func TestTapWithoutAnAgent(t *testing.T) {
	p := newPlace(t, 1, tappedFlows)
	_, errOut := p.run(1, "tap", "app")
	has(t, errOut, fmt.Sprintf("no agent listens on %s", p.path("control.sock")))
}
