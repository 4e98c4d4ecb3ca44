package conftest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/kinetail/kinetail/agent/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// withTests are the examples that show steps: each has tests.
var withTests = []string{"nginx.hcl", "apache.hcl", "syslog.hcl", "json-application.hcl", "java.hcl", "containers.hcl", "postgresql.hcl", "csv.hcl", "containers-labels.hcl"}

// TestExamples runs the tests in configs/, on a host with another name, time and zone than the one they were written on.
func TestExamples(t *testing.T) {
	here := time.Local
	time.Local = time.FixedZone("elsewhere", -7*3600)
	defer func() { time.Local = here }()
	entries, err := os.ReadDir("../../configs")
	if err != nil {
		t.Fatal(err)
	}
	tested := map[string]int{}
	for _, e := range entries {
		cfg, diags := config.Load(filepath.Join("../../configs", e.Name()), config.Options{Tests: true, Hostname: "another"})
		if cfg == nil {
			t.Errorf("%s: %v", e.Name(), diags)
			continue
		}
		for _, one := range cfg.Tests {
			tested[e.Name()]++
			r, err := Run(cfg, one)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range r.Failures {
				t.Errorf("%s: %s: %s: %s\n%s", e.Name(), one.Name, f.Range, f.Summary, f.Diff)
			}
		}
	}
	for _, name := range withTests {
		if tested[name] == 0 {
			t.Errorf("%s has no tests", name)
		}
	}
}

const flowText = `
flow "f" {
  tail {
    paths = ["/var/log/f.log"]
    multiline { indent = true }
  }
  parse "json" {}
  filter { drop = record.drop == true }
  parse "json" {
    field    = "inner"
    on_error = "dead_letter"
  }
  set { path = file.name }
  emit "kinesis" {
    stream        = "s"
    delimiter     = "\n"
    compression   = "gzip"
    partition_key = record.k
  }
  emit "stdout" {
    template = "${record.a}!"
  }
}
`

// run runs the tests of a configuration and says what failed, a line each.
func run(t *testing.T, tests string) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.hcl")
	if err := os.WriteFile(path, []byte(flowText+tests), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, diags := config.Load(path, config.Options{Tests: true})
	if cfg == nil {
		t.Fatal(diags)
	}
	var all []string
	for _, one := range cfg.Tests {
		r, err := Run(cfg, one)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range r.Failures {
			text := f.Summary
			if f.Diff != "" {
				text += "\n" + f.Diff
			}
			all = append(all, text)
		}
	}
	return all
}

func TestRun(t *testing.T) {
	input := func(lines string, rest ...string) string {
		return "test \"t\" {\n input = [" + lines + "]\n" + strings.Join(rest, "\n") + "\n}\n"
	}
	for _, c := range []struct {
		name, test string
		want       []string
	}{
		{"as expected", input(`"{\"a\":1.50}"`, `expect = [{ a = 1.5, path = "f.log" }]`, `expect_count = 1`, `expect_dropped = 0`, `expect_dead_letters = 0`, `expect_keys = [null]`), nil},
		{"another destination", input(`"{\"a\":1}"`, `emit = "stdout"`, `expect = ["1!"]`), nil},
		{"another path", input(`"{\"a\":1}"`, `path = "/x/y"`, `expect = [{ a = 1, path = "y" }]`), nil},
		{"some fields", input(`"{\"a\":{\"b\":1,\"c\":2}}"`, `partial = true`, `expect = [{ a = { b = 1 } }]`), nil},
		{"a field missing, partially", input(`"{\"a\":1}"`, `partial = true`, `expect = [{ b = null }]`), []string{"record 1 is another\n-{\n-  \"b\": null\n-}\n+{}"}},
		{"framing", input(`"a", " b"`, `partial = true`, `expect = [{ message = "a\n b" }]`), nil},
		{"another value", input(`"{\"a\":1}"`, `expect = [{ a = 2, path = "f.log" }]`), []string{"record 1 is another\n {\n-  \"a\": 2,\n+  \"a\": 1,\n   \"path\": \"f.log\"\n }"}},
		{"a large number that is another", input(`"{\"a\":9007199254740993}"`, `partial = true`, `expect = [{ a = 9007199254740992 }]`), []string{"record 1 is another\n {\n-  \"a\": 9007199254740992\n+  \"a\": 9007199254740993\n }"}},
		{"other text", input(`"{\"a\":1}"`, `emit = "stdout"`, `expect = ["2!"]`), []string{"record 1 is another\n-2!\n+1!"}},
		{"text that looks like a header of a diff", input(`"{\"a\":\"++ b\"}"`, `emit = "stdout"`, `expect = ["-- a"]`), []string{"record 1 is another\n--- a\n+++ b!"}},
		{"too few", input(`"{\"drop\":true}"`, `expect = [{ a = 1 }]`), []string{"only 0 records came"}},
		{"too many", input(`"{\"a\":1}"`, `emit = "stdout"`, `expect = []`), []string{"1 record came, expected 0\n+1!"}},
		{"counts", input(`"{\"drop\":true}", "{}"`, `expect_count = 2`, `expect_dropped = 0`), []string{"records sent: expected 2, got 1", "records dropped: expected 0, got 1"}},
		{"keys", input(`"{\"k\":\"x\"}"`, `expect_keys = ["y"]`), []string{"the partition keys are others\n-\"y\"\n+\"x\""}},
		{"a dead letter", input(`"{\"inner\":\"x\"}"`, `expect = []`, `expect_dead_letters = 1`), nil},
		{"a dead letter that is not expected", input(`"{\"inner\":\"x\"}"`, `expect = []`), []string{"1 record became a dead letter (parse_error), and the test does not expect any with expect_dead_letters\n+{\"inner\":\"x\"}"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, run(t, c.test)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestFailuresPointToTheExpectation looks at the lines that a failure names.
func TestFailuresPointToTheExpectation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.hcl")
	text := flowText + "test \"t\" {\n  input = [\"{}\", \"{}\"]\n  expect = [\n    { path = \"f.log\" },\n    { path = \"g.log\" },\n  ]\n}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, _ := config.Load(path, config.Options{})
	r, err := Run(cfg, cfg.Tests[0])
	if err != nil || len(r.Failures) != 1 {
		t.Fatalf("%v, %v", r.Failures, err)
	}
	lines := strings.Split(text, "\n")
	if got := lines[r.Failures[0].Range.Start.Line-1]; !slices.Contains([]string{"    { path = \"g.log\" },"}, got) {
		t.Errorf("points to %q", got)
	}
}
