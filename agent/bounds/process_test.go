//go:build bounds

package bounds

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kinetail/kinetail/emit/awslocal"
)

// seconds is how long each measurement takes: BOUNDS_SECONDS, 60 if it is not set.
func seconds(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("BOUNDS_SECONDS")
	if text == "" {
		return time.Minute
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("BOUNDS_SECONDS is %q: it must be a number of seconds", text)
	}
	return time.Duration(n) * time.Second
}

// binary is the program to measure: KINETAIL_BINARY, or bin/kinetail as `make build` leaves it.
func binary(t *testing.T) string {
	t.Helper()
	path := os.Getenv("KINETAIL_BINARY")
	if path == "" {
		path = "../../bin/kinetail"
	}
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v: make build makes it", err)
	}
	return path
}

// service is an endpoint that counts and discards.
func service(t *testing.T) (*awslocal.Server, string) {
	t.Helper()
	s, err := awslocal.New(awslocal.Options{
		NoRates: true, Discard: true, Samples: 1,
		Streams: []awslocal.StreamConfig{{Name: "live", Shards: 2}, {Name: "dead", Shards: 2}},
	})
	if err != nil {
		t.Fatal(err)
	}
	url, err := s.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, url
}

// agent is a running kinetail.
type agent struct {
	t     *testing.T
	cmd   *exec.Cmd
	log   string // file
	began time.Time
	ended chan struct{}
}

// start runs the program with a configuration; what stands before the flows is written here. wrap is a command that runs it, or nothing.
func start(t *testing.T, dir, endpoint, flows string, wrap ...string) *agent {
	t.Helper()
	config := filepath.Join(dir, "kinetail.hcl")
	text := fmt.Sprintf(`agent {
  state_dir = %q
  listen    = "off"
}
aws {
  region   = "us-east-1"
  endpoint = %q
}
%s`, filepath.Join(dir, "state"), endpoint, flows)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	a := &agent{t: t, log: filepath.Join(dir, "agent.log"), ended: make(chan struct{})}
	out, err := os.OpenFile(a.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	argv := slices.Concat(wrap, []string{binary(t), "run", "-c", config})
	a.cmd = exec.Command(argv[0], argv[1:]...)
	a.cmd.Stdout, a.cmd.Stderr = out, out
	a.cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "AWS_ACCESS_KEY_ID=AKIDBOUNDS", "AWS_SECRET_ACCESS_KEY=secret", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "GODEBUG=" + os.Getenv("GODEBUG"),
	}
	a.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	a.began = time.Now()
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = a.cmd.Wait() // the state tells
		close(a.ended)
	}()
	t.Cleanup(a.stop)
	return a
}

func (a *agent) stop() {
	_ = a.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-a.ended:
	case <-time.After(30 * time.Second):
		_ = a.cmd.Process.Kill()
		<-a.ended
	}
	if a.t.Failed() {
		text, _ := os.ReadFile(a.log)
		a.t.Logf("%s", text[max(0, len(text)-4000):])
	}
}

// until waits for something to become true, and fails the test if it doesn't within limit, or if the program ends.
func (a *agent) until(what string, limit time.Duration, done func() bool) {
	a.t.Helper()
	deadline := time.Now().Add(limit)
	for !done() {
		select {
		case <-a.ended:
			a.t.Fatalf("kinetail ended while waiting until %s: %v", what, a.cmd.ProcessState)
		case <-time.After(time.Millisecond):
		}
		if time.Now().After(deadline) {
			a.t.Fatalf("not after %v: %s", limit, what)
		}
	}
}

// usage is what the kernel says of a process.
type usage struct {
	at             time.Time
	cpu            time.Duration // user and system, of all threads
	switches       int           // voluntary: how often a thread of it was woken
	rss, anon, hwm int           // KiB
	descriptors    int
}

// usage reads /proc/PID/stat (processor time in hundredths of a second), status and the threads' status.
func (a *agent) usage() usage {
	a.t.Helper()
	u, err := readUsage(a.cmd.Process.Pid)
	if err != nil {
		a.t.Fatal(err)
	}
	return u
}

func readUsage(pid int) (usage, error) {
	dir := fmt.Sprintf("/proc/%d", pid)
	u := usage{at: time.Now()}
	text, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return u, err
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest) // from the third on, see proc_pid_stat(5)
	if len(fields) < 13 {
		return u, errors.New(dir + "/stat: too few fields")
	}
	for _, f := range fields[11:13] {
		ticks, err := strconv.Atoi(f)
		if err != nil {
			return u, err
		}
		u.cpu += time.Duration(ticks) * 10 * time.Millisecond
	}
	if text, err = os.ReadFile(dir + "/status"); err != nil {
		return u, err
	}
	u.rss, u.anon, u.hwm = field(text, "VmRSS:"), field(text, "RssAnon:"), field(text, "VmHWM:")
	threads, err := filepath.Glob(dir + "/task/*/status")
	if err != nil {
		return u, err
	}
	for _, thread := range threads {
		if text, err := os.ReadFile(thread); err == nil {
			u.switches += field(text, "voluntary_ctxt_switches:")
		}
	}
	fds, err := os.ReadDir(dir + "/fd")
	u.descriptors = len(fds)
	return u, err
}

func field(text []byte, name string) int {
	_, after, _ := strings.Cut(string(text), "\n"+name)
	fields := strings.Fields(after)
	if len(fields) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(fields[0])
	return n
}

// over measures for d.
func (a *agent) over(d time.Duration) (share, wakeups float64, last usage) {
	a.t.Helper()
	first := a.usage()
	select {
	case <-a.ended:
		a.t.Fatalf("kinetail ended: %v", a.cmd.ProcessState)
	case <-time.After(d):
	}
	last = a.usage()
	took := last.at.Sub(first.at).Seconds()
	return (last.cpu - first.cpu).Seconds() / took, float64(last.switches-first.switches) / took, last
}
