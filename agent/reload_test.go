package agent

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/agent/flow"
	"github.com/kinetail/kinetail/agent/status"
	"github.com/kinetail/kinetail/emit/awslocal"
)

// reloaded is an agent whose configuration is a directory of files, one for each flow.
type reloaded struct {
	t         *testing.T
	dir, conf string
	server    *awslocal.Server
	a         *Agent
	ctx       context.Context
	stop      func()
	mayFail   bool // something may be left when the agent stops
}

func newReloaded(t *testing.T, files map[string]string) *reloaded {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
		"AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(name, value)
	}
	server, err := awslocal.New(awslocal.Options{NoRates: true, Streams: []awslocal.StreamConfig{{Name: "s", Shards: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	url, err := server.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	dir := t.TempDir()
	r := &reloaded{t: t, dir: dir, conf: filepath.Join(dir, "conf"), server: server}
	if err := os.Mkdir(r.conf, 0o700); err != nil {
		t.Fatal(err)
	}
	r.file("agent.hcl", fmt.Sprintf("agent {\n  state_dir = %q\n}\naws {\n  region   = \"us-east-1\"\n  endpoint = %q\n}\n", filepath.Join(dir, "state"), url))
	for name, text := range files {
		r.file(name, text)
	}
	cfg, diags := config.Load(r.conf, config.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	r.start(cfg)
	t.Cleanup(func() { r.stop() })
	r.running()
	return r
}

// start runs an agent; stop ends it, with what could not be delivered.
func (r *reloaded) start(cfg *config.Config) {
	r.t.Helper()
	a, err := New(Options{Config: cfg, Version: "test", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.a, r.ctx = a, ctx
	done := make(chan error)
	go func() { done <- a.Run(ctx) }()
	r.stop = func() {
		r.t.Helper()
		cancel()
		if err := <-done; err != nil && !r.mayFail {
			r.t.Error(err)
		}
		if err := a.Close(); err != nil {
			r.t.Error(err)
		}
	}
}

// running waits until all flows run.
func (r *reloaded) running() {
	r.t.Helper()
	r.await("all flows run", func(s *status.Snapshot) bool {
		for _, f := range s.Flows {
			if f.State != status.StateRunning {
				return false
			}
		}
		return len(s.Flows) > 0
	})
}

func (r *reloaded) file(name, text string) { write(r.t, filepath.Join(r.conf, name), text) }

func (r *reloaded) flow(name, more string) string {
	return fmt.Sprintf("flow %q {\n  tail {\n    paths    = [%q]\n    start_at = \"beginning\"\n  }\n  emit \"kinesis\" {\n    stream        = \"s\"\n    partition_key = %q\n    max_wait      = \"10ms\"\n    %s\n  }\n}\n",
		name, filepath.Join(r.dir, name+".log"), name, more)
}

func (r *reloaded) append(name, text string) {
	r.t.Helper()
	f, err := os.OpenFile(filepath.Join(r.dir, name+".log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		r.t.Fatal(err)
	}
	_, err = f.WriteString(text)
	if err != nil {
		r.t.Fatal(err)
	}
	_ = f.Close()
}

func (r *reloaded) await(what string, ok func(*status.Snapshot) bool) {
	r.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		s := r.a.Snapshot()
		if ok(s) {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("it does not come that %s: %+v", what, s)
		}
	}
}

func (r *reloaded) reload() (status.Reload, error) {
	cfg, diags := config.Load(r.conf, config.Options{})
	if diags.HasErrors() {
		r.a.RejectedConfig(diags.Error())
		return status.Reload{}, diags
	}
	return r.a.Reload(r.ctx, cfg)
}

// sent is what the stream holds of a flow.
func (r *reloaded) sent(name string) string {
	r.t.Helper()
	var b strings.Builder
	if err := r.server.Records("s", func(rec awslocal.Record) bool {
		if rec.PartitionKey == name {
			b.WriteString(string(rec.Data) + "\n")
		}
		return true
	}); err != nil {
		r.t.Fatal(err)
	}
	return b.String()
}

func (r *reloaded) flows() map[string]*flow.Flow {
	all := map[string]*flow.Flow{}
	r.a.mu.Lock()
	defer r.a.mu.Unlock()
	for _, f := range r.a.flows {
		all[f.cfg.Name] = f.current()
	}
	return all
}

// Unchanged flows go on untouched, changed ones go on where they were, removed ones stop, added ones start: while all files are written to,
// every line comes once and in order.
func TestReloadDropsAndRepeatsNothing(t *testing.T) {
	r := newReloaded(t, firstFlow())
	for _, name := range []string{"kept", "changed", "removed"} {
		r.file(name+".hcl", r.flow(name, ""))
	}
	_ = os.Remove(filepath.Join(r.conf, "first.hcl"))
	if _, err := r.reload(); err != nil {
		t.Fatal(err)
	}
	r.running()
	before := r.flows()
	var want strings.Builder
	for round := range 6 {
		for i := range 200 {
			line := fmt.Sprintf("%d-%03d\n", round, i)
			want.WriteString(line)
			for _, name := range []string{"kept", "changed"} {
				r.append(name, line)
			}
		}
		r.file("changed.hcl", r.flow("changed", fmt.Sprintf("max_unacked = \"%dMiB\"", 10+round)))
		change, err := r.reload()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([][]string{{"kept", "removed"}, {"changed"}, nil, nil}, [][]string{change.Kept, change.Restarted, change.Added, change.Removed}); diff != "" {
			t.Fatal(diff)
		}
	}
	if now := r.flows(); now["kept"] != before["kept"] || now["changed"] == before["changed"] {
		t.Error("the kept flow was touched, or the changed one was not")
	}
	_ = os.Remove(filepath.Join(r.conf, "removed.hcl"))
	r.file("added.hcl", r.flow("added", ""))
	r.append("added", "new\n")
	if _, err := r.reload(); err != nil {
		t.Fatal(err)
	}
	r.append("removed", "nobody reads this\n")
	r.await("all is delivered", func(s *status.Snapshot) bool {
		return strings.Count(r.sent("kept"), "\n") >= 1200 && strings.Count(r.sent("changed"), "\n") >= 1200 && r.sent("added") != ""
	})
	for _, name := range []string{"kept", "changed"} {
		if diff := cmp.Diff(want.String(), r.sent(name)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if got := r.sent("removed"); got != "" {
		t.Errorf("the removed flow sent %q", got)
	}
	s := r.a.Snapshot()
	if l := s.Reload; l == nil || l.Error != "" || len(l.Added) != 1 || len(l.Removed) != 1 || s.ConfigError != "" {
		t.Errorf("status says %+v, %q", l, s.ConfigError)
	}
	for _, f := range s.Flows { // its counters are those since the start of the process
		if f.Name == "changed" && f.Destinations[0].Counters["RecordsSent"] != 1200 {
			t.Errorf("changed has counted %d records", f.Destinations[0].Counters["RecordsSent"])
		}
	}
}

// firstFlow is a first configuration that gives way: the flows need to know the directory.
func firstFlow() map[string]string {
	return map[string]string{"first.hcl": "flow \"first\" {\n  tail {\n    paths = [\"/nonexistent/*.log\"]\n  }\n  emit \"kinesis\" {\n    stream = \"s\"\n  }\n}\n"}
}

// Whatever is wrong with the new configuration, the flows of the old one go on as they are.
func TestAFailedReloadChangesNothing(t *testing.T) {
	r := newReloaded(t, firstFlow())
	_ = os.Remove(filepath.Join(r.conf, "first.hcl"))
	r.file("one.hcl", r.flow("one", ""))
	r.file("two.hcl", r.flow("two", ""))
	if _, err := r.reload(); err != nil {
		t.Fatal(err)
	}
	agentText, err := os.ReadFile(filepath.Join(r.conf, "agent.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	r.running()
	before := r.flows()
	for name, c := range map[string]struct{ file, text, want string }{
		"a broken file among good ones":             {"three.hcl", "flow \"three\" {", "three.hcl"},
		"a profile that does not exist":             {"two.hcl", r.flow("two", "aws {\n      profile = \"nobody\"\n    }"), "nobody"},
		"a CA file that does not exist":             {"two.hcl", r.flow("two", "aws {\n      ca_file = \"/nonexistent/ca.pem\"\n    }"), "/nonexistent/ca.pem"},
		"what cannot be changed while it runs":      {"agent.hcl", strings.Replace(string(agentText), "agent {", "agent {\n  memory_limit = \"80MiB\"", 1), "memory_limit can't be changed"},
		"the page, which cannot be changed, either": {"agent.hcl", strings.Replace(string(agentText), "agent {", "agent {\n  page = \"127.0.0.1:9465\"", 1), "agent.page can't be changed"},
		"two flows of one name":                     {"three.hcl", r.flow("one", ""), "one"},
	} {
		t.Run(name, func(t *testing.T) {
			old, _ := os.ReadFile(filepath.Join(r.conf, c.file))
			r.file(c.file, c.text)
			_, err := r.reload()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			now := r.flows()
			if len(now) != 2 || now["one"] != before["one"] || now["two"] != before["two"] {
				t.Error("flows were touched")
			}
			if old == nil {
				_ = os.Remove(filepath.Join(r.conf, c.file))
			} else {
				r.file(c.file, string(old))
			}
		})
	}
	r.append("one", "still\n")
	r.append("two", "there\n")
	r.await("both deliver", func(*status.Snapshot) bool { return r.sent("one") == "still\n" && r.sent("two") == "there\n" })
	change, err := r.reload()
	if err != nil || len(change.Kept) != 2 || len(change.Restarted) != 0 {
		t.Errorf("the old configuration again: %+v, %v", change, err)
	}
}

// Another metrics block is in force from then on, and nothing is counted twice or left out.
func TestReloadOfMetrics(t *testing.T) {
	metrics := func(namespace string) string {
		return fmt.Sprintf("metrics \"cloudwatch\" {\n  enabled   = true\n  namespace = %q\n}\n", namespace)
	}
	r := newReloaded(t, firstFlow())
	_ = os.Remove(filepath.Join(r.conf, "first.hcl"))
	r.file("one.hcl", r.flow("one", ""))
	total := 0
	for i, namespace := range []string{"A", "B", "B", "C"} {
		r.file("metrics.hcl", metrics(namespace))
		if _, err := r.reload(); err != nil {
			t.Fatal(err)
		}
		if m := r.a.Snapshot().Metrics; m == nil || m.Namespace != namespace {
			t.Fatalf("metrics: %+v", m)
		}
		r.append("one", strings.Repeat("x\n", i+1))
		total += i + 1
		r.await("it is delivered", func(s *status.Snapshot) bool {
			return int(s.Flows[0].Destinations[0].Counters["RecordsSent"]) == total && s.Flows[0].LagBytes == 0
		})
	}
	_ = os.Remove(filepath.Join(r.conf, "metrics.hcl"))
	if _, err := r.reload(); err != nil {
		t.Fatal(err)
	}
	if m := r.a.Snapshot().Metrics; m != nil {
		t.Errorf("metrics go on: %+v", m)
	}
	for namespace, want := range map[string]float64{"A": 1, "B": 5, "C": 4} {
		got := r.server.MetricStats(namespace, "RecordsSent", awslocal.Dimension{Name: "Destination", Value: "KinesisStream:s"})
		if got.Sum != want {
			t.Errorf("namespace %s has %v records, want %v", namespace, got.Sum, want)
		}
	}
}

// What a flow counted before it was removed is published, and counted on when it comes back: no counter goes back, nothing is counted twice.
func TestCountersOfARemovedFlow(t *testing.T) {
	metrics := "metrics \"cloudwatch\" {\n  enabled   = true\n  namespace = \"A\"\n}\n"
	r := newReloaded(t, firstFlow())
	_ = os.Remove(filepath.Join(r.conf, "first.hcl"))
	r.file("one.hcl", r.flow("one", ""))
	r.file("metrics.hcl", metrics)
	total := map[string]int{}
	deliver := func(lines int, flows ...string) {
		t.Helper()
		if _, err := r.reload(); err != nil {
			t.Fatal(err)
		}
		for _, name := range flows {
			r.append(name, strings.Repeat("x\n", lines))
			total[name] += lines
		}
		r.await("it is delivered", func(s *status.Snapshot) bool {
			for _, f := range s.Flows {
				if f.LagBytes > 0 || len(f.Destinations) == 0 || int(f.Destinations[0].Counters["RecordsSent"]) != total[f.Name] {
					return false
				}
			}
			return len(s.Flows) == len(flows)
		})
	}
	for i := range 3 {
		r.file("two.hcl", r.flow("two", ""))
		deliver(1, "one", "two")
		_ = os.Remove(filepath.Join(r.conf, "two.hcl"))
		deliver(10, "one")
		if i == 1 { // it is published that the flow is gone, and after it that it is still
			for _, interval := range []string{"2m", "3m"} {
				r.file("metrics.hcl", strings.Replace(metrics, "enabled", "interval = \""+interval+"\"\n  enabled", 1))
				deliver(0, "one")
			}
		}
	}
	_ = os.Remove(filepath.Join(r.conf, "metrics.hcl"))
	deliver(100, "one") // from here on nothing is published
	r.file("two.hcl", r.flow("two", ""))
	deliver(1000, "one", "two")
	_ = os.Remove(filepath.Join(r.conf, "two.hcl"))
	deliver(1, "one")
	r.file("metrics.hcl", metrics)
	deliver(1, "one")
	_ = os.Remove(filepath.Join(r.conf, "metrics.hcl"))
	deliver(1, "one")
	got := r.server.MetricStats("A", "RecordsSent", awslocal.Dimension{Name: "Destination", Value: "KinesisStream:s"})
	if want := 3.0*(1+1+10) + 1; got.Sum != want {
		t.Errorf("%v records are published, want %v", got.Sum, want)
	}
	if got := r.server.MetricStats("A", "LagBytes", awslocal.Dimension{Name: "Destination", Value: "KinesisStream:s"}); got.Maximum != 0 {
		t.Errorf("a flow that is gone lags by %v", got.Maximum)
	}
}

// LagSeconds, as CloudWatch gets it, in an outage, across a restart in it, and after it.
func TestLagInAnOutage(t *testing.T) {
	r := newReloaded(t, firstFlow())
	_ = os.Remove(filepath.Join(r.conf, "first.hcl"))
	r.file("one.hcl", r.flow("one", ""))
	text, _ := os.ReadFile(filepath.Join(r.conf, "agent.hcl"))
	r.file("agent.hcl", strings.Replace(string(text), "agent {", "agent {\n  shutdown_timeout = \"1s\"", 1))
	r.stop()
	cfg, diags := config.Load(r.conf, config.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	r.start(cfg)
	r.running()
	lag := func() float64 {
		for _, reading := range readings(r.a.Summary()) {
			if reading.Destination == "KinesisStream:s" {
				return reading.Values["LagSeconds"]
			}
		}
		return -1
	}
	r.append("one", "a\n")
	r.await("it is delivered", func(*status.Snapshot) bool { return r.sent("one") == "a\n" && lag() == 0 })
	r.server.SetFaults(awslocal.Fault{Kind: awslocal.Error, Operation: "PutRecords", Code: "InternalFailure"})
	began := time.Now()
	r.append("one", "b\n")
	r.await("it lags", func(*status.Snapshot) bool { return lag() > 0.5 })
	if got, most := lag(), time.Since(began).Seconds(); got > most {
		t.Errorf("%v s behind, %v s after the line", got, most)
	}
	r.mayFail = true
	r.stop()
	r.start(cfg)
	r.running()
	if got, least, most := lag(), 1.0, time.Since(began).Seconds(); got < least || got > most {
		t.Errorf("after a restart %v s behind, %v s after the line", got, most)
	}
	r.server.SetFaults()
	r.await("it has caught up", func(*status.Snapshot) bool { return strings.Contains(r.sent("one"), "b\n") && lag() == 0 })
}

// Metrics go out under an identity of their own, where the configuration gives them one, and the flows keep theirs.
func TestMetricsWithTheirOwnIdentity(t *testing.T) {
	r := newReloaded(t, firstFlow())
	_ = os.Remove(filepath.Join(r.conf, "first.hcl"))
	r.file("one.hcl", r.flow("one", ""))
	assumed := func() int64 { return r.server.Counters().Requests["sts.AssumeRole"] }
	for _, role := range []bool{false, true} {
		aws := ""
		if role {
			aws = "  aws {\n    region = \"eu-central-1\"\n    assume_role {\n      arn = \"arn:aws:iam::000000000000:role/metrics\"\n    }\n  }\n"
		}
		r.file("metrics.hcl", fmt.Sprintf("metrics \"cloudwatch\" {\n  enabled   = true\n  namespace = \"Role-%t\"\n%s}\n", role, aws))
		if _, err := r.reload(); err != nil {
			t.Fatal(err)
		}
		before := r.a.Summary().Flows[0].Destinations
		r.append("one", "x\n")
		r.await("it is delivered", func(s *status.Snapshot) bool {
			return len(before) == 0 || s.Flows[0].Destinations[0].Counters["RecordsSent"] > before[0].Counters["RecordsSent"]
		})
		if assumed() != 0 {
			t.Error("a flow has assumed the role of the metrics")
		}
	}
	_ = os.Remove(filepath.Join(r.conf, "metrics.hcl"))
	if _, err := r.reload(); err != nil { // which publishes what is left
		t.Fatal(err)
	}
	if assumed() == 0 {
		t.Error("the metrics' role was not assumed")
	}
	for _, namespace := range []string{"Role-false", "Role-true"} {
		if got := r.server.MetricStats(namespace, "RecordsSent", awslocal.Dimension{Name: "Destination", Value: "KinesisStream:s"}); got.Sum == 0 {
			t.Errorf("nothing in the namespace %s", namespace)
		}
	}
}
