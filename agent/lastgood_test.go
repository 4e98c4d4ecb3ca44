package agent

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kinetail/kinetail/agent/config"
)

// TestRememberGood: what is kept is what was loaded, although the file has been broken since, and a crash between any two steps leaves the last one.
func TestRememberGood(t *testing.T) {
	dir := t.TempDir()
	path, state := filepath.Join(dir, "agent.conf"), filepath.Join(dir, "state")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	load := func(path string) *config.Config {
		t.Helper()
		cfg, diags := config.Load(path, config.Options{})
		if diags.HasErrors() {
			t.Fatal(diags.List)
		}
		return cfg
	}
	text := func(name string) string {
		return `agent { state_dir = "` + state + `" }
flow "` + name + `" {
  tail { paths = ["/var/log/a.log"] }
  emit "stdout" {}
}
`
	}
	kept := func() string {
		t.Helper()
		good := LastGood(state)
		if good == "" {
			return ""
		}
		return load(good).Flows[0].Name
	}
	if got := kept(); got != "" {
		t.Errorf("at first %q is kept", got)
	}
	for _, name := range []string{"one", "two"} {
		write(text(name))
		cfg := load(path)
		write("flow {")
		if err := RememberGood(cfg); err != nil {
			t.Fatal(err)
		}
		if got := kept(); got != name {
			t.Errorf("%q is kept, not %q", got, name)
		}
	}
	at := filepath.Join(state, lastGoodDir)
	if err := os.Rename(at, at+keptBefore); err != nil { // the crash between the two renames
		t.Fatal(err)
	}
	if got := kept(); got != "two" {
		t.Errorf("after a crash %q is kept", got)
	}
	write(text("three"))
	if err := RememberGood(load(path)); err != nil {
		t.Fatal(err)
	}
	if got := kept(); got != "three" {
		t.Errorf("after the next start %q is kept", got)
	}
	if entries, err := os.ReadDir(state); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v are left beside it", entries, err)
	}
}

// TestRememberGoodOfAnyName: a single file may be called what no file of a directory is, and is read as what it was.
func TestRememberGoodOfAnyName(t *testing.T) {
	native := `flow "one" {
  tail { paths = ["/var/log/a.log"] }
  emit "stdout" {}
}
`
	for name, text := range map[string]string{
		"kinetail.hcl": native, "agent.conf": native, ".kinetail.hcl": native, "my_test.hcl": native,
		"kinetail.json": `{"flow": {"one": {"tail": {"paths": ["/var/log/a.log"]}, "emit": {"stdout": {}}}}}`,
	} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, diags := config.Load(path, config.Options{})
		if diags.HasErrors() {
			t.Fatal(name, diags.List)
		}
		cfg.Agent.StateDir = t.TempDir()
		if err := RememberGood(cfg); err != nil {
			t.Fatal(err)
		}
		if kept, diags := config.Load(LastGood(cfg.Agent.StateDir), config.Options{}); diags.HasErrors() || kept.Flows[0].Name != "one" {
			t.Errorf("%s: %v", name, diags.List)
		}
	}
}
