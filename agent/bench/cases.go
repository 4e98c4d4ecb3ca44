package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/kinetail/kinetail/emit/awslocal"
)

// benchCase is one way to send the log.
type benchCase struct {
	name  string
	steps string // blocks of the flow before emit
	emit  string // block of the flow
	many  bool   // from many files
	tls   bool
	json  bool // the endpoint takes JSON alone
	floor floorKind
	// each line is a record of the service.
	single  bool
	results []result
}

const (
	kinesisTo = "emit \"kinesis\" {\nstream = \"s\"\nshard_rate_limit = \"off\"\n%s\n}\n"
	kpl       = `aggregate = "kpl"`
	lines     = "aggregate = \"lines\"\ndelimiter = \"\\n\""
	packed    = "emit \"firehose\" {\nstream = \"d\"\naggregate = \"lines\"\ndelimiter = \"\\n\"\n}\n"
)

var cases = []benchCase{
	{name: "kinesis none", emit: fmt.Sprintf(kinesisTo, ""), floor: singleFloor, single: true},
	{name: "kinesis none, JSON", emit: fmt.Sprintf(kinesisTo, ""), floor: singleFloor, single: true, json: true},
	{name: "kinesis kpl", emit: fmt.Sprintf(kinesisTo, kpl), floor: kplFloor},
	{name: "kinesis kpl, JSON", emit: fmt.Sprintf(kinesisTo, kpl), floor: kplFloor, json: true},
	{
		name: "kinesis kpl, key", floor: kplFloor,
		emit: fmt.Sprintf(kinesisTo, kpl+"\norder = \"key\"\npartition_key = split(\" \", record.message)[0]"),
	},
	{name: "kinesis lines", emit: fmt.Sprintf(kinesisTo, lines), floor: packedFloor},
	{name: "kinesis lines, JSON", emit: fmt.Sprintf(kinesisTo, lines), floor: packedFloor, json: true},
	{name: "firehose packed", emit: packed, floor: packedFloor, json: true},
	{name: "stdout", emit: "emit \"stdout\" {\ndelimiter = \"\\n\"\n}\n", floor: writeFloor},
	{
		name: "combined to JSON, kpl", steps: "parse \"combined\" {}\n", floor: kplFloor,
		emit: fmt.Sprintf(kinesisTo, kpl+"\nformat = \"json\""),
	},
	{name: "kpl, 100 files", emit: fmt.Sprintf(kinesisTo, kpl), many: true, floor: kplFloor},
	{name: "kpl, TLS", emit: fmt.Sprintf(kinesisTo, kpl), tls: true, floor: kplFloor},
}

// measure runs the case once, and its floor.
func (c *benchCase) measure(ctx context.Context, binary string, l *logs) error {
	dir, err := os.MkdirTemp(l.dir, "run-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	srv, err := awslocal.New(awslocal.Options{
		NoRates: true, Discard: true, TLS: c.tls, JSONOnly: c.json,
		Streams:         []awslocal.StreamConfig{{Name: "s", Shards: 4}},
		DeliveryStreams: []awslocal.DeliveryStreamConfig{{Name: "d"}},
	})
	if err != nil {
		return err
	}
	url, err := srv.Start()
	if err != nil {
		return err
	}
	defer func() { _ = srv.Close() }()
	config, err := c.configure(dir, url, srv.CA(), l)
	if err != nil {
		return err
	}
	r, payload, err := c.runAgent(ctx, binary, config, l)
	if err != nil {
		return err
	}
	counted := srv.Counters()
	for _, n := range counted.Requests {
		r.requests += n
	}
	if c.floor != writeFloor {
		if err := c.check(counted, payload, l); err != nil {
			return err
		}
	}
	floor, err := runFloor(ctx, c.floor, !c.json, c.tls, l)
	if err != nil {
		return fmt.Errorf("measure the floor: %w", err)
	}
	// Where steps make the records longer or shorter, that many bytes are sent.
	r.floor = perGB(floor, l.bytes) * float64(payload) / float64(l.bytes)
	c.results = append(c.results, r)
	return nil
}

func (c *benchCase) configure(dir, url string, ca []byte, l *logs) (string, error) {
	more := ""
	if ca != nil {
		path := filepath.Join(dir, "ca.pem")
		if err := os.WriteFile(path, ca, 0o600); err != nil {
			return "", err
		}
		more = fmt.Sprintf("ca_file = %q\n", path)
	}
	path := l.one
	if c.many {
		path = l.many
	}
	text := fmt.Sprintf("agent {\nstate_dir = %q\n}\naws {\nregion = \"us-east-1\"\nendpoint = %q\n%s}\nmetrics \"cloudwatch\" {\nenabled = false\n}\n"+
		"flow \"f\" {\ntail {\npaths = [%q]\n}\n%s%s}\n", filepath.Join(dir, "state"), url, more, path, c.steps, c.emit)
	config := filepath.Join(dir, "kinetail.hcl")
	return config, os.WriteFile(config, []byte(text), 0o600)
}

// delivered is in the agent's last line of log.
var delivered = regexp.MustCompile(`msg=delivered .*records=(\d+) bytes=(\d+)`)

// agentEnv is the agent's identity.
var agentEnv = []string{"AWS_ACCESS_KEY_ID=bench", "AWS_SECRET_ACCESS_KEY=bench", "AWS_EC2_METADATA_DISABLED=true"}

// runAgent returns what the agent took and how many bytes of records it has delivered.
func (c *benchCase) runAgent(ctx context.Context, binary, config string, l *logs) (r result, payload int64, err error) {
	sink, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return r, 0, err
	}
	defer sink.Close()
	var log bytes.Buffer
	cmd := exec.CommandContext(ctx, binary, "run", "--once", "-c", config) // #nosec G204 -- the program to measure
	cmd.Env = append(os.Environ(), agentEnv...)
	cmd.Stdout, cmd.Stderr = sink, &log
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return r, 0, fmt.Errorf("%w: run `make build` first, or name the program with -binary", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for running := true; running; {
		select {
		case err = <-ended:
			running = false
		case <-tick.C:
			// Not what getrusage says, which counts what this program had when it forked.
			r.peak = max(r.peak, memoryOf(cmd.Process.Pid, "VmHWM:"))
		}
	}
	if err != nil {
		return r, 0, fmt.Errorf("%w\n%s", err, &log)
	}
	r.speed = float64(l.bytes) / 1e6 / since(began)
	r.cpu = perGB(cpuOf(cmd.ProcessState), l.bytes)
	all := delivered.FindAllSubmatch(log.Bytes(), -1)
	if len(all) == 0 {
		return r, 0, fmt.Errorf("the agent does not say what it has delivered:\n%s", &log)
	}
	var records int64
	for _, m := range all { // one line for each half minute
		n, _ := strconv.ParseInt(string(m[1]), 10, 64)
		size, _ := strconv.ParseInt(string(m[2]), 10, 64)
		records, payload = records+n, payload+size
	}
	if records != l.lines {
		return r, 0, fmt.Errorf("%d of %d lines are delivered:\n%s", records, l.lines, &log)
	}
	return r, payload, nil
}

// check compares what the endpoint counted with what the agent says.
func (c *benchCase) check(got awslocal.Counters, payload int64, l *logs) error {
	if c.single && got.Records != l.lines {
		return fmt.Errorf("%d records arrived of %d lines", got.Records, l.lines)
	}
	// Aggregates have something around their records.
	if got.Bytes < payload || got.Bytes > payload+payload/4 {
		return fmt.Errorf("%d bytes arrived, the records have %d", got.Bytes, payload)
	}
	return nil
}

// memoryOf is a line of a process's status in KiB, zero if it has gone.
func memoryOf(pid int, name string) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(text), name)
	value, _, _ := strings.Cut(after, "kB")
	n, _ := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
	return n
}
