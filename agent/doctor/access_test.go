package doctor

import (
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestWhatModesAllow(t *testing.T) {
	w := who{uid: 100, gid: 200, groups: []int{200, 300}}
	for _, c := range []struct {
		uid, gid, mode, want uint32
		may                  bool
	}{
		{100, 1, 0o400, 4, true},
		{100, 300, 0o040, 4, false}, // the owner's bits count for the owner, and no others
		{1, 200, 0o040, 4, true},
		{1, 300, 0o010, 1, true},
		{1, 300, 0o040, 1, false},
		{1, 1, 0o004, 4, true},
		{1, 1, 0o440, 4, false},
	} {
		st := unix.Stat_t{Uid: c.uid, Gid: c.gid, Mode: c.mode}
		if got := w.may(&st, c.want); got != c.may {
			t.Errorf("%+v: %v", c, got)
		}
	}
	if all := (who{uid: 100, readAll: true}); !all.may(&unix.Stat_t{}, 4) {
		t.Error("CAP_DAC_READ_SEARCH reads what modes forbid")
	}
}

func TestBeyondModes(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		why   string
	}{
		{"selinux", map[string]string{"sys/fs/selinux/enforce": "1", "proc/self/attr/current": "system_u:system_r:kinetail_t:s0\x00"}, "SELinux is enforcing; the file's label is unknown, and this process runs as system_u:system_r:kinetail_t:s0"},
		{"selinux permissive", map[string]string{"sys/fs/selinux/enforce": "0"}, "neither SELinux nor AppArmor"},
		{"apparmor", map[string]string{"sys/module/apparmor/parameters/enabled": "Y\n", "proc/self/attr/apparmor/current": "kinetail (enforce)\n"}, "AppArmor confines this process with the profile kinetail (enforce)"},
		{"apparmor unconfined", map[string]string{"sys/module/apparmor/parameters/enabled": "Y\n", "proc/self/attr/current": "unconfined\n"}, "not confined"},
		{"neither", nil, "neither SELinux nor AppArmor is on"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range c.files {
				write(t, filepath.Join(dir, name), text)
			}
			why, do := host{sys: filepath.Join(dir, "sys"), proc: filepath.Join(dir, "proc")}.beyondModes("/x")
			if !strings.Contains(why, c.why) || do == "" {
				t.Errorf("%q, %q", why, do)
			}
		})
	}
}

func TestTheServiceOfAUnit(t *testing.T) {
	me, err := user.Current()
	if err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "lib/kinetail.service"), "[Service]\nUser="+me.Username+"\nAmbientCapabilities=\n")
	write(t, filepath.Join(dir, "environment"), "# secrets\nAWS_REGION=\"eu-west-1\"\n\n")
	dirs := []string{filepath.Join(dir, "etc"), filepath.Join(dir, "lib")}
	s, ok := unit(dirs, filepath.Join(dir, "environment"))
	if !ok || s.ReadAll || s.From != filepath.Join(dir, "lib/kinetail.service") || s.Env[len(s.Env)-1] != "AWS_REGION=eu-west-1" {
		t.Errorf("%+v, %v", s, ok)
	}
	write(t, filepath.Join(dir, "etc/kinetail.service.d/more.conf"), "[Service]\nAmbientCapabilities=CAP_DAC_READ_SEARCH\n")
	if s, ok = unit(dirs, ""); !ok || !s.ReadAll {
		t.Errorf("a drop-in adds the capability: %+v, %v", s, ok)
	}
	if _, ok = unit([]string{filepath.Join(dir, "none")}, ""); ok {
		t.Error("there is no unit")
	}
}

func TestTheServiceThatRuns(t *testing.T) {
	t.Setenv("KINETAIL_TEST", "it") // not seen: /proc has the environment at the start
	s, ok := FindService(os.Getpid())
	if !ok || s.UID != os.Geteuid() || s.GID != os.Getegid() || len(s.Env) == 0 {
		t.Errorf("%+v, %v", s, ok)
	}
	if _, ok := FindService(1 << 30); ok {
		t.Error("there is no such process")
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
