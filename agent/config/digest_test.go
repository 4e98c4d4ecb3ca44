package config

import (
	"strings"
	"testing"
)

const digestBase = `
agent {
  log_level = "info"
}
aws {
  region = "eu-west-1"
}
locals {
  used   = "a"
  unused = "b"
}
flow "x" {
  tail {
    paths = ["/x"]
  }
  emit "kinesis" {
    stream        = "s"
    partition_key = "${record.a}-${local.used}"
  }
}
`

func TestDigest(t *testing.T) {
	base := mustLoad(t, digestBase).Flows[0].Digest
	for _, c := range []struct {
		what, old, new string
		same           bool
	}{
		{"nothing", "", "", true},
		{"a comment in front, which moves every range", "agent {", "# hello\n\nagent {", true},
		{"layout", `"${record.a}-${local.used}"`, `"${ record.a }-${local.used}" # by client`, true},
		{"the agent", `"info"`, `"debug"`, true},
		{"a local that the flow does not use", `"b"`, `"c"`, true},
		{"another flow", `flow "x" {`, "flow \"y\" {\n  tail { paths = [\"/y\"] }\n  emit \"stdout\" {}\n}\nflow \"x\" {", true},
		{"a value that is the default anyway", `stream        = "s"`, "stream = \"s\"\n max_wait = \"1s\"", true},
		{"a local that its expression uses", `"a"`, `"c"`, false},
		{"the outer aws block", `"eu-west-1"`, `"eu-central-1"`, false},
		{"the stream", `"s"`, `"t"`, false},
		{"the expression", `record.a`, `record.b`, false},
		{"a default", `stream        = "s"`, "stream = \"s\"\n max_wait = \"2s\"", false},
		{"the paths", `["/x"]`, `["/x", "/y"]`, false},
		{"dead letters", `stream        = "s"`, "stream = \"s\"\n dead_letter {\n on_full = \"drop\"\n}", false},
	} {
		t.Run(c.what, func(t *testing.T) {
			cfg := mustLoad(t, strings.Replace(digestBase, c.old, c.new, 1))
			for _, f := range cfg.Flows {
				if f.Name == "x" && (f.Digest == base) != c.same {
					t.Errorf("digest %s, before %s", f.Digest, base)
				}
			}
		})
	}
}

func TestDigestOfJSON(t *testing.T) {
	load := func(key string) string {
		cfg, diags := loadNamed(t, "x.hcl.json", `{"flow": {"x": {"tail": {"paths": ["/x"]}, "emit": {"kinesis": {"stream": "s", "partition_key": "`+key+`"}}}}}`)
		if cfg == nil {
			t.Fatalf("%s", text(t, diags))
		}
		return cfg.Flows[0].Digest
	}
	if load("${record.a}") == load("${record.b}") {
		t.Error("the expression is not part of the digest")
	}
}
