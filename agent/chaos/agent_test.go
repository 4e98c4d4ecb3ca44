//go:build chaos

package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// agent is kinetail with one state directory, over many lives.
type agent struct {
	t      *testing.T
	dir    string
	binary string
	config string // file
	cmd    *exec.Cmd
	ended  chan struct{}

	mu                            sync.Mutex
	starts, kills, stops, reloads int
	unfinished                    int         // stops that left something undelivered, and said so
	deaths                        []time.Time // of lives that did not end well: what they had not committed is sent again
	harsh                         time.Time   // until then only gentle things happen, for which nothing may be repeated
	maxRSS                        int         // KiB
}

func (a *agent) start() {
	a.t.Helper()
	log, err := os.OpenFile(filepath.Join(a.dir, "agent.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		a.t.Fatal(err)
	}
	defer log.Close()
	a.cmd = exec.Command(a.binary, "run", "-c", a.config)
	a.cmd.Stdout, a.cmd.Stderr = log, log
	a.cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + a.dir, "AWS_ACCESS_KEY_ID=AKIDCHAOS", "AWS_SECRET_ACCESS_KEY=secret", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
	}
	a.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := a.cmd.Start(); err != nil {
		a.t.Fatal(err)
	}
	a.ended = make(chan struct{})
	go func(cmd *exec.Cmd, ended chan struct{}) {
		_ = cmd.Wait() // the state tells
		close(ended)
	}(a.cmd, a.ended)
	a.starts++
}

// alive fails the test if the process has ended by itself.
func (a *agent) alive() bool {
	select {
	case <-a.ended:
		a.t.Errorf("kinetail ended by itself: %v", a.cmd.ProcessState)
		return false
	default:
		return true
	}
}

func (a *agent) measure() {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", a.cmd.Process.Pid))
	if err != nil {
		return
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	field, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	kib, _ := strconv.Atoi(field)
	a.maxRSS = max(a.maxRSS, kib)
}

func (a *agent) died() {
	a.mu.Lock()
	a.deaths = append(a.deaths, time.Now())
	a.mu.Unlock()
}

// kill is kill -9.
func (a *agent) kill() {
	a.measure()
	_ = a.cmd.Process.Kill()
	<-a.ended
	a.kills++
	a.died()
}

// stop is SIGTERM. It may take no longer than shutdown_timeout and some.
func (a *agent) stop() {
	a.measure()
	_ = a.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-a.ended:
	case <-time.After(shutdownTimeout + 10*time.Second):
		a.t.Errorf("kinetail did not end within %v of SIGTERM", shutdownTimeout+10*time.Second)
		_ = a.cmd.Process.Signal(syscall.SIGQUIT) // for its goroutines, into the log
		<-a.ended
	}
	a.stops++
	if code := a.cmd.ProcessState.ExitCode(); code != 0 {
		if code != 1 {
			a.t.Errorf("kinetail ended with %v of SIGTERM", a.cmd.ProcessState)
		}
		a.unfinished++
		a.died()
	}
}

// play lets bad things happen to the agent until ctx ends.
func (a *agent) play(ctx context.Context, configure func(variant int, broken bool), random *rand.Rand) {
	pause := func(least, spread int) bool {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(time.Duration(least+random.IntN(spread)) * time.Millisecond):
			return true
		}
	}
	for pause(1500, 4000) {
		if !a.alive() {
			return
		}
		dice := random.IntN(100)
		if time.Now().Before(a.harsh) {
			dice = 60 + dice*40/100
		}
		switch {
		case dice < 45:
			a.kill()
			pause(0, 2500)
			a.start()
		case dice < 60: // killed while it starts, again and again
			a.kill()
			for range 1 + random.IntN(4) {
				a.start()
				pause(0, 120)
				a.kill()
			}
			a.start()
		case dice < 80:
			a.stop()
			pause(0, 2500)
			a.start()
		default:
			broken := random.IntN(3) == 0
			configure(random.IntN(3), broken)
			_ = a.cmd.Process.Signal(syscall.SIGHUP)
			a.reloads++
			if broken && random.IntN(2) == 0 {
				continue // the next life starts with what is broken, too
			}
			pause(300, 500)
			configure(random.IntN(3), false)
			_ = a.cmd.Process.Signal(syscall.SIGHUP)
		}
	}
}

// endings are the times at which a life, or a flow that was restarted for a reload, ended before everything was delivered: it is sent again.
func (a *agent) endings() []time.Time {
	a.mu.Lock()
	all := slices.Clone(a.deaths)
	a.mu.Unlock()
	text, err := os.ReadFile(filepath.Join(a.dir, "agent.log"))
	if err != nil {
		a.t.Error(err)
	}
	for l := range strings.SplitSeq(string(text), "\n") {
		if !strings.Contains(l, "before everything was delivered") {
			continue
		}
		stamp, _, _ := strings.Cut(strings.TrimPrefix(l, "time="), " ")
		at, err := time.Parse(time.RFC3339Nano, stamp)
		if err != nil {
			a.t.Error(err)
		}
		all = append(all, at)
	}
	slices.SortFunc(all, time.Time.Compare)
	return all
}

// gapReport is how kinetail says that bytes were destroyed before it could read them.
const gapReport = "bytes are lost"

// complaints are the lines of its log that must never be there, but for reports of gaps that are true.
func (a *agent) complaints() []string {
	text, err := os.ReadFile(filepath.Join(a.dir, "agent.log"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return []string{err.Error()}
	}
	var all []string
	for l := range strings.SplitSeq(string(text), "\n") {
		for _, bad := range []string{"panic", "SIGSEGV", "fatal error", "internal error", "DATA RACE", gapReport} {
			if strings.Contains(l, bad) {
				all = append(all, l)
				break
			}
		}
	}
	return all
}
