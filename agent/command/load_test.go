package command

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kinetail/kinetail/agent"
	"github.com/kinetail/kinetail/agent/config"
)

// TestLastGood: the last configuration that ran is read as it was also where it was a directory, however that is written, and names a file beside it.
func TestLastGood(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	state := filepath.Join(dir, "state")
	write("agent.hcl.json", `{"agent": {"state_dir": "`+state+`"}}`)
	write("name.txt", "fleet\n")
	write("flow.hcl", `flow "app" {
  tail { paths = ["/var/log/app-${file("name.txt")}.log"] }
  emit "stdout" {}
}
`)
	cfg, diags := config.Load(dir, config.Options{})
	if diags.HasErrors() {
		t.Fatal(diags.List)
	}
	if err := agent.RememberGood(cfg); err != nil {
		t.Fatal(err)
	}
	write("flow.hcl", `flow "app" {`)
	for _, path := range []string{dir, dir + "/", filepath.Join(dir, "flow.hcl")} {
		if path == filepath.Join(dir, "flow.hcl") {
			write("flow.hcl", `agent { state_dir = "`+state+`" }`)
		}
		cfg := loadLastGood(path, configOptions())
		if cfg == nil || cfg.Flows[0].Tail.Paths[0] != "/var/log/app-fleet.log" {
			t.Errorf("with -c %s it is not read: %+v", path, cfg)
		}
	}
}
