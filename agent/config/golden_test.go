package config

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew; read the difference before you commit it")

// testOptions do not depend on the machine.
func testOptions() Options {
	return Options{
		Env:      func(name string) (string, bool) { return map[string]string{"SET": "yes"}[name], name == "SET" },
		Hostname: "host-1",
		BaseDir:  "/etc/kinetail",
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (go test -update writes it anew):\n%s", name, diff)
	}
}

func text(t *testing.T, d *Diagnostics) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := d.WriteText(&out, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestTenMistakes(t *testing.T) {
	_, diags := Load("testdata/ten-mistakes.hcl", testOptions())
	golden(t, "testdata/ten-mistakes.txt", text(t, diags))
}

// TestGolden loads each file and directory of testdata/errors and compares what is said about it with the text beside it.
func TestGolden(t *testing.T) {
	entries, err := filepath.Glob("testdata/errors/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range entries {
		if strings.HasSuffix(path, ".txt") {
			continue
		}
		t.Run(filepath.Base(path), func(t *testing.T) {
			cfg, diags := Load(path, testOptions())
			if cfg != nil || !diags.HasErrors() {
				t.Error("no error")
			}
			golden(t, path+".txt", text(t, diags))
		})
	}
}
