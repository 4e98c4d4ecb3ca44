package tap

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"go.uber.org/goleak"

	"github.com/kinetail/kinetail/pipeline"
	"github.com/kinetail/kinetail/pipeline/expr"
	"github.com/kinetail/kinetail/tailer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func program(t testing.TB, text string) *expr.Program {
	t.Helper()
	e, diags := hclsyntax.ParseExpression([]byte(text), "t", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	p, diags := expr.Compile(e, nil)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return p
}

func batchOf(lines ...string) *tailer.Batch {
	b := &tailer.Batch{Source: &tailer.Source{Path: "/l/a.log", Name: "a.log", Dir: "/l"}}
	for _, line := range lines {
		at := len(b.Data)
		b.Data = append(append(b.Data, line...), '\n')
		b.Records = append(b.Records, tailer.Record{Off: uint32(at), Len: uint32(len(line)), Start: int64(at), End: int64(len(b.Data))})
	}
	return b
}

// flow is a pipeline that is looked at: parse, filter, redact, set.
func flow(t testing.TB, h *Hub) *pipeline.Pipeline {
	t.Helper()
	steps := make([]pipeline.Step, 4)
	var errs [5]error
	steps[0], errs[0] = pipeline.NewParse(pipeline.ParseOptions{Format: "json", OnError: "dead_letter"})
	steps[1], errs[1] = pipeline.NewFilter(pipeline.FilterOptions{Drop: program(t, "record.n == 2")})
	steps[2], errs[2] = pipeline.NewRedact(pipeline.RedactOptions{Pattern: "secret", With: "***"})
	steps[3], errs[3] = pipeline.NewSet([]pipeline.Assignment{{Name: "twice", Value: program(t, "record.n * 2")}})
	e, err := pipeline.NewEncoder(pipeline.EncoderOptions{Format: "json"})
	errs[4] = err
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	var all []Step
	for i, s := range steps {
		all = append(all, Step{Kind: s.Kind(), Name: s.Kind(), File: "k.hcl", Line: i + 1})
	}
	h.Use(all)
	p, err := pipeline.New(steps, []*pipeline.Encoder{e}, pipeline.Options{Observe: h.Observe})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// shown are the events that wait for a viewer, in short.
func shown(v *Viewer) []string {
	got := []string{}
	for {
		select {
		case events := <-v.Seen():
			for _, e := range events {
				text := e.Text + string(e.Data)
				if e.Hidden {
					text = "hidden"
				}
				got = append(got, strings.TrimSpace(fmt.Sprintf("%d@%d %d %s %s", e.Record, e.Offset, e.Step, text, e.Fate)))
			}
		default:
			return got
		}
	}
}

func TestViewers(t *testing.T) {
	lines := []string{`{"n":1,"t":"secret"}`, `{"n":2}`, `no secret JSON`}
	for _, tc := range []struct {
		name string
		o    Options
		want []string
	}{
		{"what is redacted", Options{}, []string{
			`1@0 3 {"n":1,"t":"***"}`, `1@0 4 {"n":1,"t":"***","twice":2}`,
			`2@21 2 hidden dropped`,
			`3@29 1 {"message":"no *** JSON"} refused`,
		}},
		{"everything", Options{Unredacted: true}, []string{
			`1@0 0 {"n":1,"t":"secret"}`, `1@0 1 {"n":1,"t":"secret"}`, `1@0 2 {"n":1,"t":"secret"}`, `1@0 3 {"n":1,"t":"***"}`, `1@0 4 {"n":1,"t":"***","twice":2}`,
			`2@21 0 {"n":2}`, `2@21 1 {"n":2}`, `2@21 2 {"n":2} dropped`,
			`3@29 0 no secret JSON`, `3@29 1 {"message":"no *** JSON"} refused`,
		}},
		{"one step", Options{Step: "set"}, []string{`1@0 4 {"n":1,"t":"***","twice":2}`}},
		{"a step by its number", Options{Step: "1", Unredacted: true}, []string{`1@0 1 {"n":1,"t":"secret"}`, `2@21 1 {"n":2}`, `3@29 1 {"message":"no *** JSON"} refused`}},
		{"the line as it was read", Options{Step: "read", Where: program(t, `record.n == 1`), Unredacted: true}, []string{`1@0 0 {"n":1,"t":"secret"}`}},
		{"where, from the step that makes it true", Options{Where: program(t, `record.twice == 2`)}, []string{`1@0 4 {"n":1,"t":"***","twice":2}`}},
		{"where is no way around redaction", Options{Where: program(t, `strcontains(jsonencode(record), "secret")`)}, []string{}},
		{"where of a dead letter", Options{Where: program(t, `startswith(record.message, "no ***")`)}, []string{`1@29 1 {"message":"no *** JSON"} refused`}},
		{"where of what was dropped", Options{Where: program(t, `record.n == 2`), Unredacted: true}, []string{`1@21 0 {"n":2}`, `1@21 1 {"n":2}`, `1@21 2 {"n":2} dropped`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var h Hub
			p := flow(t, &h)
			v, err := h.Open(tc.o)
			if err != nil {
				t.Fatal(err)
			}
			var out pipeline.Payloads
			p.Process(batchOf(lines...), []*pipeline.Payloads{&out})
			if diff := cmp.Diff(tc.want, shown(v)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			v.Close()
			p.Process(batchOf(lines...), []*pipeline.Payloads{&out})
			if got := shown(v); len(got) > 0 || v.Missed() > 0 {
				t.Errorf("after it was closed it saw %q and missed %d", got, v.Missed())
			}
		})
	}
}

func TestFlowsWithoutSteps(t *testing.T) {
	var h Hub
	h.Use(nil)
	h.Lines(batchOf("before"))
	v, err := h.Open(Options{Where: program(t, `startswith(record.message, "b") && file.name == "a.log"`)})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	h.Lines(batchOf("a", "b"))
	if diff := cmp.Diff([]string{`1@2 0 {"message":"b"}`}, shown(v)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWrongRequests(t *testing.T) {
	var h Hub
	if _, err := h.Open(Options{}); !errors.Is(err, ErrRequest) {
		t.Errorf("a flow that does not run: %v", err)
	}
	flow(t, &h)
	for _, tc := range []struct {
		step string
		is   error
		say  string
	}{
		{"pars", ErrRequest, `no step "pars"; there are 0 (read), 1 (parse), 2 (filter), 3 (redact), 4 (set)`},
		{"5", ErrRequest, `no step "5"`},
		{"parse", ErrRedacted, "after step 1 (parse) the records are not redacted yet"},
		{"0", ErrRedacted, "(read)"},
	} {
		if _, err := h.Open(Options{Step: tc.step}); !errors.Is(err, tc.is) || !strings.Contains(err.Error(), tc.say) {
			t.Errorf("--step %s: %v", tc.step, err)
		}
	}
	for range maxViewers {
		if _, err := h.Open(Options{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.Open(Options{}); !errors.Is(err, ErrRequest) {
		t.Errorf("one viewer too many: %v", err)
	}
}

// A viewer that does not read, of a flow that never rests, takes its share of time and no more; what it does not see is counted.
func TestAViewerNeverHoldsUp(t *testing.T) {
	var h Hub
	p := flow(t, &h)
	v, err := h.Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	lines := make([]string, 1000)
	for i := range lines {
		lines[i] = `{"n":1,"t":"text"}`
	}
	b := batchOf(lines...)
	var out pipeline.Payloads
	const rounds = 100
	for range rounds {
		p.Process(b, []*pipeline.Payloads{&out})
	}
	if len(out.Items) != len(lines) {
		t.Errorf("%d records came through", len(out.Items))
	}
	if got := int64(len(v.seen)) + v.Missed(); got != rounds*int64(len(lines)) {
		t.Errorf("%d seen and %d missed of %d", len(v.seen), v.Missed(), rounds*len(lines))
	}
	if len(v.seen) == 0 || v.Missed() == 0 {
		t.Errorf("%d wait to be read, %d were missed", len(v.seen), v.Missed())
	}
}

func TestNobodyLooksCostsNothing(t *testing.T) {
	var h Hub
	p := flow(t, &h)
	b := batchOf(`{"n":1,"t":"text"}`)
	var out pipeline.Payloads
	outs := []*pipeline.Payloads{&out}
	p.Process(b, outs)
	if n := testing.AllocsPerRun(20, func() { p.Process(b, outs) }); n > 1 { // redact's own
		t.Errorf("%v allocations", n)
	}
	if h.Observe(b) != nil {
		t.Error("there is an observer while nobody looks")
	}
}
