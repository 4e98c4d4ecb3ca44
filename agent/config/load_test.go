package config

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hashicorp/hcl/v2"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// loadText loads a configuration of one file.
func loadText(t *testing.T, src string) (*Config, *Diagnostics) {
	t.Helper()
	return loadNamed(t, "test.hcl", src)
}

func loadNamed(t *testing.T, name, src string) (*Config, *Diagnostics) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(path, testOptions())
}

func mustLoad(t *testing.T, src string) *Config {
	t.Helper()
	cfg, diags := loadText(t, src)
	if cfg == nil {
		t.Fatalf("%s\n%s", src, text(t, diags))
	}
	return cfg
}

const smallest = `
flow "nginx" {
  tail           { paths  = ["/var/log/nginx/access.log"] }
  emit "kinesis" { stream = "web-access" }
}
`

var notRanges = cmp.Options{cmpopts.IgnoreTypes(hcl.Range{}), cmpopts.IgnoreUnexported(Config{})}

func TestDefaults(t *testing.T) {
	got := mustLoad(t, smallest)
	want := &Config{
		Agent: Agent{
			StateDir: "/var/lib/kinetail", Listen: "127.0.0.1:9464", Control: "unix:///var/lib/kinetail/control.sock",
			MemoryLimit: 64 << 20, ShutdownTimeout: 20 * time.Second, LogLevel: "info", LogFormat: "text",
		},
		Metrics:    Metrics{Namespace: "Kinetail", Interval: time.Minute, Detail: "standard", Compat: "none"},
		Kubernetes: Kubernetes{Wait: time.Second},
		Flows: []*Flow{{
			Name: "nginx",
			Tail: Tail{
				Paths: []string{"/var/log/nginx/access.log"}, StartAt: "end", MaxRecordSize: 999 << 10, OnOversize: "truncate",
				Encoding: "utf-8", Symlinks: "owner", HardLinks: "owner", PollInterval: 50 * time.Millisecond, OnAmbiguous: "repeat", ForgetAfter: 30 * 24 * time.Hour,
			},
			Emits: []*Emit{{
				Kind: "kinesis", Name: "kinesis", Stream: "web-access", Format: "raw", Order: "none", Aggregate: "none", AggregateSize: 50 << 10,
				MaxWait: time.Second, MaxRequests: 8, MaxUnacked: 64 << 20, ShardRateLimit: 1.5,
				DeadLetter: DeadLetter{MaxSize: 256 << 20, OnFull: "wait", MaxRate: 100},
			}},
		}},
	}
	if diff := cmp.Diff(want, got, notRanges, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(Flow{}, "Digest"), cmpopts.IgnoreFields(Config{}, "Sources")); diff != "" {
		t.Error(diff)
	}
}

// TestArguments sets every argument to something other than its default and looks where it arrives.
func TestArguments(t *testing.T) {
	in := func(header string) func(string) string {
		return func(arg string) string { return smallest + header + " {\n" + arg + "\n}\n" }
	}
	tail := func(arg string) string {
		return "flow \"x\" {\n tail {\n paths = [\"/x\"]\n" + arg + "\n}\n emit \"stdout\" {}\n}\n"
	}
	block := func(wrap func(string) string, name string) func(string) string {
		return func(arg string) string { return wrap(name + " {\n" + arg + "\n}") }
	}
	emit := func(kind, rest string) func(string) string {
		return func(arg string) string {
			return "flow \"x\" {\n tail {\n paths = [\"/x\"]\n}\n emit \"" + kind + "\" {\n" + rest + "\n" + arg + "\n}\n}\n"
		}
	}
	kinesis, firehose := emit("kinesis", `stream = "s"`), emit("firehose", `stream = "s"`)
	agentOf := func(f func(*Agent) any) func(*Config) any { return func(c *Config) any { return f(&c.Agent) } }
	awsOf := func(f func(*AWS) any) func(*Config) any { return func(c *Config) any { return f(&c.AWS) } }
	metricsOf := func(f func(*Metrics) any) func(*Config) any { return func(c *Config) any { return f(&c.Metrics) } }
	tailOf := func(f func(*Tail) any) func(*Config) any { return func(c *Config) any { return f(&c.Flows[0].Tail) } }
	emitOf := func(f func(*Emit) any) func(*Config) any {
		return func(c *Config) any { return f(c.Flows[0].Emits[0]) }
	}
	agent, aws, metrics := in("agent"), in("aws"), in(`metrics "cloudwatch"`)
	multiline := func(arg string) string { return block(tail, "multiline")("start = \"^a\"\n" + arg) }
	assume := func(arg string) string {
		return aws("assume_role {\narn = \"arn:aws:iam::123456789012:role/logs\"\n" + arg + "\n}")
	}
	for _, c := range []struct {
		wrap func(string) string
		arg  string
		get  func(*Config) any
		want any
	}{
		{agent, `state_dir = "/srv/kinetail"`, agentOf(func(a *Agent) any { return a.StateDir + " " + a.Control }), "/srv/kinetail unix:///srv/kinetail/control.sock"},
		{agent, `listen = "off"`, agentOf(func(a *Agent) any { return a.Listen }), "off"},
		{agent, `listen = ":80"`, agentOf(func(a *Agent) any { return a.Listen }), ":80"},
		{agent, `control = "unix:///run/c.sock"`, agentOf(func(a *Agent) any { return a.Control }), "unix:///run/c.sock"},
		{agent, `memory_limit = "1.5 GiB"`, agentOf(func(a *Agent) any { return a.MemoryLimit }), int64(3 << 29)},
		{agent, `shutdown_timeout = "1m30s"`, agentOf(func(a *Agent) any { return a.ShutdownTimeout }), 90 * time.Second},
		{agent, `log_level = "debug"`, agentOf(func(a *Agent) any { return a.LogLevel }), "debug"},
		{agent, `log_format = "json"`, agentOf(func(a *Agent) any { return a.LogFormat }), "json"},

		{aws, `region = "us-east-1"`, awsOf(func(a *AWS) any { return a.Region }), "us-east-1"},
		{aws, `region = null`, awsOf(func(a *AWS) any { return a.Region }), ""},
		{aws, `profile = "logs"`, awsOf(func(a *AWS) any { return a.Profile }), "logs"},
		{aws, `endpoint = "http://[::1]:4567"`, awsOf(func(a *AWS) any { return a.Endpoint }), "http://[::1]:4567"},
		{aws, "endpoint = \"http://kinesis:4567\"\nallow_insecure = true", awsOf(func(a *AWS) any { return a.AllowInsecure }), true},
		{block(aws, "endpoints"), `kinesis = "https://k"`, awsOf(func(a *AWS) any { return a.Endpoints.Kinesis }), "https://k"},
		{block(aws, "endpoints"), `firehose = "https://k"`, awsOf(func(a *AWS) any { return a.Endpoints.Firehose }), "https://k"},
		{block(aws, "endpoints"), `cloudwatch = "https://k"`, awsOf(func(a *AWS) any { return a.Endpoints.CloudWatch }), "https://k"},
		{block(aws, "endpoints"), `sts = "https://k"`, awsOf(func(a *AWS) any { return a.Endpoints.STS }), "https://k"},
		{aws, `fips = true`, awsOf(func(a *AWS) any { return a.FIPS }), true},
		{aws, `dual_stack = true`, awsOf(func(a *AWS) any { return a.DualStack }), true},
		{aws, `proxy = "socks5://proxy:1080"`, awsOf(func(a *AWS) any { return a.Proxy }), "socks5://proxy:1080"},
		{aws, `ca_file = "/etc/ca.pem"`, awsOf(func(a *AWS) any { return a.CAFile }), "/etc/ca.pem"},
		{assume, ``, awsOf(func(a *AWS) any { return a.AssumeRole.ARN }), "arn:aws:iam::123456789012:role/logs"},
		{assume, `external_id = "partner"`, awsOf(func(a *AWS) any { return a.AssumeRole.ExternalID }), "partner"},
		{assume, `session_name = "web"`, awsOf(func(a *AWS) any { return a.AssumeRole.SessionName }), "web"},
		{assume, `enabled = false`, awsOf(func(a *AWS) any { return a.AssumeRole == nil }), true},

		{metrics, `enabled = false`, metricsOf(func(m *Metrics) any { return *m.Enabled }), false},
		{metrics, `namespace = "Logs/Web"`, metricsOf(func(m *Metrics) any { return m.Namespace }), "Logs/Web"},
		{metrics, `interval = "10s"`, metricsOf(func(m *Metrics) any { return m.Interval }), 10 * time.Second},
		{metrics, `detail = "full"`, metricsOf(func(m *Metrics) any { return m.Detail }), "full"},
		{metrics, `compat = "kinesis-agent"`, metricsOf(func(m *Metrics) any { return m.Compat + " " + m.Namespace }), "kinesis-agent AWSKinesisAgent"},
		{metrics, `dimensions = { Host = host.name }`, metricsOf(func(m *Metrics) any { return m.Dimensions["Host"] }), "host-1"},
		{block(metrics, "aws"), `region = "us-east-1"`, metricsOf(func(m *Metrics) any { return m.AWS.Region }), "us-east-1"},

		{tail, `exclude = ["**/*.tmp"]`, tailOf(func(x *Tail) any { return x.Exclude[0] }), "**/*.tmp"},
		{tail, `rotated = ["/var/log/old/x-*"]`, tailOf(func(x *Tail) any { return x.Rotated[0] }), "/var/log/old/x-*"},
		{tail, `pipes = ["/run/x.pipe"]`, tailOf(func(x *Tail) any { return x.Pipes[0] }), "/run/x.pipe"},
		{tail, `start_at = "beginning"`, tailOf(func(x *Tail) any { return x.StartAt }), "beginning"},
		{tail, `max_record_size = "64KiB"`, tailOf(func(x *Tail) any { return x.MaxRecordSize }), int64(64 << 10)},
		{tail, `on_oversize = "split"`, tailOf(func(x *Tail) any { return x.OnOversize }), "split"},
		{tail, `format = "cri"`, tailOf(func(x *Tail) any { return x.Format }), "cri"},
		{tail, `encoding = "utf-16le"`, tailOf(func(x *Tail) any { return x.Encoding }), "utf-16le"},
		{tail, `keep_cr = true`, tailOf(func(x *Tail) any { return x.KeepCR }), true},
		{tail, `skip_header_lines = 2`, tailOf(func(x *Tail) any { return x.SkipHeaderLines }), 2},
		{tail, `ignore_older = "7d12h"`, tailOf(func(x *Tail) any { return x.IgnoreOlder }), 180 * time.Hour},
		{tail, `symlinks = "none"`, tailOf(func(x *Tail) any { return x.Symlinks }), "none"},
		{tail, `hard_links = "all"`, tailOf(func(x *Tail) any { return x.HardLinks }), "all"},
		{tail, `poll_interval = "1s"`, tailOf(func(x *Tail) any { return x.PollInterval }), time.Second},
		{tail, `on_ambiguous = "skip"`, tailOf(func(x *Tail) any { return x.OnAmbiguous }), "skip"},
		{tail, `forget_after = "1d"`, tailOf(func(x *Tail) any { return x.ForgetAfter }), 24 * time.Hour},
		{block(tail, "hold_deleted"), `max_age = "1h"`, tailOf(func(x *Tail) any { return x.HoldDeleted.MaxAge }), time.Hour},
		{block(tail, "hold_deleted"), `max_bytes = "1GB"`, tailOf(func(x *Tail) any { return x.HoldDeleted.MaxBytes }), int64(1e9)},
		{multiline, ``, tailOf(func(x *Tail) any { return *x.Multiline }), Multiline{Start: "^a", Timeout: 2 * time.Second}},
		{multiline, `end = "b$"`, tailOf(func(x *Tail) any { return x.Multiline.End }), "b$"},
		{multiline, `timeout = "500ms"`, tailOf(func(x *Tail) any { return x.Multiline.Timeout }), 500 * time.Millisecond},
		{block(tail, "multiline"), `continue = "^\\s"`, tailOf(func(x *Tail) any { return x.Multiline.Continue }), `^\s`},
		{block(tail, "multiline"), `indent = true`, tailOf(func(x *Tail) any { return x.Multiline.Indent }), true},
		{block(tail, "multiline"), "start = <<EOT\n^\\d{4}\nEOT", tailOf(func(x *Tail) any { return x.Multiline.Start }), `^\d{4}`},

		{kinesis, `name = "live"`, emitOf(func(e *Emit) any { return e.Name }), "live"},
		{emit("kinesis", ""), `stream_arn = "arn:aws-cn:kinesis:cn-north-1:123456789012:stream/x"`, emitOf(func(e *Emit) any { return e.StreamARN }), "arn:aws-cn:kinesis:cn-north-1:123456789012:stream/x"},
		{kinesis, `partition_key = record.a`, emitOf(func(e *Emit) any { return e.PartitionKey != nil }), true},
		{kinesis, `format = "json"`, emitOf(func(e *Emit) any { return e.Format }), "json"},
		{kinesis, `delimiter = "\n"`, emitOf(func(e *Emit) any { return e.Delimiter }), "\n"},
		{kinesis, `aggregate = "kpl"`, emitOf(func(e *Emit) any { return e.Aggregate + " " + e.Order + " " + e.Delimiter }), "kpl none "},
		{kinesis, "aggregate = \"kpl\"\npartition_key = record.a", emitOf(func(e *Emit) any { return e.Order }), "key"},
		{kinesis, "aggregate = \"kpl\"\npartition_key = record.a\norder = \"none\"", emitOf(func(e *Emit) any { return e.Order }), "none"},
		{kinesis, "partition_key = record.a", emitOf(func(e *Emit) any { return e.Order }), "none"},
		{kinesis, "partition_key = record.a\norder = \"key\"", emitOf(func(e *Emit) any { return e.Order }), "key"},
		{kinesis, `aggregate = "lines"`, emitOf(func(e *Emit) any { return e.Delimiter }), "\n"},
		{kinesis, "aggregate = \"lines\"\naggregate_size = \"25KiB\"", emitOf(func(e *Emit) any { return e.AggregateSize }), int64(25 << 10)},
		{kinesis, `max_wait = "100ms"`, emitOf(func(e *Emit) any { return e.MaxWait }), 100 * time.Millisecond},
		{kinesis, `partition_key = null`, emitOf(func(e *Emit) any { return e.PartitionKey == nil }), true},
		{kinesis, `max_requests = 3`, emitOf(func(e *Emit) any { return e.MaxRequests }), 3},
		{kinesis, `max_unacked = "8MiB"`, emitOf(func(e *Emit) any { return e.MaxUnacked }), int64(8 << 20)},
		{kinesis, `shard_rate_limit = "off"`, emitOf(func(e *Emit) any { return e.ShardRateLimit }), 0.0},
		{kinesis, `shard_rate_limit = "90%"`, emitOf(func(e *Emit) any { return e.ShardRateLimit }), 0.9},
		{block(kinesis, "dead_letter"), `max_size = "1GiB"`, emitOf(func(e *Emit) any { return e.DeadLetter.MaxSize }), int64(1 << 30)},
		{block(kinesis, "dead_letter"), `on_full = "drop"`, emitOf(func(e *Emit) any { return e.DeadLetter.OnFull }), "drop"},
		{block(kinesis, "dead_letter"), `max_rate = 5`, emitOf(func(e *Emit) any { return e.DeadLetter.MaxRate }), 5},
		{block(kinesis, "aws"), `region = "us-east-1"`, emitOf(func(e *Emit) any { return e.AWS.Region }), "us-east-1"},
		{firehose, ``, emitOf(func(e *Emit) any { return e.Stream + " " + e.Delimiter }), "s \n"},
		{firehose, `delimiter = ""`, emitOf(func(e *Emit) any { return e.Delimiter }), ""},
		{firehose, `aggregate = "lines"`, emitOf(func(e *Emit) any { return e.Aggregate }), "lines"},
		{emit("stdout", ""), ``, emitOf(func(e *Emit) any { return e.Delimiter }), "\n"},
		{emit("file", ""), `path = "/srv/out.log"`, emitOf(func(e *Emit) any { return e.Path }), "/srv/out.log"},
		{func(s string) string { return strings.Replace(smallest, "{\n", "{\n"+s+"\n", 1) }, `renamed_from = "web"`, func(c *Config) any { return c.Flows[0].RenamedFrom }, "web"},
	} {
		t.Run(c.arg, func(t *testing.T) {
			got := c.get(mustLoad(t, c.wrap(c.arg)))
			if got != c.want {
				t.Errorf("%s: got %v, want %v", c.arg, got, c.want)
			}
		})
	}
}

// TestWarnings looks at hints about what is right but may surprise.
func TestWarnings(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{smallest, ""},
		{"flow \"x\" {\n tail {\n paths = [\"/x\"]\n}\n emit \"stdout\" {}\n emit \"kinesis\" {\n stream = \"s\"\n}\n}\n", `The 2 destinations of flow "x" advance together`},
		{"flow \"x\" {\n tail {\n paths = [\"/x\"]\n}\n emit \"kinesis\" {\n stream = \"s\"\n order = \"key\"\n partition_key = record.message\n}\n}\n", `order = "key" without aggregation sends one record per key at a time`},
		{"aws {\n region = \"eu-wst-1\"\n}\n" + smallest, `"eu-wst-1" is not the name of an AWS region`},
		{"flow \"x\" {\n tail {\n paths = [\"/x\"]\n}\n emit \"kinesis\" {\n stream = \"s\"\n partition_key = \"a\"\n}\n}\n", "All records have the same partition_key"},
		{"flow \"x\" {\n tail {\n paths = [\"/x\"]\n}\n emit \"kinesis\" {\n stream = \"s\"\n partition_key = host.name\n}\n}\n", ""},
		{"flow \"x\" {\n tail {\n paths = [\"/x\"]\n max_record_size = \"2MiB\"\n}\n emit \"kinesis\" {\n stream = \"s\"\n}\n}\n", "Records of up to 2MiB need a stream that takes them"},
		{"flow \"x\" {\n tail {\n paths = [\"/x\"]\n max_record_size = \"2MiB\"\n}\n emit \"firehose\" {\n stream = \"s\"\n}\n}\n", "Firehose takes no records of 2MiB"},
		{"aws {\n region = \"local\"\n}\n" + smallest, ""},
		{withSteps("filter { keep = record.status == 1 }", ""), `There is no field "status" here`},
		{withSteps("filter { keep = record[\"a-b\"] == 1 }", ""), `There is no field "a-b" here`},
		{withSteps("", "template = record.stream"), `There is no field "stream" here`},
		{withSteps("set { status = length(record.message) }\nfilter { keep = record.status == 1 && record.message != \"\" }", "template = record.status"), ""},
		{withSteps("rename { message = \"m\" }", "template = record.m"), ""},
		{withSteps("parse \"json\" {}\nfilter { keep = record.status == 1 }", "template = record.status"), ""},
		{withSteps("set { a = record.id }", "template = record.id"), ""},
		{withSteps("parse \"json\" {}\nfilter { drop = record.id == \"x\" }", ""), "record.id is the record's own id, not a field"},
		{withSteps("parse \"json\" {}\nfilter { drop = record[\"id\"] == \"x\" }", ""), ""},
		{withSteps("parse \"json\" {}\nset {\n event = record.id\n request = record[\"id\"]\n}", ""), ""},
		{withSteps("parse \"json\" {}\nset { id = record.id }", ""), ""},
		{withSteps("parse \"json\" {}\nremove { fields = [\"id\"] }", "template = record.id"), ""},
		{"flow \"x\" {\n tail {\n paths = [\"/var/log/x.log\"]\n exclude = [\"**/*.log\"]\n}\n emit \"stdout\" {}\n}\n", `Everything that "/var/log/x.log" could match is excluded`},
	} {
		cfg, diags := loadText(t, c.src)
		if cfg == nil {
			t.Fatalf("%s", text(t, diags))
		}
		var got []string
		for _, d := range diags.List {
			got = append(got, d.Summary)
		}
		if strings.Join(got, "; ") != c.want {
			t.Errorf("%s\ngot hints %q, want %q", c.src, got, c.want)
		}
	}
}

func TestAWSMerge(t *testing.T) {
	cfg := mustLoad(t, `
aws {
  region  = "eu-west-1"
  profile = "logs"
  assume_role {
    arn         = "arn:aws:iam::123456789012:role/outer"
    external_id = "partner"
  }
  endpoints {
    kinesis = "https://kinesis.outer"
    sts     = "https://sts.outer"
  }
}
metrics "cloudwatch" {
  aws {
    region = "us-east-1"
  }
}
flow "x" {
  tail { paths = ["/x"] }
  emit "kinesis" { stream = "inherits" }
  emit "kinesis" {
    name   = "replaces"
    stream = "s"
    aws {
      region = "eu-central-1"
      assume_role {
        arn = "arn:aws:iam::210987654321:role/inner"
      }
      endpoints {
        kinesis = "https://kinesis.inner"
      }
    }
  }
  emit "firehose" {
    stream = "s"
    aws {
      assume_role { enabled = false }
    }
  }
}
`)
	outer := AWS{
		Region: "eu-west-1", Profile: "logs",
		AssumeRole: &AssumeRole{ARN: "arn:aws:iam::123456789012:role/outer", ExternalID: "partner"},
		Endpoints:  Endpoints{Kinesis: "https://kinesis.outer", STS: "https://sts.outer"},
	}
	inner := outer
	inner.Region = "eu-central-1"
	inner.AssumeRole = &AssumeRole{ARN: "arn:aws:iam::210987654321:role/inner", ExternalID: "partner"}
	inner.Endpoints.Kinesis = "https://kinesis.inner"
	without := outer
	without.AssumeRole = nil
	metrics := outer
	metrics.Region = "us-east-1"
	emits := cfg.Flows[0].Emits
	for name, c := range map[string]struct{ got, want AWS }{
		"outer": {cfg.AWS, outer}, "inherits": {emits[0].AWS, outer}, "replaces": {emits[1].AWS, inner},
		"disabled": {emits[2].AWS, without}, "metrics": {cfg.Metrics.AWS, metrics},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

func TestLocals(t *testing.T) {
	cfg := mustLoad(t, `
locals {
  c = "${local.b}!"
  a = env("SET")
  d = env("UNSET", "default")
}
locals {
  b = upper(local.a)
  n = 1 + 2
}
flow "x" {
  tail { paths = ["/${local.c}/${local.d}/${local.n}"] }
  emit "stdout" {}
}
`)
	if got, want := cfg.Flows[0].Tail.Paths[0], "/YES!/default/3"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if len(cfg.Locals) != 5 {
		t.Errorf("Locals are %v", cfg.Locals)
	}
}

func TestDirectory(t *testing.T) {
	dir := t.TempDir()
	for name, src := range map[string]string{
		"b.hcl":      strings.ReplaceAll(smallest, "nginx", "b"),
		"a.hcl.json": `{"//": "a comment", "flow": {"a": {"tail": {"paths": ["/x"]}, "emit": {"kinesis": {"stream": "s-${local.x}", "partition_key": "${record.a}-x"}}}}}`,
		"c.hcl":      "locals {\n  x = \"y\"\n}\n",
		"c.hcl~":     "garbage", "#c.hcl#": "garbage", ".c.hcl.swp": "garbage", ".c.hcl": "garbage", "x_test.hcl": "garbage",
		"x_test.hcl.json": "garbage", "x.json": "garbage", "x.hcl.bak": "garbage", "README": "garbage",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(src), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "d.hcl"), 0o700); err != nil {
		t.Fatal(err)
	}
	cfg, diags := Load(dir, testOptions())
	if cfg == nil {
		t.Fatalf("%s", text(t, diags))
	}
	if len(cfg.Flows) != 2 || cfg.Flows[0].Name != "a" || cfg.Flows[1].Name != "b" || cfg.Flows[0].Emits[0].Stream != "s-y" {
		t.Errorf("flows are %+v", cfg.Flows)
	}
}

func TestUnreadable(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("nowhere", filepath.Join(dir, "dangling.hcl")); err != nil {
		t.Fatal(err)
	}
	big := filepath.Join(dir, "big.conf")
	if err := os.WriteFile(big, bytes.Repeat([]byte("#\n"), maxSource), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ path, want string }{
		{filepath.Join(dir, "none.hcl"), "Error: Cannot read the configuration " + dir + "/none.hcl\n  It does not exist. Name a file or a directory with -c.\n\n"},
		{dir, "Error: Cannot read the configuration " + dir + "/dangling.hcl\n  It is a symbolic link to nothing.\n\n"},
		{big, "Error: Cannot read the configuration " + big + "\n  It is larger than 1MiB.\n\n"},
		{"/dev/null", "Error: Cannot read the configuration /dev/null\n  It is not a regular file.\n\n"},
	} {
		cfg, diags := Load(c.path, testOptions())
		if got := string(text(t, diags)); got != c.want || cfg != nil {
			t.Errorf("%s: got\n%swant\n%s", c.path, got, c.want)
		}
	}
}

func TestControlIsInTheRuntimeDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.hcl")
	if err := os.WriteFile(path, []byte(smallest), 0o600); err != nil {
		t.Fatal(err)
	}
	opts := testOptions()
	opts.Env = func(name string) (string, bool) { return "/run/kinetail:/run/other", name == "RUNTIME_DIRECTORY" }
	cfg, _ := Load(path, opts)
	if got, want := cfg.Agent.Control, "unix:///run/kinetail/control.sock"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestStateDir(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{"agent {\n  state_dir = \"/srv/${local.x}\"\n  nonsense = 1\n}\nlocals {\n  x = \"y\"\n}\n", "/srv/y"},
		{"agent {\n  state_dir = \"/srv/z\"\n}\nflow \"x\" {\n", "/srv/z"},
		{"agent {\n  state_dir = \"relative\"\n}\n", "/var/lib/kinetail"},
		{"\x00{{{", "/var/lib/kinetail"},
		{"agent { state_dir = 3 }\n", "/var/lib/kinetail"},
		{"flow \"x\" {}\n", "/var/lib/kinetail"},
	} {
		path := filepath.Join(t.TempDir(), "x.hcl")
		if err := os.WriteFile(path, []byte(c.src), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := StateDir(path, testOptions()); got != c.want {
			t.Errorf("%q: got %s, want %s", c.src, got, c.want)
		}
	}
	if got := StateDir("/does/not/exist", testOptions()); got != "/var/lib/kinetail" {
		t.Errorf("got %s", got)
	}
}

func TestMemoryLimit(t *testing.T) {
	flows := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "flow \"f%d\" {\n  tail { paths = [\"/x%d\"] }\n  emit \"stdout\" {}\n}\n", i, i)
		}
		return b.String()
	}
	fit := int64(64<<20) / 4 / (&Flow{Tail: defaultTail()}).MemoryNeed()
	mustLoad(t, flows(int(fit)))
	if cfg, diags := loadText(t, flows(int(fit)+1)); cfg != nil {
		t.Errorf("%d flows fit into 64 MiB", fit+1)
	} else if !strings.Contains(diags.Error(), "memory_limit") {
		t.Error(diags.Error())
	}
	mustLoad(t, "agent {\n  memory_limit = \"128MiB\"\n}\n"+flows(int(2*fit)))
}

// numbered writes a format once for each number.
func numbered(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// chain writes n locals, each of which is the one before.
func chain(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "  b%d = local.b%d\n", i+1, i)
	}
	return b.String()
}

// doubling writes n locals, each of which is the one before twice.
func doubling(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "  b%d = \"${local.b%d}${local.b%d}\"\n", i+1, i, i)
	}
	return b.String()
}
