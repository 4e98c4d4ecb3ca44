package config

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// decoder holds what reading all blocks of one configuration has in common.
type decoder struct {
	opts   Options
	known  *Known
	diags  hcl.Diagnostics
	errors int // among diags
	eval   *hcl.EvalContext
	locals map[string]cty.Value
	// describing is true while the blocks are read without any text, to learn their names.
	describing bool
	// sections are what the blocks said of themselves while describing.
	sections []section
	// elsewhere is places; a field, because places itself reads blocks.
	elsewhere func() map[string][]string
	// names says which blocks take an argument or block of a name.
	names map[string][]string
}

// problem is what a diagnostic says besides where.
type problem struct {
	summary string
	// hint is a few words shown under the caret.
	hint string
	// detail is for those who need more than the hint.
	detail string
	// fix is the text as it should have been written.
	fix string
}

// extra travels in hcl.Diagnostic.Extra: what our rendering shows and hcl has no field for.
type extra struct {
	hint  string
	fix   string
	other *hcl.Range // a second place, shown with otherHint
	// otherHint is shown under the second place.
	otherHint string
}

func (d *decoder) add(diags ...*hcl.Diagnostic) {
	d.diags = append(d.diags, diags...)
	for _, diag := range diags {
		if diag.Severity == hcl.DiagError {
			d.errors++
		}
	}
}

func (d *decoder) error(at hcl.Range, p problem)   { d.report(hcl.DiagError, at, p) }
func (d *decoder) warning(at hcl.Range, p problem) { d.report(hcl.DiagWarning, at, p) }

func (d *decoder) report(severity hcl.DiagnosticSeverity, at hcl.Range, p problem) {
	d.add(&hcl.Diagnostic{
		Severity: severity, Summary: p.summary, Detail: p.detail, Subject: &at,
		Extra: extra{hint: p.hint, fix: p.fix},
	})
}

// duplicate reports a thing that is there twice, showing both places.
func (d *decoder) duplicate(summary string, at, first hcl.Range, detail string) {
	d.conflict(problem{summary: summary, hint: "again here", detail: detail}, at, "the first is here", first)
}

// conflict reports two things that do not go together, showing both places.
func (d *decoder) conflict(p problem, at hcl.Range, otherHint string, other hcl.Range) {
	d.add(&hcl.Diagnostic{
		Severity: hcl.DiagError, Summary: p.summary, Detail: p.detail, Subject: &at,
		Extra: extra{hint: p.hint, other: &other, otherHint: otherHint},
	})
}

// record remembers the names of a block, so that a name in the wrong block can be told where it belongs.
func (d *decoder) record(b *body) {
	if !d.describing {
		return
	}
	d.sections = append(d.sections, b.section())
	for _, n := range slices.Concat(b.args, b.blocks) {
		if !slices.Contains(d.names[n], b.path) {
			d.names[n] = append(d.names[n], b.path)
		}
	}
}
