//go:build packaging

package trial

import (
	"path/filepath"
	"strings"
	"testing"
)

// adm's number on Debian, and with what rights its logs are there.
const adm = 4

func TestDeb(t *testing.T) {
	root := newRoot(t)
	m := boot(t, root)
	was := m.copyIn(one(t, built.older, "*_"+hostArch+".deb"))
	is := m.copyIn(one(t, built.newer, "*_"+hostArch+".deb"))
	s := newStream(t, filepath.Join(root, "var/log/app"), adm, 0o750, 0o640)

	out := m.run("dpkg", "-i", was)
	t.Logf("dpkg -i:\n%s", out)
	has(t, out, "installed and not started")
	has(t, m.run("id", "kinetail"), "adm", "systemd-journal")
	m.exercise(s, "0000000000000000")
	m.becomes(newer, "dpkg", "-i", is)
	m.becomes(older, "dpkg", "-i", was)
	m.becomes(newer, "dpkg", "-i", is)
	repeated := s.read().repeated
	if repeated > 0 {
		t.Errorf("installing other versions repeated %d lines", repeated)
	}
	m.run("systemctl", "kill", "-s", "KILL", "kinetail.service")
	m.await("StatusText", "1 flow, ")
	m.survivesHanging()

	out = m.run("dpkg", "-r", "kinetail")
	t.Logf("dpkg -r:\n%s", out)
	has(t, out, "positions are kept in /var/lib/kinetail")
	if !exists(filepath.Join(root, "var/lib/kinetail")) || !exists(filepath.Join(root, "etc/kinetail/kinetail.hcl")) {
		t.Error("removing took the positions or the configuration")
	}
	if out, code := m.try("sh", "-c", "grep -lx kinetail /proc/[0-9]*/comm"); code == 0 {
		t.Errorf("it still runs: %s", out)
	}
	m.run("dpkg", "-i", is)
	m.run("systemctl", "enable", "--now", "kinetail.service")
	s.delivered()
	m.await("StatusText", "everything is delivered")
	m.watches()
	t.Logf("journal:\n%s", m.journal("-n", "60"))

	m.run("dpkg", "-P", "kinetail")
	for _, gone := range []string{"var/lib/kinetail", "etc/kinetail/kinetail.hcl", "usr/bin/kinetail", "etc/systemd/system/multi-user.target.wants/kinetail.service"} {
		if exists(filepath.Join(root, gone)) {
			t.Errorf("purging left /%s", gone)
		}
	}
	if !exists(filepath.Join(root, "etc/kinetail/app.hcl")) {
		t.Error("purging took what the operator wrote")
	}
	if out := m.run("systemctl", "--no-pager", "--failed", "--plain", "--no-legend"); strings.Contains(out, "kinetail") {
		t.Errorf("purging left %s", out)
	}
}
