package doctor

import (
	"bytes"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Service is whom the checks are to be made as: the user, groups, capability and environment of the agent that runs, or of the unit.
type Service struct {
	// From says how it is known, for people.
	From     string
	UID, GID int
	Groups   []int
	// ReadAll says that it has CAP_DAC_READ_SEARCH.
	ReadAll bool
	// Env is the environment; nil is that of this process.
	Env []string
}

// unitDirs are where a unit of systemd may be, the first one found counts: systemd.unit(5).
var unitDirs = []string{"/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"}

// FindService tells who the agent with that pid is or, where pid is 0, who the packaged unit would run it as. It is not ok where nothing tells.
func FindService(pid int) (Service, bool) {
	if pid > 0 {
		return thisHost().process(pid)
	}
	return unit(unitDirs, "/etc/kinetail/environment")
}

// process reads /proc/PID.
func (h host) process(pid int) (Service, bool) {
	dir := filepath.Join(h.proc, strconv.Itoa(pid))
	s := Service{From: fmt.Sprintf("the agent that runs (pid %d)", pid), UID: -1, ReadAll: capable(filepath.Join(dir, "status"))}
	for line := range strings.Lines(h.read(dir, "status")) {
		name, rest, _ := strings.Cut(line, ":")
		f := strings.Fields(rest)
		switch {
		case name == "Uid" && len(f) > 1:
			s.UID, _ = strconv.Atoi(f[1])
		case name == "Gid" && len(f) > 1:
			s.GID, _ = strconv.Atoi(f[1])
		case name == "Groups":
			for _, g := range f {
				n, _ := strconv.Atoi(g)
				s.Groups = append(s.Groups, n)
			}
		}
	}
	if b, err := os.ReadFile(filepath.Join(dir, "environ")); err == nil {
		for _, kv := range bytes.Split(bytes.TrimRight(b, "\x00"), []byte{0}) {
			s.Env = append(s.Env, string(kv))
		}
	}
	return s, s.UID >= 0
}

// unit reads what kinetail.service and its drop-ins say. The last word counts.
func unit(dirs []string, environment string) (Service, bool) {
	var s Service
	name := ""
	var groups []string
	for _, dir := range dirs {
		b, err := os.ReadFile(filepath.Join(dir, "kinetail.service"))
		if err != nil {
			continue
		}
		s.From = filepath.Join(dir, "kinetail.service")
		texts := []string{string(b)}
		for i := len(dirs) - 1; i >= 0; i-- {
			dropins, _ := filepath.Glob(filepath.Join(dirs[i], "kinetail.service.d", "*.conf"))
			for _, p := range dropins {
				if b, err := os.ReadFile(p); err == nil {
					texts = append(texts, string(b))
				}
			}
		}
		for _, text := range texts {
			for line := range strings.Lines(text) {
				key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
				switch key {
				case "User":
					name = value
				case "SupplementaryGroups":
					groups = append(groups, strings.Fields(value)...)
				case "AmbientCapabilities":
					s.ReadAll = strings.Contains(value, "CAP_DAC_READ_SEARCH")
				}
			}
		}
		break
	}
	u, err := user.Lookup(name)
	if name == "" || err != nil {
		return s, false
	}
	s.UID, _ = strconv.Atoi(u.Uid)
	s.GID, _ = strconv.Atoi(u.Gid)
	ids, _ := u.GroupIds()
	for _, g := range groups {
		if group, err := user.LookupGroup(g); err == nil {
			ids = append(ids, group.Gid)
		}
	}
	for _, id := range ids {
		n, _ := strconv.Atoi(id)
		s.Groups = append(s.Groups, n)
	}
	s.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + u.HomeDir, "USER=" + name}
	if b, err := os.ReadFile(environment); err == nil {
		for line := range strings.Lines(string(b)) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				key, value, _ := strings.Cut(line, "=")
				s.Env = append(s.Env, key+"="+strings.Trim(value, `"'`))
			}
		}
	}
	return s, true
}

// Credentials are how a child of this process becomes the service. This process has to be root.
func (s *Service) Credentials() *syscall.SysProcAttr {
	groups := make([]uint32, len(s.Groups))
	for i, g := range s.Groups {
		groups[i] = uint32(g)
	}
	attr := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(s.UID), Gid: uint32(s.GID), Groups: groups}}
	if s.ReadAll && s.UID != 0 {
		attr.AmbientCaps = []uintptr{unix.CAP_DAC_READ_SEARCH}
	}
	return attr
}
