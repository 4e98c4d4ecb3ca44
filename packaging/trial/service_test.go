//go:build packaging

package trial

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// readAll is CAP_DAC_READ_SEARCH in /proc's CapEff.
const readAll = "0000000000000004"

// exercise is what the service must do whatever package it came with: start, deliver, reload, survive. The package is installed, kinetail has nothing to do
// yet, and the writer writes.
func (m *machine) exercise(s *stream, capabilities string) {
	t := m.t
	t.Helper()
	if got := m.property("ActiveState") + " " + m.property("UnitFileState"); got != "inactive disabled" {
		t.Errorf("after the installation the service is %s", got)
	}
	m.refusesToStartWithoutFlow()
	config := filepath.Join(m.root, "etc/kinetail")
	write(t, filepath.Join(config, "app.hcl"), s.configuration(), 0o644)
	write(t, filepath.Join(config, "environment"), credentials, 0o600)
	m.run("systemctl", "enable", "--now", "kinetail.service")
	if v := s.arrived(1); v.different == 0 {
		t.Fatalf("nothing arrives:\n%s", m.journal())
	}
	m.await("StatusText", "1 flow, ")
	m.looksAt(capabilities)
	m.reloads(config)
	m.keepsRunningWithAWrongConfiguration(config)
	if got := m.journal("-p", "err"); strings.Contains(got, "denied") || strings.Contains(got, "permitted") || strings.Contains(got, "read-only") {
		t.Errorf("the sandbox is in the way:\n%s", got)
	}
}

// refusesToStartWithoutFlow: the configuration as shipped is valid for nobody, and says so.
func (m *machine) refusesToStartWithoutFlow() {
	m.t.Helper()
	if out, code := m.try("systemctl", "start", "kinetail.service"); code == 0 {
		m.t.Errorf("it starts without anything to do:\n%s", out)
	}
	if got := m.property("ActiveState") + " " + m.property("ExecMainStatus") + " " + m.property("NRestarts"); got != "failed 2 0" {
		m.t.Errorf("without a flow: state, exit code and restarts are %s", got)
	}
	has(m.t, m.journal(), "No flow is configured")
	m.run("systemctl", "reset-failed", "kinetail.service")
}

// looksAt looks at the process from outside.
func (m *machine) looksAt(capabilities string) {
	t := m.t
	t.Helper()
	pid := m.property("MainPID")
	proc := m.run("cat", "/proc/"+pid+"/status")
	for _, want := range []string{`CapEff:\s+` + capabilities, `CapBnd:\s+` + capabilities, `NoNewPrivs:\s+1`, `Seccomp:\s+2`} {
		if !regexp.MustCompile(want).MatchString(proc) {
			t.Errorf("%s is not so:\n%s", want, proc)
		}
	}
	if user := strings.TrimSpace(m.run("stat", "-c", "%U", "/proc/"+pid)); user != "kinetail" {
		t.Errorf("it runs as %s", user)
	}
	if got := strings.TrimSpace(m.run("stat", "-c", "%U %a", "/run/kinetail/control.sock", "/var/lib/kinetail")); got != "kinetail 600\nkinetail 700" {
		t.Errorf("socket and state: %q", got)
	}
	has(t, m.run("kinetail", "status"), "flow app: running", "/var/log/app/app.log")
	t.Logf("systemctl status kinetail:\n%s", m.run("systemctl", "status", "--no-pager", "--full", "kinetail.service"))
	t.Logf("kinetail status:\n%s", m.run("kinetail", "status"))
}

func (m *machine) reloads(config string) {
	t := m.t
	t.Helper()
	pid := m.property("MainPID")
	m.run("systemctl", "reload", "kinetail.service")
	m.awaitJournal("msg=reloaded")
	wrong := filepath.Join(config, "wrong.hcl")
	write(t, wrong, "flow \"x\" {\n  tale {\n  }\n}\n", 0o644)
	if out, code := m.try("systemctl", "reload", "kinetail.service"); code == 0 {
		t.Errorf("a wrong configuration can be reloaded: %s", out)
	}
	m.awaitJournal("Unknown block \"tale\"")
	if got := m.property("ActiveState"); got != "active" || m.property("MainPID") != pid {
		t.Errorf("after a refused reload the service is %s", got)
	}
	if err := os.Remove(wrong); err != nil {
		t.Fatal(err)
	}
}

func (m *machine) awaitJournal(text string) {
	m.t.Helper()
	for deadline := time.Now().Add(patience); !strings.Contains(m.journal(), text); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			m.t.Fatalf("the journal does not come to contain %q:\n%s", text, m.journal())
		}
	}
}

// keepsRunningWithAWrongConfiguration: a bad drop-in must not stop the logs, not even at a restart.
func (m *machine) keepsRunningWithAWrongConfiguration(config string) {
	t := m.t
	t.Helper()
	wrong := filepath.Join(config, "wrong.hcl")
	write(t, wrong, "flow \"x\" {\n", 0o644)
	m.run("systemctl", "restart", "kinetail.service")
	m.await("StatusText", "is not in force")
	t.Logf("with a wrong configuration, systemctl shows: %s", m.property("StatusText"))
	if err := os.Remove(wrong); err != nil {
		t.Fatal(err)
	}
	m.run("systemctl", "reload", "kinetail.service")
	for deadline := time.Now().Add(patience); strings.Contains(m.property("StatusText"), "is not in force"); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("a mended configuration is not noticed: %s", m.property("StatusText"))
		}
	}
}

// survivesHanging stops the process, so that it does not feed its watchdog.
func (m *machine) survivesHanging() {
	t := m.t
	t.Helper()
	dropIn := filepath.Join(m.root, "etc/systemd/system/kinetail.service.d")
	if err := os.MkdirAll(dropIn, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dropIn, "short.conf"), "[Service]\nWatchdogSec=2s\nTimeoutAbortSec=1s\n", 0o644)
	m.run("systemctl", "daemon-reload")
	m.run("systemctl", "restart", "kinetail.service")
	pid := m.property("MainPID")
	m.run("sh", "-c", "kill -STOP "+pid)
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		if now := m.property("MainPID"); now != pid && now != "0" && m.property("ActiveState") == "active" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("a hung process is not replaced:\n%s", m.journal())
		}
	}
	has(t, m.journal(), "Watchdog timeout")
	if err := os.RemoveAll(dropIn); err != nil {
		t.Fatal(err)
	}
	m.run("systemctl", "daemon-reload")
	m.run("systemctl", "restart", "kinetail.service")
}

// watches wants directory events to be received, which are asked for while files are idle: busy ones are polled.
func (m *machine) watches() {
	t := m.t
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(200 * time.Millisecond) {
		if _, code := m.try("sh", "-c", "grep -h ^inotify /proc/"+m.property("MainPID")+"/fdinfo/*"); code == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Error("no directory is watched")
			return
		}
	}
}

// becomes installs another version over the one that runs, and wants it to run then.
func (m *machine) becomes(version string, install ...string) {
	t := m.t
	t.Helper()
	before := m.property("MainPID")
	t.Logf("%s:\n%s", strings.Join(install, " "), m.run(install...))
	if got := m.property("MainPID"); got == before || got == "0" {
		t.Errorf("the service was not restarted: pid %s, then %s", before, got)
	}
	has(t, m.run("kinetail", "version"), "kinetail v"+version)
	m.await("StatusText", "1 flow, ")
	has(t, m.run("kinetail", "status"), "kinetail v"+version)
}
