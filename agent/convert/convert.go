package convert

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/kinetail/kinetail/agent/config"
)

// Source is a file of the Java agent's configuration.
type Source struct {
	Name string
	Text []byte
}

// Options are for Convert.
type Options struct {
	// Dual is what is appended to the names of the streams, so that both agents can run for a while; "" is to take over.
	Dual string
	// StateDir is written into the result if it is not "".
	StateDir string
}

// Flow is a flow of the result, and what it was.
type Flow struct {
	// Name is that of the flow here.
	Name string
	// ID is the Java agent's name of it: kinesis:<stream>:<pattern> or fh:<stream>:<pattern>.
	ID string
	// Pattern is its filePattern as a pattern here.
	Pattern string
}

// Result is what Convert makes.
type Result struct {
	// HCL is the configuration; empty if no flow could be converted.
	HCL []byte
	// Report has a line for every key.
	Report Report
	// Flows are those of HCL, in its order.
	Flows []Flow
	// Failed are the flows that could not be converted, each with its reason. They stand in HCL as comments.
	Failed []error
	// CheckpointFile is where the Java agent keeps its positions, as configured or by default.
	CheckpointFile string
}

// DefaultCheckpointFile is where the Java agent keeps its positions if checkpointFile is not there.
const DefaultCheckpointFile = "/var/run/aws-kinesis-agent/checkpoints"

// Convert makes a configuration of the Java agent's: agent.json, and the files of agent.d, whose flows are appended. An error says that there is
// no such configuration; that flows could not be converted is no error, see Result.Failed.
func Convert(sources []Source, opts Options) (*Result, error) {
	if len(sources) == 0 {
		return nil, errors.New("there is no configuration")
	}
	c := &converter{opts: opts, result: &Result{CheckpointFile: DefaultCheckpointFile}, names: map[string]int{}}
	var trees []*object
	for _, s := range sources {
		o, err := parseJSON(s.Name, s.Text)
		if err != nil {
			return nil, err
		}
		trees = append(trees, o)
	}
	if !trees[0].has("flows") && len(trees) == 1 {
		return nil, fmt.Errorf("%s is JSON, but no configuration of the Java agent: it has no \"flows\"", sources[0].Name)
	}
	if err := c.global(trees[0]); err != nil {
		return nil, fmt.Errorf("%s: %w", sources[0].Name, err)
	}
	for i, tree := range trees {
		c.where = ""
		if i > 0 {
			c.where = baseName(sources[i].Name) + ": "
			for _, k := range tree.keys {
				if k != "flows" {
					c.say(NotNeeded, k, tree.get(k), "of the files in agent.d only flows are read, there and here")
				}
			}
		}
		list, ok := tree.get("flows").([]any)
		if tree.has("flows") && !ok {
			return nil, fmt.Errorf("%s: \"flows\" must be a list", sources[i].Name)
		}
		for n, v := range list {
			o, ok := v.(*object)
			if !ok {
				return nil, fmt.Errorf("%s: flows[%d] is %s, not an object", sources[i].Name, n, shown(v))
			}
			c.flow(fmt.Sprintf("flows[%d]", n), o)
		}
	}
	return c.finish()
}

func baseName(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

type converter struct {
	opts   Options
	result *Result
	where  string // the file's name before a key, for the files of agent.d
	aws    amazon
	flows  writer
	names  map[string]int
	// metrics are the arguments of the metrics block.
	emitMetrics bool
	namespace   string
	used        map[string]bool // services of the flows
	configured  map[string]bool // services whose endpoint or region is configured
}

// say adds a line to the report. A value that is no text is shown as JSON.
func (c *converter) say(v Verdict, key string, value any, format string, args ...any) {
	text := ""
	switch value := value.(type) {
	case nil:
	case string:
		text = value
		if strings.ContainsFunc(text, func(r rune) bool { return !strconv.IsPrint(r) }) {
			text = strconv.Quote(text) // a value is not to do anything to a terminal
		}
		if r := []rune(text); len(r) > 60 {
			text = string(r[:57]) + "..."
		}
	default:
		text = shown(value)
	}
	if len(args) > 0 {
		format = fmt.Sprintf(format, args...)
	}
	c.result.Report = append(c.result.Report, Line{Verdict: v, Key: c.where + key, Value: text, Text: format})
}

// finish writes the whole configuration, and checks it.
func (c *converter) finish() (*Result, error) {
	r := c.result
	c.where = ""
	if len(r.Flows) == 0 {
		if len(r.Failed) == 0 {
			return nil, errors.New("there are no flows in it: nothing is followed, there and here")
		}
		return r, nil
	}
	var out writer
	out.line("# Made by 'kinetail convert' of the configuration of amazon-kinesis-agent. What arrives in the streams is the same, byte by byte; what could be")
	out.line("# better is in the report that convert wrote.")
	if c.opts.Dual != "" {
		out.line("#\n# To run beside the Java agent: the same files are read, and the records go to streams of their own, whose names end in %q.", c.opts.Dual)
		out.line("# Make those streams, compare what arrives, then convert again without --dual and with --checkpoints.")
	}
	out.line("")
	if c.opts.StateDir != "" {
		out.block("agent", argument("state_dir", quote(c.opts.StateDir)))
		out.line("")
	}
	c.writeAWS(&out)
	c.writeMetrics(&out)
	out.WriteString(c.flows.String())
	r.HCL = config.Format([]byte(strings.TrimRight(out.String(), "\n") + "\n"))
	if _, diags := config.Parse("converted.hcl", r.HCL, config.Options{Env: func(string) (string, bool) { return "", false }}); diags.HasErrors() {
		var text strings.Builder
		_ = diags.WriteText(&text, config.TextOptions{})
		return nil, fmt.Errorf("the result would not be a valid configuration, because of a value that kinetail does not take:\n%s", text.String())
	}
	return r, nil
}

func (c *converter) writeMetrics(out *writer) {
	switch {
	case !c.emitMetrics:
		out.block(`metrics "cloudwatch"`, "enabled = false")
	case c.opts.Dual != "":
		out.line("# Names of its own, so that the Java agent's dashboards count nothing twice.")
		out.block(`metrics "cloudwatch"`, `namespace = "Kinetail"`, c.aws.metricsBlock())
	default:
		namespace := ""
		if c.namespace != "" && c.namespace != "AWSKinesisAgent" {
			namespace = argument("namespace", quote(c.namespace))
		}
		out.block(`metrics "cloudwatch"`, `compat = "kinesis-agent"`, namespace, c.aws.metricsBlock())
	}
	out.line("")
}
