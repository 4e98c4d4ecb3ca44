//go:build integration

package integration

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	// Debian installs daemons into sbin, which is not on every user's path.
	os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	for name, path := range map[string]string{"make build": kinetailBinary(), "agent/integration/install": kinesisLocalDir()} {
		if _, err := os.Stat(path); err != nil {
			fmt.Fprintf(os.Stderr, "integration: %v; run %s, or all of it with make integration\n", err, name)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// fromRoot is a path in the repository.
func fromRoot(path string) string {
	abs, err := filepath.Abs(filepath.Join("..", "..", path))
	if err != nil {
		panic(err)
	}
	return abs
}

// process is a running program. It is stopped when the test ends, if it was not before, and its output is shown if the test
// failed.
type process struct {
	t      *testing.T
	name   string
	cmd    *exec.Cmd
	output string
	done   chan struct{}
	err    error // of Wait; read after done
}

// start runs a program in dir, with its output in dir/name.log.
func start(t *testing.T, dir, name string, env []string, argv ...string) *process {
	t.Helper()
	p := &process{t: t, name: name, output: filepath.Join(dir, name+".log"), done: make(chan struct{})}
	out, err := os.OpenFile(p.output, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	p.cmd = exec.Command(argv[0], argv[1:]...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, out, out
	p.cmd.Env = append(os.Environ(), env...)
	// A group of its own, so that workers go with their master; and nothing outlives a test binary that is killed.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		if p.running() {
			p.signal(syscall.SIGTERM)
			if !p.waited(5 * time.Second) {
				p.kill()
			}
		}
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // workers left behind, if any
		if t.Failed() {
			t.Logf("%s said:\n%s", name, tail(p.output, 40))
		}
	})
	return p
}

func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

func (p *process) signal(s syscall.Signal) {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("signal %s: %v", p.name, err)
	}
}

func (p *process) waited(d time.Duration) bool {
	select {
	case <-p.done:
		return true
	case <-time.After(d):
		return false
	}
}

// kill is kill -9.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.done
}

// stop asks the program to end and fails the test if it doesn't do so within d, or not with exit code 0.
func (p *process) stop(d time.Duration) {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	if !p.waited(d) {
		p.t.Errorf("%s did not end within %v of SIGTERM", p.name, d)
		p.kill()
		return
	}
	if p.err != nil {
		p.t.Errorf("%s ended badly: %v", p.name, p.err)
	}
}

// tail is the last lines of a file.
func tail(path string, lines int) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// run runs a program to its end.
func run(t *testing.T, argv ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), argv[0], argv[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, out)
	}
}

// eventually asks ok until it says yes, and fails the test after d.
func eventually(t *testing.T, d time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(d); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, d)
		}
	}
}

// freePort is a port of 127.0.0.1 that nobody listens on, for programs that can't choose one themselves.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func listening(port int) bool {
	c, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), time.Second)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
