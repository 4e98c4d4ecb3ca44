package config

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/kinetail/kinetail/pipeline/expr"
	"github.com/kinetail/kinetail/pipeline/record"
)

// Options say what a configuration is loaded with. The zero value is right for a program.
type Options struct {
	// Env looks an environment variable up; nil: os.LookupEnv.
	Env func(string) (string, bool)
	// Hostname is host.name for expressions that are computed at load time; "": os.Hostname.
	Hostname string
	// Roots are more names for expressions that are computed for each record, as in expr.Scope: what is known of the machine, say.
	Roots map[string]map[string]func() record.Value
	// Pods tells k8s.labels and k8s.annotations; nil: null.
	Pods expr.Pods
	// Tests also reads the tests beside the configuration: the *_test.hcl files of a directory, or FILE_test.hcl beside FILE.hcl; and the files
	// that tests name.
	Tests bool
	// BaseDir is where relative paths of file() start; "": the directory of the configuration.
	BaseDir string
}

func (o Options) filled() Options {
	if o.Env == nil {
		o.Env = os.LookupEnv
	}
	if o.Hostname == "" {
		o.Hostname, _ = os.Hostname()
	}
	return o
}

// Load reads a configuration: one file, or all *.hcl and *.hcl.json files of a directory. The Config is nil if the diagnostics,
// which are never nil, have errors; without errors they may still have hints.
func Load(path string, opts Options) (cfg *Config, diags *Diagnostics) {
	diags = &Diagnostics{Files: map[string]*hcl.File{}}
	defer func() { // hcl and cty have had panics for odd input, and a reload must not end the agent
		if p := recover(); p != nil {
			cfg = nil
			diags.List = append(diags.List, &hcl.Diagnostic{
				Severity: hcl.DiagError, Summary: fmt.Sprintf("Reading the configuration %s failed inside the program", path),
				Detail: fmt.Sprintf("This is a fault of kinetail, not of the configuration alone; please report it with the configuration. It says: %v", p),
			})
		}
	}()
	sources, problems := readSources(path)
	if opts.Tests {
		problems = append(problems, sources.addTests(path)...)
	}
	return load(sources, problems, opts, diags)
}

// Parse is Load for a text in HCL's native syntax that is in no file; name stands for it in diagnostics.
func Parse(name string, text []byte, opts Options) (*Config, *Diagnostics) {
	return load(sources{files: []source{{name: name, text: text}}}, nil, opts, &Diagnostics{Files: map[string]*hcl.File{}})
}

func load(sources sources, problems hcl.Diagnostics, opts Options, diags *Diagnostics) (*Config, *Diagnostics) {
	d := newDecoder(opts, sources.dir)
	d.add(problems...)
	whole := !problems.HasErrors() // with a part missing, nothing can be said to be missing
	var bodies, tests []hcl.Body
	var read []Source
	for _, src := range sources.files {
		file, problems, understood := parse(src)
		d.add(problems...)
		diags.Files[src.name] = file
		switch {
		case !understood:
			whole = false
		case src.tests:
			tests = append(tests, file.Body)
		default:
			bodies = append(bodies, file.Body)
			read = append(read, Source{src.name, src.text})
		}
	}
	cfg := d.config(bodies, tests, whole)
	diags.List = tidy(d.diags)
	if diags.HasErrors() {
		return nil, diags
	}
	cfg.Sources = read
	for _, f := range cfg.Flows {
		f.Digest = digest(f, cfg.Locals, diags.Files)
	}
	return cfg, diags
}

func newDecoder(opts Options, dir string) *decoder {
	opts = opts.filled()
	var known *Known
	if opts.Tests {
		known = &Known{}
		opts.Roots, opts.Pods = known.roots(), known
	}
	if opts.BaseDir == "" {
		opts.BaseDir = dir
	}
	return &decoder{opts: opts, known: known, elsewhere: places}
}

// StateDir is the state_dir of a configuration that may be full of mistakes: as it is written if that can be found out, else the
// default.
func StateDir(path string, opts Options) (dir string) {
	dir = defaultAgent(opts.filled()).StateDir
	defer func() { _ = recover() }() // as in Load, where it is reported
	sources, _ := readSources(path)
	d := newDecoder(opts, sources.dir)
	var bodies []hcl.Body
	for _, src := range sources.files {
		if file, _, _ := parse(src); file.Body != nil { // also what is left of a file with a syntax error
			bodies = append(bodies, file.Body)
		}
	}
	if cfg := d.config(bodies, nil, false); filepath.IsAbs(cfg.Agent.StateDir) {
		dir = cfg.Agent.StateDir
	}
	return dir
}

// config reads all files together, tests being files with nothing but test blocks. whole says that none is missing.
func (d *decoder) config(bodies, testFiles []hcl.Body, whole bool) *Config {
	d.eval = d.evalContext()
	var agents, aws, metrics, kubernetes, locals, flows, tests hcl.Blocks
	for _, rest := range bodies {
		b := &body{d: d, name: "the top level", rest: rest}
		for _, blk := range b.all(
			hcl.BlockHeaderSchema{Type: "agent"}, hcl.BlockHeaderSchema{Type: "aws"}, hcl.BlockHeaderSchema{Type: "locals"}, hcl.BlockHeaderSchema{Type: "kubernetes"},
			hcl.BlockHeaderSchema{Type: "metrics", LabelNames: []string{"kind"}},
			hcl.BlockHeaderSchema{Type: "flow", LabelNames: []string{"name"}}, testHeader,
		) {
			switch blk.Type {
			case "agent":
				agents = append(agents, blk)
			case "aws":
				aws = append(aws, blk)
			case "kubernetes":
				kubernetes = append(kubernetes, blk)
			case "locals":
				locals = append(locals, blk)
			case "metrics":
				metrics = append(metrics, blk)
			case "flow":
				flows = append(flows, blk)
			case "test":
				tests = append(tests, blk)
			}
		}
		b.done()
	}
	for _, rest := range testFiles {
		b := &body{d: d, name: "a file of tests", path: "tests", rest: rest}
		b.refuse("A file of tests holds test blocks only; the configuration is in the other files.", "agent", "aws", "kubernetes", "locals", "metrics", "flow")
		tests = append(tests, b.all(testHeader)...)
		b.done()
	}
	cfg := &Config{Agent: defaultAgent(d.opts), Metrics: defaultMetrics(), Known: d.known, Kubernetes: defaultKubernetes(), roots: d.opts.Roots, pods: d.opts.Pods}
	cfg.Locals = d.readLocals(locals)
	if blk := d.only(agents); blk != nil {
		d.body(blk, "").agent(&cfg.Agent)
	}
	if blk := d.only(aws); blk != nil {
		d.body(blk, "").aws(&cfg.AWS)
	}
	cfg.Metrics.AWS = cfg.AWS.clone()
	if blk := d.only(metrics); blk != nil {
		d.body(blk, "").metrics(&cfg.Metrics)
	}
	if blk := d.only(kubernetes); blk != nil {
		d.body(blk, "").kubernetes(&cfg.Kubernetes)
	}
	for _, blk := range flows {
		cfg.Flows = append(cfg.Flows, d.flow(blk, cfg.AWS))
	}
	for _, blk := range tests {
		cfg.Tests = append(cfg.Tests, d.test(blk, cfg.Flows))
	}
	d.checkTogether(cfg, agents, whole)
	return cfg
}

var testHeader = hcl.BlockHeaderSchema{Type: "test", LabelNames: []string{"name"}}

// describe reads an empty block of each kind, to learn the names they take.
func (d *decoder) describe() {
	empty := func(name string, labels ...string) *hcl.Block {
		return &hcl.Block{Type: name, Labels: labels, Body: hcl.EmptyBody()}
	}
	top := &body{d: d, rest: hcl.EmptyBody(), blocks: []string{"agent", "aws", "kubernetes", "locals", "metrics", "flow", "test"}}
	top.done()
	agent, metrics := defaultAgent(d.opts), defaultMetrics()
	d.body(empty("agent"), "").agent(&agent)
	d.body(empty("aws"), "").aws(&AWS{})
	d.body(empty("metrics", "cloudwatch"), "").metrics(&metrics)
	kubernetes := defaultKubernetes()
	d.body(empty("kubernetes"), "").kubernetes(&kubernetes)
	d.flow(empty("flow", "x"), AWS{})
	d.test(empty("test", "x"), nil)
	for _, kind := range slices.Sorted(maps.Keys(emitKinds)) {
		d.emit(empty("emit", kind), AWS{})
	}
	for _, kind := range slices.Sorted(maps.Keys(stepKinds)) {
		if stepKinds[kind].label == "" {
			d.step(empty(kind))
		}
	}
	for _, format := range slices.Sorted(maps.Keys(parseArguments)) {
		d.step(empty("parse", format))
	}
}

// only is the one block of a type that may be there once; the others are reported.
func (d *decoder) only(blocks hcl.Blocks) *hcl.Block {
	if len(blocks) == 0 {
		return nil
	}
	for _, blk := range blocks[1:] {
		d.duplicate(fmt.Sprintf("A second %s block", blk.Type), blk.DefRange, blocks[0].DefRange,
			"There may be one in all files together. Put the arguments of both into one block.")
	}
	return blocks[0]
}

// tidy puts diagnostics into the order of reading: what has no place, then errors, then hints, by file and line; each once.
func tidy(diags hcl.Diagnostics) hcl.Diagnostics {
	slices.SortStableFunc(diags, func(a, b *hcl.Diagnostic) int {
		if a.Severity != b.Severity {
			return cmp.Compare(a.Severity, b.Severity)
		}
		if a.Subject == nil || b.Subject == nil {
			return cmp.Compare(btoi(a.Subject != nil), btoi(b.Subject != nil))
		}
		return cmp.Or(cmp.Compare(a.Subject.Filename, b.Subject.Filename), cmp.Compare(a.Subject.Start.Byte, b.Subject.Start.Byte),
			cmp.Compare(a.Summary, b.Summary))
	})
	return slices.CompactFunc(diags, func(a, b *hcl.Diagnostic) bool {
		return a.Summary == b.Summary && a.Detail == b.Detail && a.Subject != nil && b.Subject != nil && *a.Subject == *b.Subject
	})
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
