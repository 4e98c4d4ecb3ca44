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

	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/agent/status"
	"github.com/kinetail/kinetail/emit/awslocal"
)

// sharing runs an agent whose flows send to stream "s" of an endpoint in this process.
type sharing struct {
	t      *testing.T
	dir    string
	server *awslocal.Server
	url    string
	agent  *Agent
}

// load makes a configuration: one flow for each name, which follows NAME.log; change[name] goes into its emit block.
func (s *sharing) load(change map[string]string, names ...string) *config.Config {
	s.t.Helper()
	text := fmt.Sprintf("agent {\n state_dir = %q\n listen = \"off\"\n}\naws {\n region = \"us-east-1\"\n endpoint = %q\n}\n", filepath.Join(s.dir, "state"), s.url)
	for _, n := range names {
		text += fmt.Sprintf("flow %q {\n tail {\n paths = [%q]\n start_at = \"beginning\"\n }\n emit \"kinesis\" {\n stream = \"s\"\n aggregate = \"kpl\"\n partition_key = file.name\n max_wait = \"200ms\"\n%s}\n}\n",
			n, filepath.Join(s.dir, n+".log"), change[n])
	}
	path := filepath.Join(s.dir, "kinetail.hcl")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	cfg, diags := config.Load(path, config.Options{})
	if diags.HasErrors() {
		s.t.Fatalf("%v in\n%s", diags.List[0], text)
	}
	return cfg
}

func (s *sharing) write(name, text string) {
	s.t.Helper()
	f, err := os.OpenFile(filepath.Join(s.dir, name+".log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString(text)
		_ = f.Close()
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *sharing) until(what string, ok func(flows map[string]status.Flow) bool) {
	s.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		flows := map[string]status.Flow{}
		for _, f := range s.agent.Snapshot().Flows {
			flows[f.Name] = f
		}
		if ok(flows) {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("not so: %s; %+v", what, flows)
		}
	}
}

func (s *sharing) sent(name string, n int64) {
	s.t.Helper()
	s.until(fmt.Sprintf("%s has sent %d", name, n), func(flows map[string]status.Flow) bool {
		f := flows[name]
		return len(f.Destinations) == 1 && f.Destinations[0].Counters["RecordsSent"] == n
	})
}

// engines are the destinations in use.
func (s *sharing) engines() int {
	sh := &s.agent.shared
	sh.mu.Lock()
	defer sh.mu.Unlock()
	n := 0
	for _, e := range sh.engines {
		if !e.Closed() {
			n++
		}
	}
	return n
}

// TestSharedDestination: flows with the same settings share lanes and aggregates; a reload of one leaves the other alone; the last one that
// leaves ends them.
func TestSharedDestination(t *testing.T) {
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		t.Setenv(name, value)
	}
	srv, err := awslocal.New(awslocal.Options{NoRates: true, Streams: []awslocal.StreamConfig{{Name: "s", Shards: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	url, err := srv.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = srv.Close() }()
	s := &sharing{t: t, dir: t.TempDir(), server: srv, url: url}
	cfg := s.load(nil, "a", "b", "c")
	if s.agent, err = New(Options{Config: cfg, Log: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{"a", "b", "c"} {
		s.write(n, strings.Repeat(n+"\n", 5))
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.agent.Run(ctx) }()
	for _, n := range []string{"a", "b", "c"} {
		s.sent(n, 5)
	}
	s.until("the shards are known", func(map[string]status.Flow) bool {
		kept, err := os.ReadFile(filepath.Join(s.dir, "state", "shards", "s.json"))
		return err == nil && len(kept) > 0
	})
	if n := s.engines(); n != 1 {
		t.Errorf("three flows with the same settings use %d destinations", n)
	}

	// What three flows write at once goes together.
	before := srv.Counters().Records
	for _, n := range []string{"a", "b", "c"} {
		s.write(n, strings.Repeat(n+"\n", 5))
	}
	for _, n := range []string{"a", "b", "c"} {
		s.sent(n, 10)
	}
	if n := srv.Counters().Records - before; n > 2 {
		t.Errorf("%d Kinesis records for what one aggregate holds", n)
	}

	// One changes how it writes, one where to, one is removed.
	change, err := s.agent.Reload(ctx, s.load(map[string]string{"b": "delimiter = \"\\n\"\n", "c": "max_requests = 2\n"}, "b", "c"))
	if err != nil || len(change.Restarted) != 2 || len(change.Removed) != 1 {
		t.Fatalf("%+v, %v", change, err)
	}
	s.write("b", "more\n")
	s.write("c", "more\n")
	s.sent("b", 11)
	s.sent("c", 11)
	if n := s.engines(); n != 2 {
		t.Errorf("two flows with different settings use %d destinations", n)
	}
	change, err = s.agent.Reload(ctx, s.load(map[string]string{"b": "delimiter = \"\\n\"\n", "a": "delimiter = \"\\n\"\n"}, "b", "a"))
	if err != nil || len(change.Kept) != 1 || len(change.Added) != 1 {
		t.Fatalf("%+v, %v", change, err)
	}
	s.write("a", "more\n")
	s.write("b", "more\n")
	s.sent("a", 11) // it counts on
	s.sent("b", 12)
	if n := s.engines(); n != 1 {
		t.Errorf("%d destinations are in use", n)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := s.engines(); n != 0 {
		t.Errorf("%d destinations are in use when no flow is", n)
	}
	if err := s.agent.Close(); err != nil {
		t.Error(err)
	}
}
