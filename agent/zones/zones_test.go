package zones

import (
	"archive/zip"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Every zone of the Go installation is here, and is the same one where that is of the version of go.mod.
func TestEveryZone(t *testing.T) {
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		t.Skipf("this Go has no tz database: %v", err)
	}
	defer z.Close()
	if len(z.File) < 500 {
		t.Fatalf("%d zones in %s: that cannot be all", len(z.File), root)
	}
	all := map[string]string{}
	err = unpack(func(name, alias string, content []byte) {
		all[name] = string(content)
		if alias != "" {
			all[name] = all[alias]
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		got := all[f.Name]
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		want, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if got == string(want) {
			continue
		}
		// Another Go may bring a younger database.
		if _, err := time.LoadLocationFromTZData(f.Name, []byte(got)); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
		if runtime.Version() == version {
			t.Errorf("%s is not that of %s; go generate ./agent/zones packs it anew", f.Name, version)
		}
	}
}

// version is the Go whose database was packed.
const version = "go1.26.8"

func TestLoad(t *testing.T) {
	for name, alias := range map[string]string{"Europe/Berlin": "Europe/Berlin", "Arctic/Longyearbyen": "Europe/Berlin", "Zulu": "UTC"} {
		got, err := load(name)
		want, _ := load(alias)
		if err != nil || got == "" || got != want {
			t.Errorf("load %s: %d bytes, %v; %s has %d", name, len(got), err, alias, len(want))
		}
	}
	if _, err := load("Europe/Atlantis"); err != syscall.ENOENT { // as package time compares
		t.Errorf("load says %v, package time expects ENOENT", err)
	}
}

// Package time asks here where the system has no zones.
func TestTimeAsks(t *testing.T) {
	t.Setenv("ZONEINFO", "")
	asked := 0
	register(func(name string) (string, error) { asked++; return load("Europe/Berlin") })
	defer register(load)
	at, err := time.LoadLocation("Kinetail/Test") // which no system has
	if err != nil || asked != 1 {
		t.Fatalf("LoadLocation asked %d times and says %v", asked, err)
	}
	if got := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC).In(at).Format(time.RFC3339); got != "2026-07-01T14:00:00+02:00" {
		t.Errorf("noon of summer in Berlin is %s", got)
	}
}
