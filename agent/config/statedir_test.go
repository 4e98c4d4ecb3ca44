package config

import (
	"os"
	"path/filepath"
	"testing"
)

func TestStateDirOfABrokenConfiguration(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"good":           {`agent { state_dir = "/s" }`, "/s"},
		"unknown name":   {"agent {\n  state_dir = \"/s\"\n  oops = 1\n}\nflow \"x\" {}\n", "/s"},
		"later unclosed": {"agent {\n  state_dir = \"/s\"\n}\nflow \"x\" {\n", "/s"},
		"not a string":   {`agent { state_dir = 3 }`, "/var/lib/kinetail"},
		"none":           {`flow "x" {}`, "/var/lib/kinetail"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "k.hcl")
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if got := StateDir(file, Options{}); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
