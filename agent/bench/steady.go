package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/kinetail/kinetail/emit/awslocal"
)

// steadyCase is a log that grows while the agent follows it.
type steadyCase struct {
	name    string
	writers int // each with a file of its own, and one write for each line
	rate    int // lines a second of all writers
	emit    string
	latency bool // from the write of a line until the service has it

	runs []steadyResult
}

type steadyResult struct {
	cpu         float64 // share of a core
	usual, most int64   // KiB that were resident: the median, and the most that was seen
	p50, p99    time.Duration
}

// steadyRate is 10 MB/s of lines of 260 bytes.
const steadyRate = 10_000_000 / 260

var steadyCases = []steadyCase{
	{name: "10 MB/s, 1 writer, kpl", writers: 1, rate: steadyRate, emit: fmt.Sprintf(kinesisTo, kpl)},
	{name: "10 MB/s, 20 writers, kpl", writers: 20, rate: steadyRate, emit: fmt.Sprintf(kinesisTo, kpl)},
	{name: "100 lines/s, max_wait 100 ms", writers: 1, rate: 100, emit: fmt.Sprintf(kinesisTo, `max_wait = "100ms"`), latency: true},
}

// settle is how long the agent runs before it is looked at.
const settle = 3 * time.Second

// measure runs the agent for seconds.
func (c *steadyCase) measure(ctx context.Context, binary, dir string, seconds int) error {
	dir, err := os.MkdirTemp(dir, "steady-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	srv, err := awslocal.New(awslocal.Options{NoRates: true, Discard: !c.latency, Streams: []awslocal.StreamConfig{{Name: "s", Shards: 4}}})
	if err != nil {
		return err
	}
	url, err := srv.Start()
	if err != nil {
		return err
	}
	defer func() { _ = srv.Close() }()
	b := benchCase{emit: c.emit}
	config, err := b.configure(dir, url, nil, &logs{one: filepath.Join(dir, "log", "*.log")})
	if err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(dir, "log"), 0o750); err != nil {
		return err
	}
	var log bytes.Buffer
	cmd := exec.CommandContext(ctx, binary, "run", "-c", config) // #nosec G204 -- the program to measure
	cmd.Env = append(os.Environ(), agentEnv...)
	cmd.Stderr = &log
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%w: run `make build` first, or name the program with -binary", err)
	}
	written := make(chan error, c.writers)
	stop := make(chan struct{})
	for i := range c.writers {
		go func() { written <- c.write(filepath.Join(dir, "log", strconv.Itoa(i)+".log"), uint64(i), stop) }() // #nosec G115
	}
	r, err := c.watch(ctx, cmd.Process.Pid, seconds)
	close(stop)
	for range c.writers {
		err = errors.Join(err, <-written)
	}
	if err == nil && c.latency {
		time.Sleep(time.Second) // the last lines arrive
		r.p50, r.p99, err = latencies(srv)
	}
	_ = cmd.Process.Signal(os.Interrupt)
	if e := cmd.Wait(); e != nil {
		err = errors.Join(err, fmt.Errorf("%w\n%s", e, &log))
	}
	if err == nil && srv.Counters().Records == 0 {
		err = fmt.Errorf("nothing arrived:\n%s", &log)
	}
	c.runs = append(c.runs, r)
	return err
}

// watch takes the processor's time of a process over seconds, after it has settled.
func (c *steadyCase) watch(ctx context.Context, pid, seconds int) (steadyResult, error) {
	var r steadyResult
	if err := sleep(ctx, settle); err != nil {
		return r, err
	}
	var resident []int64
	began, used := time.Now(), cpuTicks(pid)
	for range seconds * 5 {
		if err := sleep(ctx, time.Second/5); err != nil {
			return r, err
		}
		resident = append(resident, memoryOf(pid, "VmRSS:"))
	}
	slices.Sort(resident)
	r.usual, r.most = resident[len(resident)/2], resident[len(resident)-1]
	r.cpu = float64(cpuTicks(pid)-used) / ticksPerSecond / since(began)
	return r, nil
}

// write appends lines at the case's rate until stop, in steps of 10 ms. With latency each begins with its time.
func (c *steadyCase) write(path string, seed uint64, stop <-chan struct{}) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640) // #nosec G302 G304 -- in our own directory
	if err != nil {
		return err
	}
	defer f.Close()
	r := rand.New(rand.NewPCG(3, seed)) // #nosec G404 -- repeatable on purpose
	var line []byte
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	began := time.Now()
	for n := int64(0); ; {
		for due := int64(since(began) * float64(c.rate) / float64(c.writers)); n < due; n++ {
			line = line[:0]
			if c.latency {
				line = append(strconv.AppendInt(line, time.Now().UnixNano(), 10), ' ')
			}
			line = appendLine(line, r, n)
			if _, err := f.Write(line); err != nil {
				return err
			}
		}
		select {
		case <-stop:
			return nil
		case <-tick.C:
		}
	}
}

// latencies are those of all lines.
func latencies(srv *awslocal.Server) (p50, p99 time.Duration, err error) {
	var all []time.Duration
	err = srv.Records("s", func(r awslocal.Record) bool {
		stamp, _, _ := bytes.Cut(r.Data, []byte(" "))
		n, e := strconv.ParseInt(string(stamp), 10, 64)
		if e == nil {
			all = append(all, r.Arrival.Sub(time.Unix(0, n)))
		}
		return true
	})
	if err != nil || len(all) == 0 {
		return 0, 0, errors.Join(err, errors.New("no line arrived"))
	}
	slices.Sort(all)
	return all[len(all)/2], all[len(all)*99/100], nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ticksPerSecond is USER_HZ, which is 100 on every Linux that Go runs on.
const ticksPerSecond = 100

// cpuTicks is the processor's time of a process, user and system: what getrusage says of it, seen from outside.
func cpuTicks(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	user, _ := strconv.ParseInt(string(fields[11]), 10, 64)
	system, _ := strconv.ParseInt(string(fields[12]), 10, 64)
	return user + system
}
