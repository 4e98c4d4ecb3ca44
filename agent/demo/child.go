package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// child is the agent's process.
type child struct {
	binary string
	args   []string
	env    []string
	log    *os.File
	cmd    *exec.Cmd
	ended  chan struct{} // closed when the process is gone
	err    error         // what Wait said, once it is
}

// cleanEnv is this process's environment without anything that could lead the agent to a real account or through a proxy.
func cleanEnv() []string {
	env := []string{"AWS_ACCESS_KEY_ID=demo", "AWS_SECRET_ACCESS_KEY=demo", "AWS_EC2_METADATA_DISABLED=true"}
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if upper := strings.ToUpper(name); !strings.HasPrefix(upper, "AWS_") && !strings.HasSuffix(upper, "_PROXY") {
			env = append(env, v)
		}
	}
	return env
}

func (c *child) start() error {
	// The demo ends it, by SIGTERM and in good order, not a context.
	c.cmd = exec.CommandContext(context.Background(), c.binary, c.args...) // #nosec G204 -- this program itself
	c.cmd.Env = append(cleanEnv(), c.env...)
	c.cmd.Stdout, c.cmd.Stderr = c.log, c.log
	// It ends with the demo, however that ends, and does not see the terminal's Ctrl-C: the demo stops it.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := c.cmd.Start(); err != nil {
		return fmt.Errorf("start the agent: %w", err)
	}
	c.ended = make(chan struct{})
	go func() {
		defer close(c.ended)
		c.err = c.cmd.Wait()
	}()
	return nil
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// kill ends the process with SIGKILL, as a crash does.
func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	<-c.ended
}

// stop ends the process with SIGTERM and waits until it has delivered what it read.
func (c *child) stop(ctx context.Context) error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop the agent: %w", err)
	}
	select {
	case <-c.ended:
		if c.err != nil {
			return fmt.Errorf("the agent did not end well: %w", c.err)
		}
		return nil
	case <-ctx.Done():
	case <-time.After(30 * time.Second):
	}
	c.kill()
	return errors.New("the agent did not stop in time")
}

// exited is an error if the process has ended by itself.
func (c *child) exited() error {
	select {
	case <-c.ended:
		return fmt.Errorf("the agent ended by itself: %w", errors.Join(c.err, errors.New(c.cmd.ProcessState.String())))
	default:
		return nil
	}
}
