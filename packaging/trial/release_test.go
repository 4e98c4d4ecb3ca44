//go:build packaging

package trial

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRelease(t *testing.T) {
	sums := one(t, built.newer, "*_SHA256SUMS")
	out := sh(t, "sh", "-c", "cd "+built.newer+" && sha256sum -c "+filepath.Base(sums))
	t.Logf("\n%s\nbytes:\n%s", out, sh(t, "sh", "-c", "cd "+built.newer+" && wc -c *.deb *.rpm *.tar.gz *.tar stage/*/kinetail"))
	for _, pattern := range []string{"*_amd64.deb", "*_arm64.deb", "*.x86_64.rpm", "*.aarch64.rpm", "*_linux_amd64.tar.gz", "*_linux_arm64.tar.gz", "*_amd64.spdx.json", "*_arm64.spdx.json", "*_image.tar"} {
		if !strings.Contains(out, filepath.Base(one(t, built.newer, pattern))+": OK") {
			t.Errorf("%s is not in the checksums", pattern)
		}
	}

	dir := t.TempDir()
	sh(t, "tar", "-xzf", one(t, built.newer, "*_linux_"+hostArch+".tar.gz"), "-C", dir)
	program := one(t, dir, "*/kinetail")
	has(t, sh(t, program, "version"), "kinetail v"+newer, "commit "+built.commit)
	for _, file := range []string{"LICENSE", "third-party-licences", "man/man1/kinetail.1.gz", "man/bash/kinetail", "configs/smallest.hcl", "docs/installing.md", "systemd/kinetail.service"} {
		if !exists(filepath.Join(filepath.Dir(program), file)) {
			t.Errorf("%s is not in the archive", file)
		}
	}

	b, err := os.ReadFile(one(t, built.newer, "*_"+hostArch+".spdx.json"))
	if err != nil {
		t.Fatal(err)
	}
	var sbom struct {
		SPDXVersion string
		Packages    []struct {
			Name, VersionInfo, LicenseDeclared string
			Checksums                          []struct{ ChecksumValue string }
		}
		Relationships []struct{ RelatedSpdxElement string }
	}
	if err := json.Unmarshal(b, &sbom); err != nil {
		t.Fatal(err)
	}
	linked := 0
	for line := range strings.Lines(sh(t, "go", "version", "-m", program)) {
		if fields := strings.Fields(line); len(fields) > 2 && fields[0] == "dep" {
			linked++
			if !strings.Contains(string(b), `"`+fields[1]+`"`) {
				t.Errorf("the SBOM does not name %s", fields[1])
			}
		}
	}
	if len(sbom.Packages) != linked+2 || len(sbom.Relationships) != len(sbom.Packages) { // kinetail itself, and Go's standard library
		t.Errorf("the SBOM has %d packages and %d relationships for %d modules", len(sbom.Packages), len(sbom.Relationships), linked)
	}
	if want := strings.Fields(sh(t, "sha256sum", program))[0]; sbom.Packages[0].Checksums[0].ChecksumValue != want {
		t.Errorf("the SBOM is of another program")
	}
	t.Logf("SBOM: %s, %d packages", sbom.SPDXVersion, len(sbom.Packages))
}

// The same commit gives the same bytes: from another directory, with another umask, time zone and language, later.
func TestTheSameSourceGivesTheSameBytes(t *testing.T) {
	copied := filepath.Join(t.TempDir(), "somewhere", "else")
	sh(t, "sh", "-c", "umask 077 && mkdir -p "+copied+" && cd "+repository+" && git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "+copied)
	sh(t, "ln", "-s", sh(t, "readlink", "-fn", filepath.Join(repository, ".cache")), filepath.Join(copied, ".cache"))
	t.Setenv("TZ", "Pacific/Auckland")
	t.Setenv("LC_ALL", "C.UTF-8")
	again := t.TempDir()
	if err := build(copied, "release", "VERSION=v"+newer, "DIST="+again); err != nil {
		t.Fatal(err)
	}
	if out, code := try(t, "sh", "-c", "cd "+again+" && sha256sum -c "+one(t, built.newer, "*_SHA256SUMS")); code != 0 {
		t.Errorf("not the same:\n%s", out)
	}
}
