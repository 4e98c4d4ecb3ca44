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
	"github.com/kinetail/kinetail/emit/awslocal"
)

const stepsConfig = `
agent {
  state_dir = %q
}
aws {
  region   = "us-east-1"
  endpoint = %q
}
locals {
  service = "web"
}
flow "access" {
  tail {
    paths    = [%q]
    start_at = "beginning"
  }
  parse "combined" {
    on_error = "dead_letter"
  }
  filter {
    drop = startswith(record.path, "/health")
  }
  redact {
    fields  = ["query"]
    pattern = "token=[^&]+"
    with    = "token=***"
  }
  set {
    service = local.service
    slow    = record.status >= 500
  }
  keep_fields {
    fields = ["client", "path", "query", "status", "service", "slow"]
  }
  emit "kinesis" {
    stream        = "s"
    partition_key = record.client
    max_wait      = "10ms"
  }
}
`

// TestRecordsGoThroughTheStepsToAStream runs a configuration against a Kinesis endpoint and looks at the records, the partition keys, the
// dead letters, what was counted, and that everything is acknowledged.
func TestRecordsGoThroughTheStepsToAStream(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	server, err := awslocal.New(awslocal.Options{Streams: []awslocal.StreamConfig{{Name: "s", Shards: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	url, err := server.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()

	dir := t.TempDir()
	log, state := filepath.Join(dir, "access.log"), filepath.Join(dir, "state")
	line := func(client, path string, status int) string {
		return fmt.Sprintf("%s - - [22/Nov/2026:10:00:00 +0000] \"GET %s HTTP/1.1\" %d 5 \"-\" \"curl\"\n", client, path, status)
	}
	text := line("192.0.2.1", "/a?token=secret&x=1", 200) + line("192.0.2.1", "/health", 200) + "not an access log, token=hidden\n" + line("2001:db8::1", "/b", 503)
	write(t, log, text)
	path := filepath.Join(dir, "kinetail.hcl")
	write(t, path, fmt.Sprintf(stepsConfig, state, url, log))
	cfg, diags := config.Load(path, config.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	a, err := New(Options{Config: cfg, Version: "test", Once: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := a.Run(ctx); err != nil {
		t.Fatal(err)
	}
	snapshot := a.Snapshot()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}

	got := map[string]string{}
	if err := server.Records("s", func(r awslocal.Record) bool { got[string(r.Data)] = r.PartitionKey; return true }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{
		`{"client":"192.0.2.1","path":"/a","query":"token=***&x=1","status":200,"service":"web","slow":false}`: "192.0.2.1",
		`{"client":"2001:db8::1","path":"/b","status":503,"service":"web","slow":true}`:                        "2001:db8::1",
	}, got); diff != "" {
		t.Errorf("in the stream:\n%s", diff)
	}
	f := snapshot.Flows[0]
	if f.Dropped.Filtered != 1 || f.Dropped.Total() != 1 || f.ParseErrors != 1 || f.LagBytes != 0 {
		t.Errorf("counted %+v", f)
	}
	if got := f.Destinations[0].Counters["RecordsDeadLettered"]; got != 1 {
		t.Errorf("%d dead letters, want 1", got)
	}
	var letters string
	_ = filepath.WalkDir(state, func(path string, _ os.DirEntry, _ error) error {
		if strings.Contains(path, "dead") {
			b, _ := os.ReadFile(path)
			letters += string(b)
		}
		return nil
	})
	if !strings.Contains(letters, "parse_error") || !strings.Contains(letters, "not an access log, token=***") {
		t.Errorf("the dead letter: %s", letters)
	}
	for _, r := range readings(snapshot) {
		if r.Source == "access/kinesis" && (r.Values["RecordsDropped"] != 1 || r.Values["FilterUndecided"] != 0) {
			t.Errorf("metrics: %v", r.Values)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
