package flow

import (
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kinetail/kinetail/agent/status"
	"github.com/kinetail/kinetail/pipeline"
	"github.com/kinetail/kinetail/pipeline/expr"
)

// stepsThatDrop is a pipeline that drops records by a condition.
func stepsThatDrop(t *testing.T, condition string, outputs int) (*pipeline.Pipeline, []*pipeline.Encoder) {
	t.Helper()
	e, diags := hclsyntax.ParseExpression([]byte(condition), "t", hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	drop, diags := expr.Compile(e, nil)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	filter, err := pipeline.NewFilter(pipeline.FilterOptions{Drop: drop})
	if err != nil {
		t.Fatal(err)
	}
	var encoders []*pipeline.Encoder
	for range outputs {
		encoder, err := pipeline.NewEncoder(pipeline.EncoderOptions{})
		if err != nil {
			t.Fatal(err)
		}
		encoders = append(encoders, encoder)
	}
	p, err := pipeline.New([]pipeline.Step{filter}, encoders, pipeline.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p, encoders
}

// A batch of which the steps leave nothing is acknowledged as it is read; one of which they leave something waits for all destinations.
func TestWhatStepsDropIsAcknowledged(t *testing.T) {
	s := &listSource{left: []string{"noise", "signal", "noise"}}
	one, two := &heldDestination{name: "one"}, &heldDestination{name: "two"}
	f := newFlow(s, one, two)
	steps, encoders := stepsThatDrop(t, `record.message == "noise"`, 2)
	f.Steps = steps
	for i, o := range f.Outputs {
		o.Encoder = encoders[i]
	}
	if err := f.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(s.acked, " "); got != "noise noise" {
		t.Errorf("acknowledged %q before any destination had the other line", got)
	}
	if got := strings.Join(append(one.got, two.got...), " "); got != "signal signal" {
		t.Errorf("the destinations got %q", got)
	}
	if got := f.Status(true); got.Dropped != (status.Dropped{Filtered: 2}) {
		t.Errorf("counted %+v", got.Dropped)
	}
	if err := f.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(s.acked) != 3 {
		t.Errorf("acknowledged %q in the end", s.acked)
	}
}

// What a condition cannot decide is kept, and counted.
func TestUndecidedIsCounted(t *testing.T) {
	s := &listSource{left: []string{"a"}}
	d := &heldDestination{name: "one"}
	f := newFlow(s, d)
	f.Steps, _ = stepsThatDrop(t, `record.status > 400`, 1)
	if err := f.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := f.Status(true); got.FilterUndecided != 1 || len(d.got) != 1 {
		t.Errorf("counted %d, sent %q", got.FilterUndecided, d.got)
	}
	if err := f.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}
