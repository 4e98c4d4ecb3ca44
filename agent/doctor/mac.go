package doctor

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// host is where the kernel tells about itself; tests have their own.
type host struct{ sys, proc string }

func thisHost() host { return host{sys: "/sys", proc: "/proc"} }

func (h host) read(parts ...string) string {
	b, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		return ""
	}
	return strings.Trim(string(b), "\x00\n ")
}

// beyondModes names what may deny access where the modes allow it, and what to do.
func (h host) beyondModes(path string) (why, do string) {
	if h.read(h.sys, "fs/selinux/enforce") == "1" {
		label := make([]byte, 256)
		n, err := unix.Getxattr(path, "security.selinux", label)
		what := "unknown"
		if err == nil && n > 0 {
			what = strings.Trim(string(label[:n]), "\x00")
		}
		domain := h.read(h.proc, "self/attr/current")
		return "SELinux is enforcing; the file's label is " + what + ", and this process runs as " + domain,
			"ausearch -m avc -ts recent shows the denial; restorecon -v " + path + " gives the file its usual label, and semanage fcontext -a -t var_log_t " +
				path + " another one"
	}
	if strings.HasPrefix(h.read(h.sys, "module/apparmor/parameters/enabled"), "Y") {
		profile := h.read(h.proc, "self/attr/apparmor/current")
		if profile == "" {
			profile = h.read(h.proc, "self/attr/current")
		}
		if profile != "" && profile != "unconfined" {
			return "AppArmor confines this process with the profile " + profile,
				`journalctl -k | grep 'apparmor="DENIED"' shows the denial; add "` + path + ` r," to the profile and reload it with apparmor_parser -r`
		}
		return "AppArmor is on, but this process is not confined", `journalctl -k | grep 'apparmor="DENIED"' shows whether the service is denied`
	}
	return "neither SELinux nor AppArmor is on; a sandbox (systemd, a container), a network file system or a user namespace may deny it",
		"look at the mounts of the process (findmnt -T " + path + ") and at the unit's own restrictions (systemctl cat kinetail)"
}
