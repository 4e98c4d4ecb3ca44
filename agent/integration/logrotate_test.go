//go:build integration

package integration

import (
	"fmt"
	"path/filepath"
	"testing"
)

// logrotate is the real one, with a configuration and a state file of its own.
type logrotate struct {
	t           *testing.T
	conf, state string
	rotations   int
}

// create renames the file, makes a new one, and tells the writer with reload (a shell command).
func create(reload string) string {
	return fmt.Sprintf("create 0640\n  postrotate\n    %s\n  endscript", reload)
}

// copytruncate copies the file and truncates it under the writer. What is written in between is destroyed by logrotate itself.
const copytruncate = "copytruncate"

func newLogrotate(t *testing.T, dir, file, mode string) *logrotate {
	t.Helper()
	l := &logrotate{t: t, conf: filepath.Join(dir, "logrotate.conf"), state: filepath.Join(dir, "logrotate.state")}
	write(t, l.conf, fmt.Sprintf("%s {\n  rotate 1000\n  nocompress\n  %s\n}\n", file, mode))
	return l
}

func (l *logrotate) rotate() {
	l.t.Helper()
	run(l.t, "logrotate", "--force", "--state", l.state, l.conf)
	l.rotations++
}
