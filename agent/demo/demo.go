package demo

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"github.com/kinetail/kinetail/emit/awslocal"
	"github.com/kinetail/kinetail/emit/awslocal/readback"
)

// Options are for Run.
type Options struct {
	Lines     int // written in all
	Rate      int // lines per second
	Rotations int
	Faults    []string // of AllFaults
	Aggregate string   // "none" or "kpl"
	Keep      bool     // leaves the directory
	// Binary and Args start the agent; "run -c FILE" is appended.
	Binary string
	Args   []string
	Env    []string
	// Screen shows what happens, to people.
	Screen Screen
}

// AllFaults are what the demo can do to the agent.
var AllFaults = []string{"throttle", "kill"}

// Screen is where the demo shows itself.
type Screen interface {
	// Say prints a line that stays.
	Say(format string, args ...any)
	// Progress replaces the line before if it was Progress.
	Progress(p Progress)
}

// Progress is where things stand.
type Progress struct {
	Written, InStream, Throttled, Retried int64
	Rotations                             int64
	Lines                                 int
}

const (
	stream    = "demo"
	namespace = "Kinetail"
	// shards of the demo's stream: each takes 1 MB/s and 1,000 records/s, as in the service.
	shards = 8
	// patience is how long the demo waits for the stream to grow before it calls what is missing lost.
	patience = 15 * time.Second
)

const configuration = `agent {
  state_dir = %q
  listen    = "off"
}

aws {
  region   = "us-east-1"
  endpoint = %q    # an in-process Kinesis and CloudWatch
}

metrics "cloudwatch" {
  enabled  = true    # by default only when a flow sends to AWS itself
  interval = "1s"
}

flow "demo" {
  tail {
    paths    = [%q]
    start_at = "beginning"
  }
  emit "kinesis" {
    stream        = %q
    partition_key = split(" ", record.message)[1]    # the user: lines of a user stay in order
    order         = "key"
    aggregate     = %q
    max_wait      = "100ms"
  }
}
`

// Run runs the demo and judges it. The error says why it could not be carried out; a bad verdict is no error.
func Run(ctx context.Context, o Options) (Verdict, error) {
	started := time.Now()
	dir, err := os.MkdirTemp("", "kinetail-demo-")
	if err != nil {
		return Verdict{}, fmt.Errorf("make a directory for the demo: %w", err)
	}
	if o.Keep {
		defer o.Screen.Say("Kept: %s", dir)
	} else {
		defer func() { _ = os.RemoveAll(dir) }()
	}
	d := &demo{Options: o, dir: dir}
	if err := d.prepare(); err != nil {
		return Verdict{}, err
	}
	defer d.close()
	if err := d.play(ctx); err != nil {
		return Verdict{}, d.withLog(err)
	}
	v, err := d.judge(ctx)
	if err != nil {
		return v, err
	}
	v.Seconds = time.Since(started).Seconds()
	return v, nil
}

type demo struct {
	Options
	dir    string
	server *awslocal.Server
	url    string
	writer *writer
	child  *child
	kills  int
}

func (d *demo) has(fault string) bool {
	for _, f := range d.Faults {
		if f == fault {
			return true
		}
	}
	return false
}

// prepare starts the services, writes the configuration and starts the agent.
func (d *demo) prepare() error {
	var err error
	d.server, err = awslocal.New(awslocal.Options{Streams: []awslocal.StreamConfig{{Name: stream, Shards: shards}}})
	if err != nil {
		return err
	}
	if d.url, err = d.server.Start(); err != nil {
		return err
	}
	logs := filepath.Join(d.dir, "log")
	if err := os.Mkdir(logs, 0o750); err != nil {
		return err
	}
	text := fmt.Sprintf(configuration, filepath.Join(d.dir, "state"), d.url, filepath.Join(logs, "app.log"), stream, d.Aggregate)
	file := filepath.Join(d.dir, "kinetail.hcl")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(d.dir, "agent.log"))
	if err != nil {
		return err
	}
	d.Screen.Say("The configuration, %s:\n\n%s", file, indent(text))
	d.writer = &writer{path: filepath.Join(logs, "app.log"), lines: d.Lines, rate: d.Rate, rotations: d.Rotations}
	d.child = &child{binary: d.Binary, args: append(append([]string{}, d.Args...), "run", "-c", file), env: d.Env, log: log}
	if err := d.child.start(); err != nil {
		return err
	}
	d.Screen.Say("\nAn agent (pid %d) follows a log; %d lines are written at %d a second, rotated %d times; the stream has %d shards.\n",
		d.child.pid(), d.Lines, d.Rate, d.Rotations, shards)
	return nil
}

// indent moves a text to the right by two columns, and leaves empty lines empty.
func indent(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i, l := range lines {
		if l != "" {
			lines[i] = "  " + l
		}
	}
	return strings.Join(lines, "\n")
}

func (d *demo) close() {
	if d.child != nil && d.child.cmd != nil {
		d.child.kill()
		_ = d.child.log.Close()
	}
	_ = d.server.Close()
}

// play lets things happen until everything written is in the stream, or nothing more comes.
func (d *demo) play(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	written := make(chan struct{})
	go func() {
		defer close(written)
		if err := d.writer.run(ctx); err != nil {
			cancel(err)
		}
	}()
	defer func() {
		cancel(nil)
		<-written
	}()
	clock := time.NewTicker(100 * time.Millisecond)
	defer clock.Stop()
	throttle, kill := d.has("throttle"), d.has("kill")
	last, lastGrowth := int64(-1), time.Now()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-clock.C:
		}
		if err := d.child.exited(); err != nil {
			return err
		}
		p := d.progress()
		d.Screen.Progress(p)
		if p.InStream != last {
			last, lastGrowth = p.InStream, time.Now()
		}
		share := float64(p.Written) / float64(d.Lines)
		if throttle && share > 0.3 {
			throttle = false
			d.throttle()
		}
		if kill && share > 0.55 {
			kill = false
			if err := d.killAndRestart(ctx); err != nil {
				return err
			}
		}
		if p.Written == int64(d.Lines) && (d.complete() || time.Since(lastGrowth) > patience) {
			d.Screen.Progress(d.progress())
			return d.child.stop(ctx)
		}
	}
}

// throttle makes the stream refuse half of all records for a while.
func (d *demo) throttle() {
	const share, length = 0.5, 1500 * time.Millisecond
	d.Screen.Say("The stream refuses %.0f %% of all records for %v.", 100*share, length)
	d.server.AddFaults(awslocal.Fault{Kind: awslocal.Throttle, Service: "kinesis", Stream: stream, Share: share, For: length})
}

func (d *demo) killAndRestart(ctx context.Context) error {
	pid := d.child.pid()
	d.child.kill()
	d.kills++
	d.Screen.Say("The agent is killed (SIGKILL, pid %d); lines go on being written.", pid)
	select {
	case <-time.After(500 * time.Millisecond):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := d.child.start(); err != nil {
		return err
	}
	d.Screen.Say("It is started again (pid %d).", d.child.pid())
	return nil
}

func (d *demo) progress() Progress {
	p := Progress{
		Written: d.writer.written.Load(), Rotations: d.writer.rotated.Load(), Lines: d.Lines,
		Throttled: d.server.Counters().Throttled, Retried: int64(d.metric("RecordsRetried")),
	}
	d.stored(func([]byte) { p.InStream++ })
	return p
}

func (d *demo) metric(name string) float64 {
	return d.server.MetricStats(namespace, name, awslocal.Dimension{Name: "Destination", Value: "KinesisStream:" + stream}).Sum
}

// complete says whether every line is in the stream, by a look past the wire, so that the demo knows when to end.
func (d *demo) complete() bool {
	j := newJudge()
	d.stored(j.record)
	return j.judged(d.Lines).Lost == 0
}

// stored calls f with every line in the stream, without asking over the wire.
func (d *demo) stored(f func(line []byte)) {
	_ = d.server.Records(stream, func(r awslocal.Record) bool {
		lines, ok := readback.Deaggregate(r.Data)
		if !ok {
			f(r.Data)
		}
		for _, l := range lines {
			f(l.Data)
		}
		return true
	})
}

// judge reads the stream back as a consumer does and compares it with what was written.
func (d *demo) judge(ctx context.Context) (Verdict, error) {
	j := newJudge()
	reader := readback.Reader{Endpoint: d.url}
	if _, err := reader.Read(ctx, stream, func(r readback.Record) error {
		j.record(r.Data)
		return nil
	}); err != nil {
		return Verdict{}, fmt.Errorf("read the stream back: %w", err)
	}
	v := j.judged(d.Lines)
	p := d.progress()
	v.Throttled, v.Retried, v.Rotations, v.Kills = int(p.Throttled), int(p.Retried), int(p.Rotations), d.kills
	v.Metrics = d.metrics()
	return v, nil
}

// metrics sums up what arrived in CloudWatch; of a gauge, the last value.
func (d *demo) metrics() []Metric {
	var all []Metric
	index := map[string]int{}
	for _, m := range d.server.Metrics() {
		name := m.MetricName
		for _, dim := range m.Dimensions {
			name += " " + dim.Name + "=" + dim.Value
		}
		i, ok := index[name]
		if !ok {
			i = len(all)
			index[name] = i
			all = append(all, Metric{Name: name, Unit: m.Unit})
		}
		st := m.Stats()
		all[i].Sum += st.Sum
		all[i].Max = max(all[i].Max, st.Maximum)
	}
	sort.Slice(all, func(i, k int) bool { return all[i].Name < all[k].Name })
	return all
}

// withLog adds the end of the agent's log to an error, for it says why.
func (d *demo) withLog(err error) error {
	const lines = 10
	text, readErr := os.ReadFile(filepath.Join(d.dir, "agent.log"))
	if readErr != nil || len(text) == 0 {
		return err
	}
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	return fmt.Errorf("%w\nthe agent's last words:\n  %s", err, strings.Join(all[max(0, len(all)-lines):], "\n  "))
}
