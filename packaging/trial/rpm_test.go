//go:build packaging

package trial

import (
	"path/filepath"
	"strings"
	"testing"
)

// rpmArch is what rpm calls the architecture.
var rpmArch = map[string]string{"amd64": "x86_64", "arm64": "aarch64"}

func TestRPM(t *testing.T) {
	root := newRoot(t)
	wasFile, isFile := one(t, built.older, "*.rpm"), one(t, built.newer, "*"+rpmArch[hostArch]+".rpm")
	// From outside, as an image is built: nothing runs.
	in := func(args ...string) string {
		return sh(t, "rpm", append([]string{"--root", root, "--define", "_dbpath /var/lib/rpm"}, args...)...)
	}
	in("-i", "--nodeps", wasFile)
	has(t, sh(t, "chroot", root, "id", "kinetail"), "adm", "systemd-journal")
	in("-U", "--nodeps", isFile)
	in("-U", "--nodeps", "--oldpackage", wasFile)
	has(t, in("-q", "kinetail"), "kinetail-"+older)
	for _, path := range []string{"usr/bin/kinetail", "usr/lib/systemd/system/kinetail.service.d/read-all-logs.conf", "etc/kinetail/kinetail.hcl"} {
		if !exists(filepath.Join(root, path)) {
			t.Errorf("/%s is missing", path)
		}
	}
	if exists(filepath.Join(root, "etc/systemd/system/multi-user.target.wants/kinetail.service")) {
		t.Error("installing it enabled it")
	}

	m := boot(t, root)
	was, is := m.copyIn(wasFile), m.copyIn(isFile)
	// As on Amazon Linux and RHEL: for root alone.
	s := newStream(t, filepath.Join(root, "var/log/app"), 0, 0o700, 0o600)
	rpm := func(args ...string) []string {
		return append([]string{"rpm", "--nodeps", "--define", "_dbpath /var/lib/rpm"}, args...)
	}
	m.exercise(s, readAll)
	m.becomes(newer, rpm("-U", is)...)
	m.becomes(older, rpm("-U", "--oldpackage", was)...)
	m.becomes(newer, rpm("-U", is)...)
	if repeated := s.read().repeated; repeated > 0 {
		t.Errorf("installing other versions repeated %d lines", repeated)
	}
	m.run(rpm("-e", "kinetail")...)
	if _, code := m.try("sh", "-c", "grep -lx kinetail /proc/[0-9]*/comm"); code == 0 {
		t.Error("it still runs")
	}
	if !exists(filepath.Join(root, "var/lib/kinetail")) || !exists(filepath.Join(root, "etc/kinetail/app.hcl")) {
		t.Error("removing took the positions or the configuration")
	}
	m.run(rpm("-i", is)...)
	m.run("systemctl", "enable", "--now", "kinetail.service")
	s.delivered()
	m.watches()
	if out := m.run("systemctl", "--no-pager", "--failed", "--plain", "--no-legend"); strings.Contains(out, "kinetail") {
		t.Errorf("failed: %s", out)
	}
}
