package command

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/kinetail/kinetail/emit"
	"github.com/kinetail/kinetail/emit/awslocal"
	"github.com/kinetail/kinetail/tailer"
)

const keyedFlow = `
flow "access" {
  tail {
    paths    = ["@DIR@/*.log"]
    start_at = "beginning"
  }
  emit "kinesis" {
    stream        = "s"
    partition_key = file.name
    max_wait      = "10ms"
  }
}
`

// kept writes letters as the agent does.
func (p *place) kept(flow, destination string, letters ...emit.DeadLetter) *emit.DeadLetters {
	p.t.Helper()
	d := emit.NewDeadLetters(emit.DeadLetterOptions{StateDir: p.path("state"), Flow: flow, Destination: destination})
	for _, l := range letters {
		if l.Source == nil {
			l.Source = &tailer.Source{Path: p.path("a.log"), Generation: "g"}
		}
		if _, err := d.Keep(p.t.Context(), l); err != nil {
			p.t.Fatal(err)
		}
	}
	return d
}

func TestDeadLetterList(t *testing.T) {
	p := newPlace(t, 1, keyedFlow)
	out, _ := p.run(0, "dead-letter", "list")
	has(t, out, "no dead letters")
	out, _ = p.run(0, "dead-letter", "list", "-o", "json")
	if strings.TrimSpace(out) != "[]" {
		t.Errorf("no letters in JSON: %s", out)
	}
	p.kept("access", "kinesis", emit.DeadLetter{Reason: "refused", Data: []byte("abc")}, emit.DeadLetter{Reason: "too_large", Data: []byte("\xff\x1b[2J")},
		emit.DeadLetter{Reason: "refused", Data: []byte("x")})
	d := p.kept("other", "archive", emit.DeadLetter{Reason: "parse_error"})
	file, err := os.Stat(d.Path())
	if err != nil {
		t.Fatal(err)
	}
	out, _ = p.run(0, "dead-letter", "list")
	has(t, out, "refused 2, too_large 1", "parse_error 1", "archive", fmt.Sprintf(" %d B ", file.Size())) // what max_size bounds
	out, _ = p.run(0, "dead-letter", "list", "access", "-o", "json")
	var counts []letterCount
	if err := json.Unmarshal([]byte(out), &counts); err != nil || len(counts) != 1 {
		t.Fatalf("%v %s", err, out)
	}
	if c := counts[0]; c.Letters != 3 || c.Bytes != 9 || c.Reasons["refused"] != 2 || c.Newest.Before(*c.Oldest) || c.FileBytes == 0 {
		t.Errorf("%+v", c)
	}
	_, errOut := p.run(1, "dead-letter", "list", "acess")
	has(t, errOut, "flow acess has no dead letters", "access kinesis, other archive")
	p.run(2, "dead-letter", "list", "a", "b", "c")
	p.run(2, "dead-letter", "lst")
}

func TestDeadLetterShow(t *testing.T) {
	p := newPlace(t, 1, keyedFlow)
	p.kept("access", "kinesis", emit.DeadLetter{Reason: "refused", Detail: "no\x1b]0;", Start: 3, End: 9, Key: []byte("k\x07"), Data: []byte("a\x1b[2J\x9b")},
		emit.DeadLetter{Reason: "too_large", Data: []byte("plain\n")}, emit.DeadLetter{Reason: "too_large", Data: []byte("more")})
	out, _ := p.run(0, "dead-letter", "show")
	for _, r := range out {
		if r < ' ' && r != '\n' && r != '\t' || r == '\ufffd' {
			t.Errorf("%q reaches the terminal", r)
		}
	}
	has(t, out, `"a\x1b[2J\x9b"`, `"k\a"`, "bytes 3 to 9", `"no\x1b]0;"`, "more")
	out, _ = p.run(0, "dead-letter", "show", "access", "kinesis", "--raw")
	if out != "a\x1b[2J\x9b\nplain\nmore\n" {
		t.Errorf("raw: %q", out)
	}
	out, _ = p.run(0, "dead-letter", "show", "--raw", "--reason", "too_large", "--limit", "1")
	if out != "plain\n" {
		t.Errorf("one of a reason: %q", out)
	}
	out, _ = p.run(0, "dead-letter", "show", "-o", "json", "--limit", "1")
	var l struct {
		Reason string  `json:"reason"`
		Record *string `json:"record"`
		Base64 []byte  `json:"record_base64"`
	}
	if err := json.Unmarshal([]byte(out), &l); err != nil || string(l.Base64) != "a\x1b[2J\x9b" || l.Record != nil || l.Reason != "refused" {
		t.Errorf("%v %s", err, out)
	}
	p.run(2, "dead-letter", "show", "--raw", "-o", "json")
}

// Letters are sent with their keys while the agent writes others; one is refused again, and one is not of the destination's form.
func TestDeadLetterSend(t *testing.T) {
	p := newPlace(t, 2, keyedFlow)
	var letters []emit.DeadLetter
	for i := range 50 {
		letters = append(letters, emit.DeadLetter{Reason: "refused", Start: int64(i), Key: fmt.Appendf(nil, "k%d", i%3), Data: fmt.Appendf(nil, "letter %d", i)})
	}
	huge := strings.Repeat("x", 1<<20+1)
	letters[7].Data, letters[7].Reason = []byte(huge), "too_large"
	letters[9].Reason = "parse_error"
	d := p.kept("access", "kinesis", letters...)
	out, errOut := p.run(0, "dead-letter", "send", "access", "--dry-run")
	has(t, out, "would send 49 letters", "kinesis s", "3 partition keys")
	has(t, errOut, "1 letters are not in the form", "--reason parse_error")
	if got := p.stream(); len(got) != 0 {
		t.Fatalf("a dry run has sent %v", got)
	}
	var group sync.WaitGroup
	group.Go(func() {
		for i := range 20 {
			if _, err := d.Keep(t.Context(), emit.DeadLetter{Reason: "late", Start: int64(i), Data: []byte("late")}); err != nil {
				t.Error(err)
			}
		}
	})
	out, errOut = p.run(1, "dead-letter", "send", "access", "kinesis")
	group.Wait()
	has(t, out, "sent 48 letters")
	has(t, errOut, "1 letters were refused again", "too_large")
	got := p.stream()
	want := map[string][]string{}
	for i, l := range letters {
		if i != 7 && i != 9 {
			want[string(l.Key)] = append(want[string(l.Key)], string(l.Data))
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the stream holds %v\nwant %v", got, want)
	}
	out, _ = p.run(0, "dead-letter", "list", "-o", "json")
	var counts []letterCount
	if err := json.Unmarshal([]byte(out), &counts); err != nil || len(counts) != 1 || fmt.Sprint(counts[0].Reasons) != "map[late:20 parse_error:1 too_large:1]" {
		t.Errorf("left: %v %s", err, out)
	}
	out, _ = p.run(0, "dead-letter", "send", "access", "--reason", "parse_error,late")
	has(t, out, "sent 21 letters")
	if err := os.Truncate(d.Path(), 0); err != nil {
		t.Fatal(err)
	}
	out, _ = p.run(0, "dead-letter", "send", "access")
	has(t, out, "sent nothing to kinesis s")
}

func TestDeadLetterSendRounds(t *testing.T) {
	p := newPlace(t, 1, keyedFlow)
	defer func(n int) { roundLetters = n }(roundLetters)
	roundLetters = 500
	line := `{"time":"2026-01-01T00:00:00Z","flow":"access","destination":"kinesis","reason":"%s","start":%d,"end":0,"key":"k","record":"r%d"}` + "\n"
	var text strings.Builder
	for i := range 2*roundLetters + 10 {
		reason := "refused"
		if i%100 == 0 {
			reason = "other"
		}
		fmt.Fprintf(&text, line, reason, i, i)
	}
	d := p.kept("access", "kinesis", emit.DeadLetter{Reason: "refused"})
	if err := os.WriteFile(d.Path(), []byte(text.String()+"{broken}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errOut := p.run(0, "dead-letter", "send", "access")
	has(t, out, fmt.Sprintf("sent %d letters", 2*roundLetters+10-11))
	has(t, errOut, "1 lines of", "11 letters are not in the form")
	got := p.stream()["k"]
	seen := map[string]bool{}
	for _, r := range got {
		seen[r] = true
	}
	if len(got) != 2*roundLetters+10-11 || len(seen) != len(got) {
		t.Errorf("%d records, %d different", len(got), len(seen))
	}
	out, _ = p.run(0, "dead-letter", "list")
	has(t, out, "other 11, unreadable 1")
}

func TestDeadLetterSendStays(t *testing.T) {
	p := newPlace(t, 1, keyedFlow)
	p.kept("access", "kinesis", emit.DeadLetter{Reason: "refused", Key: []byte("k"), Data: []byte("x")})
	p.kept("gone", "kinesis", emit.DeadLetter{Reason: "refused", Data: []byte("x")})
	p.server.SetFaults(awslocal.Fault{Kind: awslocal.Error, Operation: "*", Code: "AccessDeniedException"})
	_, errOut := p.run(1, "dead-letter", "send", "access", "--timeout", "500ms")
	has(t, errOut, "1 letters were not accepted in time and stay", "AccessDeniedException")
	_, errOut = p.run(1, "dead-letter", "send", "gone")
	has(t, errOut, "the configuration has no such flow and emit block (any more)", "gone/kinesis.jsonl")
	out, _ := p.run(0, "dead-letter", "list", "-o", "json")
	if strings.Count(out, `"letters":1`) != 2 {
		t.Errorf("left: %s", out)
	}
	p.run(2, "dead-letter", "send")
	p.run(2, "dead-letter", "send", "access", "--timeout", "0s")
	p.write("kinetail.hcl", "flow {")
	p.run(2, "dead-letter", "send", "access")
}

// Letters of the other kinds of destinations.
func TestDeadLetterSendElsewhere(t *testing.T) {
	p := newPlace(t, 1, `
flow "access" {
  tail {
    paths = ["@DIR@/*.log"]
  }
  emit "firehose" {
    stream    = "d"
    aggregate = "lines"
    delimiter = "\n"
  }
  emit "file" {
    path = "@DIR@/out"
  }
  emit "stdout" {}
}
`)
	if err := p.server.CreateDeliveryStream(awslocal.DeliveryStreamConfig{Name: "d"}); err != nil {
		t.Fatal(err)
	}
	for _, destination := range []string{"firehose", "file", "stdout"} {
		p.kept("access", destination, emit.DeadLetter{Reason: "refused", Data: []byte("one\n")}, emit.DeadLetter{Reason: "refused", Data: []byte("two\n")})
	}
	p.run(0, "dead-letter", "send", "access", "firehose")
	if n := p.server.Counters().Bytes; n != 8 {
		t.Errorf("Firehose has %d bytes", n)
	}
	p.run(0, "dead-letter", "send", "access", "file")
	if got, err := os.ReadFile(p.path("out")); err != nil || string(got) != "one\ntwo\n" {
		t.Errorf("%v %q", err, got)
	}
	_, errOut := p.run(1, "dead-letter", "send", "access")
	has(t, errOut, "show --raw")
	out, _ := p.run(0, "dead-letter", "list", "-o", "json")
	if strings.Count(out, `"letters"`) != 1 {
		t.Errorf("left: %s", out)
	}
	p.kept("access", "file", emit.DeadLetter{Reason: "refused", Data: []byte("three")})
	p.agent(0)
	p.add("a.log", "line\n")
	p.run(0, "drain") // the agent has its file now
	_, errOut = p.run(1, "dead-letter", "send", "access", "file", "--timeout", "500ms")
	has(t, errOut, "not accepted in time", "another flow or program writes to it")
}
