package config

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
)

// checkFlow looks at what the blocks of one flow say together.
func (d *decoder) checkFlow(f *Flow) {
	byKind, byName := map[string]*Emit{}, map[string]*Emit{}
	for _, e := range f.Emits {
		first, again := byName[e.Name]
		switch kind := byKind[e.Kind]; {
		case again && first.Name == e.Kind && e.Name == e.Kind:
			d.duplicate(fmt.Sprintf("Two emit %q blocks in flow %q without a name", kind.Kind, f.Name), e.Range, first.Range,
				`Write name = "..." in at least one of them: metrics, status and dead letters tell them apart by it.`)
		case again:
			d.duplicate(fmt.Sprintf("Two emit blocks named %q in flow %q", e.Name, f.Name), e.Range, first.Range,
				"Metrics, status and dead letters tell them apart by their names.")
		default:
			byName[e.Name] = e
		}
		byKind[e.Kind] = e
	}
	for _, e := range f.Emits {
		d.hintAtSizes(f, e)
	}
	if len(f.Emits) > 1 {
		d.warning(f.Range, problem{
			summary: fmt.Sprintf("The %d destinations of flow %q advance together", len(f.Emits), f.Name),
			detail:  "While one cannot be reached, the others wait for it, because a record counts as delivered when all have it. Write a flow for each if one must not wait for the other.",
		})
	}
}

// hintAtSizes tells of records that will be larger than the service takes, unless it was set up for them.
func (d *decoder) hintAtSizes(f *Flow, e *Emit) {
	largest := f.Tail.MaxRecordSize
	if e.Aggregate != "none" {
		largest = max(largest, e.AggregateSize)
	}
	switch {
	case e.Kind == "kinesis" && largest > usualRecord:
		d.warning(e.Range, problem{
			summary: fmt.Sprintf("Records of up to %s need a stream that takes them", formatSize(largest)),
			detail:  "A stream takes records of 1MiB until its MaxRecordSizeInKiB is raised. What it does not take becomes a dead letter.",
		})
	case e.Kind == "firehose" && largest > firehoseRecord:
		d.warning(e.Range, problem{
			summary: fmt.Sprintf("Firehose takes no records of %s", formatSize(largest)), hint: fmt.Sprintf("max_record_size = %q fits", formatSize(firehoseRecord-1<<10)),
			detail: "It takes 1,000 KiB with the delimiter. Longer records become dead letters, where max_record_size would truncate or split them.",
		})
	}
}

// maxFlows is far above what a host has: every two flows are compared.
const maxFlows = 1000

// checkTogether looks at what all blocks of all files say together.
func (d *decoder) checkTogether(cfg *Config, agents hcl.Blocks, whole bool) {
	if len(cfg.Flows) == 0 && whole {
		d.add(&hcl.Diagnostic{
			Severity: hcl.DiagError, Summary: "No flow is configured",
			Detail: "Write at least one: flow \"nginx\" { ... } with a tail block and an emit block in it.",
		})
	}
	if len(cfg.Flows) > maxFlows {
		d.error(cfg.Flows[maxFlows].Range, problem{summary: fmt.Sprintf("More than %d flows", maxFlows), detail: "Follow the files of several flows with one pattern."})
		return
	}
	d.checkNames(cfg.Flows)
	d.checkMemory(cfg, agents)
	d.checkFeedback(cfg.Flows)
}

func (d *decoder) checkNames(flows []*Flow) {
	byName, byOld := map[string]*Flow{}, map[string]*Flow{}
	for _, f := range flows {
		if first, ok := byName[f.Name]; ok {
			d.duplicate(fmt.Sprintf("A second flow %q", f.Name), f.Range, first.Range, "What was delivered of a file is remembered under the flow's name, so each has its own.")
			continue
		}
		byName[f.Name] = f
	}
	for _, f := range flows {
		if f.RenamedFrom == "" {
			continue
		}
		if other, ok := byName[f.RenamedFrom]; ok {
			d.conflict(problem{
				summary: fmt.Sprintf("flow %q is renamed from %q, which still exists", f.Name, f.RenamedFrom), hint: "this takes over the positions",
				detail: "They can belong to one of the two. Remove the old flow, or renamed_from.",
			}, f.Range, "of this", other.Range)
		}
		if first, ok := byOld[f.RenamedFrom]; ok {
			d.duplicate(fmt.Sprintf("Two flows are renamed from %q", f.RenamedFrom), f.Range, first.Range, "The positions can be taken over by one.")
		}
		byOld[f.RenamedFrom] = f
	}
}

// readBlock is what a flow needs besides the record itself: a block to read into, in bytes.
const readBlock = 256 << 10

// MemoryNeed is what a flow needs of memory_limit to get on however long its records are, in bytes: the longest record once as it was
// read and once packed, and a block to read into.
func (f *Flow) MemoryNeed() int64 { return 2*f.Tail.MaxRecordSize + readBlock }

// QueueMemory is the part of memory_limit for read blocks and queues, in bytes: half of it, of which half is guaranteed to the flows in even
// parts and half is lent.
func (a *Agent) QueueMemory() int64 { return a.MemoryLimit / 2 }

// BodyMemory is the part of memory_limit for requests in flight, in bytes: three eighths, divided among the destinations the same way. The
// last eighth is for what waits to be collected.
func (a *Agent) BodyMemory() int64 { return a.MemoryLimit / 8 * 3 }

func flowCount(n int) string {
	if n == 1 {
		return "a flow"
	}
	return fmt.Sprintf("%d flows", n)
}

// checkMemory: a quarter of memory_limit is guaranteed to the flows in even parts (see QueueMemory), and each must get what it needs.
func (d *decoder) checkMemory(cfg *Config, agents hcl.Blocks) {
	var most int64
	for _, f := range cfg.Flows {
		most = max(most, f.MemoryNeed())
	}
	need := 4 * most * int64(len(cfg.Flows))
	if cfg.Agent.MemoryLimit >= need {
		return
	}
	const mib = 1 << 20
	p := problem{
		summary: fmt.Sprintf("memory_limit = %q is too small for %s", formatSize(cfg.Agent.MemoryLimit), flowCount(len(cfg.Flows))),
		hint:    fmt.Sprintf("at least %q", formatSize((need+mib-1)/mib*mib)),
		detail: fmt.Sprintf("A quarter of it is divided evenly among the flows, and the one with the longest records needs %.2f MiB: twice its max_record_size, and a block to read into. Raise memory_limit in the agent block, or lower max_record_size.",
			float64(most)/mib),
	}
	for _, blk := range agents {
		content, _, _ := blk.Body.PartialContent(&hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "memory_limit"}}})
		if a := content.Attributes["memory_limit"]; a != nil {
			d.error(a.Expr.Range(), p)
			return
		}
	}
	d.error(cfg.Flows[0].Range, p)
}

// checkFeedback finds files that are written by one flow and followed by one, which would never end, and files written by two.
func (d *decoder) checkFeedback(flows []*Flow) {
	written := map[string]*Emit{}
	for _, f := range flows {
		for _, e := range f.Emits {
			if e.Path == "" {
				continue
			}
			if first, ok := written[e.Path]; ok {
				d.duplicate(fmt.Sprintf("Two emit blocks write to %s", e.Path), e.Range, first.Range, "Give each a file of its own.")
			}
			written[e.Path] = e
			for _, reader := range flows {
				if reader.Tail.follows(e.Path) {
					d.conflict(problem{
						summary: fmt.Sprintf("flow %q follows %s, which flow %q writes", reader.Name, e.Path, f.Name), hint: "written here",
						detail: "Each record would be read and written again without end. Add the file to exclude, or write it elsewhere.",
					}, e.Range, "followed by this", reader.Range)
				}
			}
		}
	}
}

// follows says whether a path is matched by the patterns.
func (t *Tail) follows(path string) bool {
	for _, x := range t.Exclude {
		if globMatches(x, path) {
			return false
		}
	}
	for _, p := range t.Paths {
		if globMatches(p, path) {
			return true
		}
	}
	return false
}
