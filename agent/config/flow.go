package config

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// names of flows and emit blocks become keys of the store, names of directories and labels of metrics.
var nameText = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func name(what string) check {
	return func(s string) *problem {
		if nameText.MatchString(s) {
			return nil
		}
		p := &problem{
			summary: fmt.Sprintf("%s cannot be %q", what, s),
			detail:  "It becomes the name of a directory and of metrics: at most 64 letters, digits and . _ -, with a letter or digit first.",
		}
		fixed := strings.Trim(strings.Map(func(r rune) rune {
			if strings.ContainsRune("._-", r) || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
				return r
			}
			return '-'
		}, s), "._-")
		if len(fixed) <= 64 && fixed != "" {
			p.hint = mean(fixed)
		}
		return p
	}
}

// flow reads a flow block. Its blocks are read in the order written, because the order of steps means something.
func (d *decoder) flow(blk *hcl.Block, aws AWS) *Flow {
	b := d.body(blk, "")
	f := &Flow{Name: blk.Labels[0], Range: blk.DefRange}
	if p := name("The name of a flow")(f.Name); p != nil {
		d.error(blk.LabelRanges[0], *p)
	}
	b.str("renamed_from", &f.RenamedFrom, name("renamed_from"))
	var tail *hcl.Block
	emits := 0
	written := map[*Emit]*body{}
	for _, inner := range b.all(append(stepHeaders(),
		hcl.BlockHeaderSchema{Type: "tail"},
		hcl.BlockHeaderSchema{Type: "emit", LabelNames: []string{"kind"}},
	)...) {
		switch inner.Type {
		case "tail":
			if tail != nil {
				d.duplicate("A second tail block in "+b.name, inner.DefRange, tail.DefRange, "Put all paths into one tail block, or write a second flow.")
				continue
			}
			tail = inner
			f.Tail = d.body(inner, "flow").tail()
		case "emit":
			emits++
			if e, body := d.emit(inner, aws); e != nil {
				f.Emits = append(f.Emits, e)
				written[e] = body
			}
		default:
			if emits > 0 {
				d.error(inner.DefRange, problem{
					summary: fmt.Sprintf("%s stands behind an emit block", inner.Type), hint: "move it before the emit blocks",
					detail: "Steps are applied in the order written, and all of them before the record is sent.",
				})
			}
			f.Steps = append(f.Steps, d.step(inner))
		}
	}
	if d.describing {
		d.body(&hcl.Block{Type: "tail", Body: hcl.EmptyBody()}, "flow").tail()
	}
	if tail == nil {
		b.need("tail", "a tail block", `tail { paths = ["/var/log/..."] }`)
	}
	if emits == 0 {
		b.need("emit", "an emit block", `emit "kinesis" { stream = "..." }`)
	}
	b.done()
	for _, e := range f.Emits {
		written[e].output(e, f)
	}
	d.checkHeader(f)
	d.checkFlow(f)
	d.hintAtFields(f)
	d.hintAtID(f)
	return f
}
