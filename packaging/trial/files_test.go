//go:build packaging

package trial

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

const hostArch = runtime.GOARCH

func TestLint(t *testing.T) {
	// rpmlint unpacks with cpio, which takes the absolute names in nfpm's rpms for an order to write into this machine.
	bin := t.TempDir()
	cpio, err := exec.LookPath("cpio")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(bin, "cpio"), "#!/bin/sh\nexec "+cpio+" --no-absolute-filenames \"$@\"\n", 0o755)
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	for _, arch := range []string{"amd64", "arm64"} {
		out, _ := try(t, "lintian", "--fail-on", "none", "--display-info", one(t, built.newer, "*_"+arch+".deb"))
		if strings.Contains(out, "kinetail: ") {
			t.Errorf("%s: correct it, or explain it in packaging/deb/lintian-overrides:\n%s", arch, out)
		}
		out, code := try(t, "rpmlint", "-c", filepath.Join(repository, "packaging/rpm/rpmlint.toml"), one(t, built.newer, "*"+rpmArch[arch]+".rpm"))
		if code != 0 || !strings.Contains(out, "0 errors, 0 warnings") {
			t.Errorf("%s: correct it, or explain it in packaging/rpm/rpmlint.toml:\n%s", arch, out)
		}
	}
}

func TestPackageVersion(t *testing.T) {
	for described, want := range map[string]string{
		"v1.2.3": "1.2.3", "1.2.3": "1.2.3", "v1.2.3-rc1": "1.2.3~rc1", "v1.2.3-5-gabc1234": "1.2.3+5.gabc1234",
		"v1.2.3-rc1-5-gabc1234-dirty": "1.2.3~rc1+5.gabc1234.dirty", "fe07450": "0.0.0+gfe07450", "0123456-dirty": "0.0.0+g0123456.dirty",
	} {
		if got := strings.TrimSpace(sh(t, filepath.Join(repository, "packaging/version"), described)); got != want {
			t.Errorf("%s: %s, want %s", described, got, want)
		}
	}
	// 1.2.3~rc1 < 1.2.3 < 1.2.3+5.gabc1234 < 1.2.4
	for _, pair := range [][2]string{{"1.2.3~rc1", "1.2.3"}, {"1.2.3", "1.2.3+5.gabc1234"}, {"1.2.3+5.gabc1234", "1.2.4"}} {
		sh(t, "dpkg", "--compare-versions", pair[0], "lt", pair[1])
	}
}

func TestManualPages(t *testing.T) {
	for _, section := range []string{"man1", "man5"} {
		pages, err := filepath.Glob(filepath.Join(built.newer, "stage/man", section, "*"))
		if err != nil || len(pages) == 0 {
			t.Fatalf("no pages in %s: %v", section, err)
		}
		for _, page := range pages {
			if out := sh(t, "man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page); strings.Contains(out, "warning:") {
				_, warning, _ := strings.Cut(out, "warning:")
				t.Errorf("%s: %s", filepath.Base(page), warning)
			}
		}
	}
}

// The configuration that is shipped does nothing, and what it shows in comments is right.
func TestShippedConfiguration(t *testing.T) {
	program := filepath.Join(built.newer, "stage", hostArch, "kinetail")
	shipped, err := os.ReadFile(filepath.Join(repository, "packaging/kinetail.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	var shown strings.Builder
	inside := false
	for line := range strings.Lines(string(shipped)) {
		if line != "\n" && !strings.HasPrefix(line, "#") {
			t.Errorf("this is in force: %s", line)
		}
		line = strings.TrimPrefix(strings.TrimPrefix(line, "#"), " ")
		inside = inside || strings.HasPrefix(line, "flow ") || strings.HasPrefix(line, "aws ")
		if inside {
			shown.WriteString(line)
		}
		inside = inside && !strings.HasPrefix(line, "}")
	}
	file := filepath.Join(t.TempDir(), "kinetail.hcl")
	write(t, file, shown.String(), 0o644)
	has(t, sh(t, program, "validate", "-c", file), "nginx: kinesis web-access")
	if !strings.Contains(shown.String(), "aws {") {
		t.Error("the aws block was not found")
	}
}

// The unit as it is shipped, and with the capability that the rpm adds.
func TestUnit(t *testing.T) {
	unit, err := os.ReadFile(filepath.Join(repository, "packaging/systemd/kinetail.service"))
	if err != nil {
		t.Fatal(err)
	}
	more, err := os.ReadFile(filepath.Join(repository, "packaging/systemd/read-all-logs.conf"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, text string }{{"deb", string(unit)}, {"rpm", string(unit) + string(more)}} {
		dir := t.TempDir()
		file := filepath.Join(dir, "kinetail.service")
		write(t, file, c.text, 0o644)
		out, code := try(t, "systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold=20", file)
		if code != 0 {
			t.Errorf("%s: the unit is exposed above 2.0:\n%s", c.name, out)
		}
		lines := strings.Split(strings.TrimSpace(out), "\n")
		t.Logf("%s: %s", c.name, lines[len(lines)-1])

		// What it starts is not installed here.
		text := strings.ReplaceAll(c.text, "/usr/bin/kinetail", "/bin/true")
		if strings.Contains(text, "ExecStartPre") {
			t.Error("ExecStartPre: what fails there stops the logs")
		}
		write(t, file, strings.ReplaceAll(text, "man:kinetail(1) man:kinetail.hcl(5) ", ""), 0o644)
		if out, code := try(t, "systemd-analyze", "verify", file); code != 0 || strings.Contains(out, file) {
			t.Errorf("%s: systemd-analyze verify:\n%s", c.name, out)
		}
	}
}
