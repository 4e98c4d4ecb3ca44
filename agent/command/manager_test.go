package command

import (
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kinetail/kinetail/agent/status"
)

// listenAsManager is a service manager's socket; the messages come as they were sent.
func listenAsManager(t *testing.T) <-chan string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("NOTIFY_SOCKET", path)
	messages := make(chan string, 1000)
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 4096)
		for {
			n, err := l.Read(b)
			if err != nil {
				return
			}
			messages <- string(b[:n])
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return messages
}

// expect reads messages until one contains text.
func expect(t *testing.T, messages <-chan string, text string) {
	t.Helper()
	var seen []string
	timeout := time.After(20 * time.Second)
	for {
		select {
		case got := <-messages:
			if strings.Contains(got, text) {
				return
			}
			seen = append(seen, got)
		case <-timeout:
			t.Fatalf("%q was not said; only %q", text, seen)
		}
	}
}

func TestTheServiceManagerIsToldHowTheAgentIs(t *testing.T) {
	p := newPlace(t, 1, keyedFlow)
	messages := listenAsManager(t)
	t.Setenv("WATCHDOG_USEC", "300000")
	p.write("a.log", numbered(0, 10))
	_, stop := p.agent(0)
	expect(t, messages, "READY=1")
	expect(t, messages, "WATCHDOG=1")
	expect(t, messages, "STATUS=1 flow, 1 file: everything is delivered")

	hup := func() {
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		expect(t, messages, "RELOADING=1\nMONOTONIC_USEC=")
		expect(t, messages, "READY=1")
	}
	hup()
	good, err := os.ReadFile(p.config)
	if err != nil {
		t.Fatal(err)
	}
	p.write("kinetail.hcl", string(good)+"\nnonsense = 1\n")
	hup()
	expect(t, messages, "everything is delivered. Wrong: the configuration on disk is not in force")
	p.write("kinetail.hcl", string(good))
	hup()
	stop()
	expect(t, messages, "STOPPING=1\nEXTEND_TIMEOUT_USEC=")
}

type patient struct {
	snapshot status.Snapshot
	dead     error
}

func (p *patient) Snapshot() *status.Snapshot { return &p.snapshot }
func (p *patient) Alive() error               { return p.dead }

func TestAHungAgentDoesNotFeedTheWatchdog(t *testing.T) {
	messages := listenAsManager(t)
	t.Setenv("WATCHDOG_USEC", "120000000")
	t.Setenv("WATCHDOG_PID", "")
	var log lockedBuffer
	m := newManager(runFlags{}, slog.New(slog.NewTextHandler(&log, nil)))
	defer m.close()
	p := &patient{snapshot: status.Snapshot{Flows: []status.Flow{{Name: "web", State: status.StateRunning, LagBytes: 3 << 20, LagSeconds: 9, Files: make([]status.File, 2)}}}}
	shown := m.tell(p, "")
	for _, want := range []string{"WATCHDOG=1", "STATUS=1 flow, 2 files: 3.0 MiB to deliver, the oldest for 9s"} {
		if got := <-messages; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	p.dead = errors.New("flow web has not looked at its files for 6m")
	shown = m.tell(p, shown)
	p.dead = nil
	p.snapshot.Flows[0].Error = "gone"
	p.snapshot.ConfigError = "Error: Unknown argument\n  kinetail.hcl:3:1, in flow \"web\"\n 3 | x\n"
	m.tell(p, shown)
	m.ready()
	for _, want := range []string{"WATCHDOG=1", "STATUS=1 flow, 2 files: 3.0 MiB to deliver, the oldest for 9s. Wrong: the configuration on disk is not in force, an older one is: Error: Unknown argument, kinetail.hcl:3:1, in flow \"web\" (and 1 more: see 'kinetail status')", "READY=1"} {
		if got := <-messages; got != want { // nothing from the turn in which it was dead
			t.Errorf("got %q, want %q", got, want)
		}
	}
	has(t, log.String(), "has not looked at its files for 6m", "within=2m0s")
}

func TestStarted(t *testing.T) {
	for _, c := range []struct {
		flows []status.Flow
		want  bool
	}{
		{nil, false},
		{[]status.Flow{{State: status.StateStarting}}, false},
		{[]status.Flow{{State: status.StateRunning, Looks: 1}}, false},
		{[]status.Flow{{State: status.StateRunning, Looks: 2}}, true},
		{[]status.Flow{{State: status.StateRunning}}, true}, // pipes
		{[]status.Flow{{State: status.StateFailed, Looks: 1}, {State: status.StateRunning, Looks: 7}}, true},
	} {
		if got := started(&status.Snapshot{Flows: c.flows}); got != c.want {
			t.Errorf("%+v: %v", c.flows, got)
		}
	}
}

func TestCommandsFindTheService(t *testing.T) {
	service := filepath.Join(t.TempDir(), "control.sock")
	if got := whichControl(defaultControl, "unix://"+service); got != defaultControl {
		t.Errorf("without the service: %s", got)
	}
	if err := os.WriteFile(service, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := whichControl(defaultControl, "unix://"+service); got != "unix://"+service {
		t.Errorf("with the service: %s", got)
	}
	if got := whichControl("unix:///srv/c.sock", "unix://"+service); got != "unix:///srv/c.sock" {
		t.Errorf("another agent's: %s", got)
	}
}
