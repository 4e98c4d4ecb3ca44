package metadata

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kinetail/kinetail/pipeline/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

// eventually waits for something that happens in another goroutine.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}

func show(v record.Value) string {
	n := 0
	return string(record.AppendValue(nil, v, &n))
}

// fakeIMDS is an instance metadata service, version 2: without a token it answers nothing.
func fakeIMDS(t *testing.T, tags map[string]string, asked *atomic.Int64) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.Method == http.MethodPut && r.URL.Path == "/latest/api/token" {
			w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "21600")
			_, _ = w.Write([]byte("secret"))
			return
		}
		if r.Header.Get("X-Aws-Ec2-Metadata-Token") != "secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		switch path := r.URL.Path; path {
		case "/latest/dynamic/instance-identity/document":
			_ = json.NewEncoder(w).Encode(map[string]string{
				"instanceId": "i-0abc", "instanceType": "m7g.large", "availabilityZone": "eu-west-1a", "imageId": "ami-1", "accountId": "123456789012",
				"region": "eu-west-1", "privateIp": "10.0.0.7",
			})
		case "/latest/meta-data/tags/instance":
			if tags == nil {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			for name := range tags {
				_, _ = w.Write([]byte(name + "\n"))
			}
		default:
			_, _ = w.Write([]byte(tags[path[len("/latest/meta-data/tags/instance/"):]]))
		}
	}))
	t.Cleanup(s.Close)
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", s.URL)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "false")
}

func TestEC2(t *testing.T) {
	for _, tc := range []struct {
		tags map[string]string
		want string
	}{{nil, "null"}, {map[string]string{"Name": "web 1"}, `{"Name":"web 1"}`}, {map[string]string{}, `{}`}} {
		var asked atomic.Int64
		fakeIMDS(t, tc.tags, &asked)
		var s Store
		ec2 := s.Roots()["ec2"]
		if got := show(ec2["instance_id"]()); got != "null" || asked.Load() > 0 {
			t.Errorf("before anybody was asked: %s", got)
		}
		s.Start(t.Context(), Needs{EC2: true}, quiet)
		eventually(t, "an instance id", func() bool { return !ec2["instance_id"]().IsNull() })
		for name, want := range map[string]string{
			"instance_id": `"i-0abc"`, "instance_type": `"m7g.large"`, "availability_zone": `"eu-west-1a"`, "image_id": `"ami-1"`,
			"account_id": `"123456789012"`, "region": `"eu-west-1"`, "private_ip": `"10.0.0.7"`, "tags": tc.want,
		} {
			if got := show(ec2[name]()); got != want {
				t.Errorf("ec2.%s is %s, want %s", name, got, want)
			}
		}
		s.Close()
		if got := show(ec2["region"]()); got != `"eu-west-1"` {
			t.Errorf("after Close ec2.region is %s", got)
		}
	}
}

// A service that is not there is no error, and nobody is asked whom nothing reads from.
func TestAbsence(t *testing.T) {
	var asked atomic.Int64
	fakeIMDS(t, nil, &asked)
	t.Setenv("ECS_CONTAINER_METADATA_URI_V4", "")
	var s Store
	s.Start(t.Context(), Needs{ECS: true}, quiet)
	s.Close()
	if got := s.Roots()["ecs"]["cluster"](); !got.IsNull() || asked.Load() > 0 {
		t.Errorf("%s, asked %d times", show(got), asked.Load())
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	s.Start(t.Context(), Needs{EC2: true}, quiet)
	s.Start(t.Context(), Needs{}, quiet) // a reload that needs it no longer
	s.Close()
	if asked.Load() > 0 {
		t.Error("asked though it is turned off")
	}
}

func TestECS(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v4/abc-1/task":
			_, _ = w.Write([]byte(`{"Cluster":"prod","TaskARN":"arn:aws:ecs:eu-west-1:123456789012:task/prod/158d1c8","Family":"web","Revision":"7",
				"AvailabilityZone":"eu-west-1b","LaunchType":"FARGATE","ServiceName":"shop","Containers":[{"Name":"other"}],"Limits":{"CPU":0.25}}`))
		case "/v4/abc-1":
			_, _ = w.Write([]byte(`{"Name":"kinetail","Image":"kinetail:1","ContainerARN":"arn:aws:ecs:eu-west-1:123456789012:container/prod/158d1c8/9","Labels":{"a":"b"}}`))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer server.Close()
	t.Setenv("ECS_CONTAINER_METADATA_URI_V4", server.URL+"/v4/abc-1")
	var s Store
	defer s.Close()
	s.Start(t.Context(), Needs{ECS: true}, quiet)
	ecs := s.Roots()["ecs"]
	eventually(t, "a cluster", func() bool { return !ecs["cluster"]().IsNull() })
	for name, want := range map[string]string{
		"cluster": `"prod"`, "task_id": `"158d1c8"`, "task_arn": `"arn:aws:ecs:eu-west-1:123456789012:task/prod/158d1c8"`, "family": `"web"`, "revision": `"7"`,
		"availability_zone": `"eu-west-1b"`, "launch_type": `"FARGATE"`, "service": `"shop"`, "container": `"kinetail"`, "image": `"kinetail:1"`,
		"container_arn": `"arn:aws:ecs:eu-west-1:123456789012:container/prod/158d1c8/9"`,
	} {
		if got := show(ecs[name]()); got != want {
			t.Errorf("ecs.%s is %s, want %s", name, got, want)
		}
	}
	for name, get := range ecs {
		if get().IsNull() {
			t.Errorf("ecs.%s is null", name)
		}
	}
}
