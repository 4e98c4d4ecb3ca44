//go:build chaos

package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// mode is one way to configure logrotate.
type mode struct {
	name string
	text string
	// copies: the log is copied and truncated, and what is written in between is destroyed by logrotate itself.
	copies bool
	// unforced: logrotate decides itself whether it is time.
	unforced bool
	// compresses: a rotated body is removed as soon as it is compressed, so its writer must have let go of it.
	compresses bool
}

const stamped = "dateext\n  dateformat -%Y%m%d-%s"

var modes = []mode{
	{name: "create", text: "create\n  nocompress"},
	{name: "create dateext", text: "create\n  nocompress\n  " + stamped},
	{name: "create compress", text: "create\n  compress", compresses: true},
	{name: "create delaycompress", text: "create\n  compress\n  delaycompress", compresses: true},
	{name: "create delaycompress dateext", text: "create\n  compress\n  delaycompress\n  " + stamped, compresses: true},
	{name: "create olddir", text: "create\n  nocompress\n  olddir old"},
	{name: "create olddir compress dateext", text: "create\n  compress\n  olddir old\n  " + stamped, compresses: true},
	{name: "nocreate", text: "nocreate\n  nocompress"},
	{name: "maxsize", text: "create\n  nocompress\n  daily\n  maxsize 20k", unforced: true},
	{name: "copytruncate", text: "copytruncate\n  nocompress", copies: true},
	{name: "copytruncate dateext", text: "copytruncate\n  nocompress\n  " + stamped, copies: true},
	{name: "copytruncate compress", text: "copytruncate\n  compress", copies: true},
	{name: "copytruncate delaycompress", text: "copytruncate\n  compress\n  delaycompress", copies: true},
	{name: "copytruncate olddir dateext", text: "copytruncate\n  nocompress\n  olddir old\n  " + stamped, copies: true},
}

// rotator is the real logrotate with a configuration and a state file for one log. It keeps every body, so that what is in none of
// them was destroyed by it.
type rotator struct {
	w           *writer
	conf, state string
	rotations   int
}

func newRotator(t *testing.T, dir string, w *writer) *rotator {
	t.Helper()
	r := &rotator{w: w, conf: filepath.Join(dir, w.flow+"-"+w.name+".conf"), state: filepath.Join(dir, w.flow+"-"+w.name+".state")}
	reopen := ""
	if !w.mode.copies {
		reopen = fmt.Sprintf("  postrotate\n    touch %[1]s\n    i=0; while [ -e %[1]s ] && [ $i -lt 200 ]; do sleep 0.05; i=$((i+1)); done\n  endscript\n", w.flag)
	}
	text := fmt.Sprintf("%s {\n  rotate 400\n  missingok\n  su root root\n  %s\n%s}\n", w.path, w.mode.text, reopen)
	if os.Getuid() != 0 {
		text = strings.Replace(text, "  su root root\n", "", 1)
	}
	if err := os.WriteFile(r.conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rotator) rotate() error {
	args := []string{"--state", r.state, r.conf}
	if !r.w.mode.unforced {
		args = append([]string{"--force"}, args...)
	}
	out, err := exec.Command("logrotate", args...).CombinedOutput()
	if strings.Contains(string(out), "already exists, skipping") {
		return nil // two rotations in one second: it refuses to reuse a name
	}
	if err != nil {
		return fmt.Errorf("logrotate %s: %w\n%s", r.w.mode.name, err, out)
	}
	r.rotations++
	return nil
}

// rotate rotates some logs now and then, sometimes one of them several times in a row, until ctx ends.
func rotate(ctx context.Context, t *testing.T, all []*rotator, random *rand.Rand) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Duration(200+random.IntN(1500)) * time.Millisecond):
		}
		r := all[random.IntN(len(all))]
		for range 1 + max(0, random.IntN(6)-3) {
			if err := r.rotate(); err != nil {
				t.Error(err)
				return
			}
			if strings.Contains(r.w.mode.text, "dateext") {
				break // one in a second: logrotate refuses to reuse a name
			}
		}
	}
}
