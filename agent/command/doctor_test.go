package command

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kinetail/kinetail/agent/doctor"
)

const doctorFlow = `flow "f" {
  tail { paths = ["@DIR@/log/*.log"] }
  emit "kinesis" { stream = "s" }
}
`

func (p *place) doctor(want int, args ...string) (out, errOut string) {
	p.t.Helper()
	var o, e bytes.Buffer
	if code := Main(append([]string{"doctor", "-c", p.config}, args...), nil, &o, &e); code != want {
		p.t.Errorf("exit code %d instead of %d:\n%s%s", code, want, o.String(), e.String())
	}
	return o.String(), e.String()
}

func (p *place) aLog() {
	p.t.Helper()
	if err := os.MkdirAll(filepath.Join(p.dir, "log"), 0o755); err != nil {
		p.t.Fatal(err)
	}
	p.write("log/a.log", "line\n")
}

func TestDoctor(t *testing.T) {
	p := newPlace(t, 1, doctorFlow)
	p.aLog()
	out, _ := p.doctor(exitDone)
	for _, want := range []string{"✔ " + p.config + " is valid: 1 flow", "a.log can be read, 5 B", "stream s is ACTIVE", "Nothing was found that keeps records from being delivered."} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}

	p.configure(strings.Replace(doctorFlow, `"s"`, `"other"`, 1))
	if out, _ = p.doctor(exitFailed); !strings.Contains(out, "ResourceNotFoundException") || !strings.Contains(out, "1 problem.") {
		t.Error(out)
	}
	out, _ = p.doctor(exitFailed, "-o", "json")
	var findings []doctor.Finding
	if err := json.Unmarshal([]byte(out), &findings); err != nil || len(findings) < 5 {
		t.Errorf("%v: %s", err, out)
	}

	p.configure(strings.Replace(doctorFlow, "paths", "path", 1))
	if out, _ = p.doctor(exitUsage); !strings.Contains(out, `did you mean "paths"?`) {
		t.Error(out)
	}
}

func TestDoctorWritesABundle(t *testing.T) {
	p := newPlace(t, 1, doctorFlow)
	file := filepath.Join(p.dir, "support.tar.gz")
	_, errOut := p.doctor(exitDone, "--bundle", file)
	if info, err := os.Stat(file); err != nil || info.Size() == 0 || info.Mode().Perm() != 0o600 || !strings.Contains(errOut, "Look at it") {
		t.Errorf("%v %v %s", info, err, errOut)
	}
	list, err := exec.Command("tar", "tzf", file).Output()
	if err != nil {
		t.Skip(err)
	}
	for _, want := range []string{"/doctor.txt", "/doctor.json", "/config/kinetail.hcl", "/version.txt"} {
		if !strings.Contains(string(list), want) {
			t.Errorf("no %s in %s", want, list)
		}
	}
}

// As root the checks are made as the service's user.
func TestDoctorBecomesTheUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("becoming another user needs root")
	}
	p := newPlace(t, 1, doctorFlow)
	p.aLog()
	for path, mode := range map[string]os.FileMode{
		filepath.Dir(p.dir): 0o755, p.dir: 0o755, p.config: 0o644, filepath.Join(p.dir, "log"): 0o755, filepath.Join(p.dir, "log/a.log"): 0o640,
	} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	as := func(user string) string {
		cmd := exec.Command("kinetail", "doctor", "-c", p.config, "--user", user)
		out, _ := cmd.CombinedOutput()
		return string(out)
	}
	out := as("nobody")
	for _, want := range []string{
		"what follows was tried as user nobody", "user nobody may not read " + filepath.Join(p.dir, "log/a.log") + " (-rw-r----- root root)",
		"setfacl -m u:nobody:r ", "is not there, and user nobody may not make it",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if out := as("no-such-user"); !strings.Contains(out, "no such user") {
		t.Error(out)
	}
	if err := os.Chmod(filepath.Join(p.dir, "log"), 0o700); err != nil {
		t.Fatal(err)
	}
	if out := as("nobody"); !strings.Contains(out, "user nobody may not list "+filepath.Join(p.dir, "log")+" (drwx------ root root)") {
		t.Error(out)
	}
}
