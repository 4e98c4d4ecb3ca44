package agent

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/agent/metadata"
	"github.com/kinetail/kinetail/pipeline/record"
)

// TestPodLabels reads a container's log with labels that the API server tells while the first record waits.
func TestPodLabels(t *testing.T) {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("watch") != "" {
			<-r.Context().Done()
			return
		}
		time.Sleep(50 * time.Millisecond)
		_, _ = w.Write([]byte(`{"metadata":{"resourceVersion":"1"},"items":[{"metadata":{"name":"web","namespace":"shop","uid":"u-1","labels":{"app.kubernetes.io/name":"shop"}}}]}`))
	}))
	defer api.Close()
	dir := t.TempDir()
	log := filepath.Join(dir, "pods/shop_web_u-1/nginx/0.log")
	if err := os.MkdirAll(filepath.Dir(log), 0o750); err != nil {
		t.Fatal(err)
	}
	write(t, log, "2026-11-22T10:00:00Z stdout F hello\n2026-11-22T10:00:01Z stdout F again\n")
	path, out := filepath.Join(dir, "kinetail.hcl"), filepath.Join(dir, "out")
	write(t, path, fmt.Sprintf(`
agent {
  state_dir = "%[1]s/state"
}
kubernetes {
  node       = "node-1"
  api_server = %[2]q
  wait       = "20s"
}
flow "containers" {
  tail {
    paths    = ["%[1]s/pods/*/*/*.log"]
    format   = "cri"
    start_at = "beginning"
  }
  set {
    pod     = k8s.pod
    service = k8s.labels["app.kubernetes.io/name"]
    host    = ec2.instance_id
  }
  remove { fields = ["time", "stream"] }
  emit "file" { path = %[3]q }
}
`, dir, api.URL, out))
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	m := &metadata.Store{}
	cfg, diags := config.Load(path, config.Options{Roots: m.Roots(), Pods: m.Pods()})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	a, err := New(Options{Config: cfg, Version: "test", Once: true, Metadata: m, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := a.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	want := ""
	for _, text := range []string{"hello", "again"} {
		want += fmt.Sprintf(`{"message":%q,"pod":"web","service":"shop","host":null}`+"\n", text)
	}
	if string(got) != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// TestAFailedReloadGoesOnAsking: a configuration that cannot be had does not end what the one in force asks for.
func TestAFailedReloadGoesOnAsking(t *testing.T) {
	tell := make(chan string)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("watch") == "" {
			_, _ = w.Write([]byte(`{"metadata":{"resourceVersion":"1"},"items":[]}`))
			return
		}
		_ = http.NewResponseController(w).Flush()
		for {
			select {
			case event := <-tell:
				_, _ = w.Write([]byte(event))
				_ = http.NewResponseController(w).Flush()
			case <-r.Context().Done():
				return
			}
		}
	}))
	defer api.Close()
	dir := t.TempDir()
	path := filepath.Join(dir, "kinetail.hcl")
	m := &metadata.Store{}
	load := func(value, emit string) *config.Config {
		write(t, path, fmt.Sprintf(`
agent {
  state_dir = "%[1]s/state"
}
kubernetes {
  node       = "node-1"
  api_server = %[2]q
}
flow "containers" {
  tail { paths = ["%[1]s/*.log"] }
  set { service = %[3]s }
  emit "kinesis" {
    stream = "s"
    %[4]s
  }
}
`, dir, api.URL, value, emit))
		cfg, diags := config.Load(path, config.Options{Roots: m.Roots(), Pods: m.Pods()})
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		return cfg
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_REGION", "us-east-1")
	aws := "aws {\n      endpoint = \"http://127.0.0.1:1\"\n    }"
	a, err := New(Options{Config: load("k8s.labels", aws), Version: "test", Metadata: m, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- a.Run(ctx) }()
	told := func(name string) bool {
		select {
		case tell <- fmt.Sprintf(`{"type":"ADDED","object":{"metadata":{"name":%q,"namespace":"shop","uid":%[1]q,"resourceVersion":"2","labels":{"a":"b"}}}}`, name):
		case <-time.After(5 * time.Second):
			return false
		}
		for until := time.Now().Add(5 * time.Second); time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
			if m.Pods().Pod("shop", name, name).Labels.Kind() == record.Object {
				return true
			}
		}
		return false
	}
	if !told("first") {
		t.Fatal("no pod is known")
	}
	if _, err := a.Reload(ctx, load(`"x"`, "aws {\n      profile = \"nobody\"\n    }")); err == nil {
		t.Fatal("a profile that does not exist was taken")
	}
	if !told("second") {
		t.Error("after a failed reload nobody asks for pods any more")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}
