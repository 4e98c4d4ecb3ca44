package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// files writes the files of a directory and returns it.
func files(t *testing.T, content map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range content {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func testText(name, rest string) string {
	return "test \"" + name + "\" {\n" + rest + "\n expect_count = 1\n}\n"
}

func TestTestsBesideTheConfiguration(t *testing.T) {
	dir := files(t, map[string]string{
		"a.hcl": smallest + testText("inside", `input = ["x"]`), "a_test.hcl": testText("beside a", "input_file = \"x.log\"\nflow = \"nginx\""),
		"b.hcl": strings.ReplaceAll(smallest, "nginx", "b"), "b_test.hcl.json": `{"test": {"beside b": {"flow": "b", "input": "x", "expect_count": 1}}}`,
		".c_test.hcl": "garbage", "#d_test.hcl": "garbage", "x.log": "one\ntwo",
	})
	names := func(path string, tests bool) string {
		opts := testOptions()
		opts.Tests, opts.BaseDir = tests, ""
		cfg, diags := Load(path, opts)
		if cfg == nil {
			t.Fatalf("%s", text(t, diags))
		}
		var all []string
		for _, one := range cfg.Tests {
			all = append(all, one.Name+" of "+one.Flow.Name+" with "+string(one.Input))
		}
		return strings.Join(all, "; ")
	}
	if err := os.WriteFile(filepath.Join(dir, "a.hcl"), []byte(smallest+testText("inside", "input = [\"x\"]\nflow = \"nginx\"")), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path  string
		tests bool
		want  string
	}{
		{"", true, "inside of nginx with x\n; beside a of nginx with one\ntwo; beside b of b with x\n"},
		{"", false, "inside of nginx with x\n"},
		{"a.hcl", true, "inside of nginx with x\n; beside a of nginx with one\ntwo"},
		{"a.hcl", false, "inside of nginx with x\n"},
		{"b.hcl", true, "beside b of b with x\n"},
	} {
		if got := names(filepath.Join(dir, c.path), c.tests); got != c.want {
			t.Errorf("%q, %v: got %q, want %q", c.path, c.tests, got, c.want)
		}
	}
}

func TestWrongFilesOfTests(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{smallest, `a file of tests takes no flow block`},
		{"tset \"x\" {}", `did you mean "test"?`},
		{testText("x", `input_file = "none.log"`), "No such file"},
		{"test \"x\" {", "Unclosed configuration block"},
	} {
		dir := files(t, map[string]string{"a.hcl": smallest, "a_test.hcl": c.text})
		opts := testOptions()
		opts.Tests, opts.BaseDir = true, ""
		cfg, diags := Load(filepath.Join(dir, "a.hcl"), opts)
		if got := string(text(t, diags)); cfg != nil || !strings.Contains(got, c.want) || !strings.Contains(got, "a_test.hcl") {
			t.Errorf("%s: got %s", c.text, got)
		}
	}
}

// A file that only a test names is not looked at by an agent that runs.
func TestInputFilesAreReadForTestsOnly(t *testing.T) {
	if cfg, diags := loadText(t, smallest+testText("x", `input_file = "none.log"`)); cfg == nil {
		t.Errorf("%s", text(t, diags))
	}
}
