//go:build packaging

package trial

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long a thing on a busy machine may take.
const patience = time.Minute

// newRoot is a copy of the root that packaging/trial/install made.
func newRoot(t *testing.T) string {
	t.Helper()
	base, err := filepath.EvalSymlinks(one(t, filepath.Join(repository, ".cache"), "root-*[^w]"))
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(t.TempDir(), "root")
	sh(t, "cp", "-a", "--reflink=auto", base, root)
	return root
}

// machine is a root in which a systemd of its own runs. It shares the network with this machine, so that it reaches the endpoint of the test.
type machine struct {
	t      *testing.T
	root   string
	leader string // the pid of its systemd
}

// boot starts systemd in a root. Where that can't be done the test is skipped, and says why.
func boot(t *testing.T, root string) *machine {
	t.Helper()
	c := exec.Command("systemd-nspawn", "-D", root, "--register=no", "--keep-unit", "--console=pipe", "--machine=kinetail-check", "--boot",
		"systemd.unit=multi-user.target", "systemd.mask=systemd-logind.service")
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	m := &machine{t: t, root: root}
	t.Cleanup(func() {
		if m.leader != "" {
			_ = exec.Command("kill", "-s", "RTMIN+4", m.leader).Run() // systemd's poweroff.target
		}
		select {
		case <-ended:
		case <-time.After(patience):
			_ = c.Process.Kill()
			<-ended
		}
	})
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		select {
		case err := <-ended:
			ended <- err
			t.Skipf("SKIPPED: systemd can't be booted in a namespace here, so the unit was NOT run: %v\n%s", err, &out)
		default:
		}
		m.leader = child(c.Process.Pid)
		if m.leader == "" {
			continue
		}
		if state, _ := m.try("systemctl", "is-system-running"); strings.HasPrefix(state, "running") || strings.HasPrefix(state, "degraded") {
			return m
		}
	}
	t.Fatalf("systemd does not come up in %s:\n%s", root, &out)
	return nil
}

// child is the first child of a process that is a systemd.
func child(pid int) string {
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for _, c := range strings.Fields(string(children)) {
		if comm, _ := os.ReadFile("/proc/" + c + "/comm"); strings.TrimSpace(string(comm)) == "systemd" {
			return c
		}
	}
	return ""
}

func (m *machine) inside(args []string) []string {
	return append([]string{"-t", m.leader, "-m", "-u", "-i", "-p", "-C", "-n", "--", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive"}, args...)
}

// run runs a program in the machine; it must end with 0.
func (m *machine) run(args ...string) string {
	m.t.Helper()
	return sh(m.t, "nsenter", m.inside(args)...)
}

func (m *machine) try(args ...string) (string, int) {
	m.t.Helper()
	return try(m.t, "nsenter", m.inside(args)...)
}

// property is one of the service's.
func (m *machine) property(name string) string {
	m.t.Helper()
	return strings.TrimSpace(m.run("systemctl", "show", "-P", name, "kinetail.service"))
}

// await waits until a property of the service contains a text.
func (m *machine) await(name, text string) string {
	m.t.Helper()
	var got string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if got = m.property(name); strings.Contains(got, text) {
			return got
		}
	}
	m.t.Fatalf("%s is %q and does not come to contain %q\n%s", name, got, text, m.journal())
	return ""
}

func (m *machine) journal(args ...string) string {
	m.t.Helper()
	out, _ := m.try(append([]string{"journalctl", "--no-pager", "-u", "kinetail.service"}, args...)...)
	return out
}

// copyIn puts a file into the machine's /root.
func (m *machine) copyIn(file string) string {
	m.t.Helper()
	sh(m.t, "cp", file, filepath.Join(m.root, "root"))
	return "/root/" + filepath.Base(file)
}
