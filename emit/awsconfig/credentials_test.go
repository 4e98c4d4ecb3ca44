package awsconfig

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeSTS answers AssumeRole and AssumeRoleWithWebIdentity and keeps what it was asked.
type fakeSTS struct {
	mu    sync.Mutex
	forms []map[string]string
}

func (f *fakeSTS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	form := map[string]string{"auth": r.Header.Get("Authorization")}
	for k := range r.PostForm {
		form[k] = r.PostForm.Get(k)
	}
	f.mu.Lock()
	f.forms = append(f.forms, form)
	n := len(f.forms)
	f.mu.Unlock()
	action := form["Action"]
	_, _ = fmt.Fprintf(w, `<%[1]sResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><%[1]sResult><Credentials><AccessKeyId>ASIA%[2]d</AccessKeyId>`+
		`<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>%[3]s</Expiration></Credentials></%[1]sResult></%[1]sResponse>`,
		action, n, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
}

func (f *fakeSTS) last(t *testing.T, want int) map[string]string {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.forms) != want {
		t.Fatalf("%d calls of STS, want %d", len(f.forms), want)
	}
	return f.forms[want-1]
}

func wantKey(t *testing.T, s *Session, id string) {
	t.Helper()
	creds, err := s.Config().Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if creds.AccessKeyID != id {
		t.Fatalf("access key %q, want %q", creds.AccessKeyID, id)
	}
}

func TestAssumeRole(t *testing.T) {
	var fake fakeSTS
	srv := serve(t, fake.ServeHTTP)
	alone(t)
	withKeys(t)
	s := load(t, Options{
		Region: "eu-west-1", Endpoints: Endpoints{STS: srv.URL}, Destination: "access/kinesis",
		AssumeRole: &AssumeRole{ARN: "arn:aws:iam::123456789012:role/logs", ExternalID: "partner"},
	})
	wantKey(t, s, "ASIA1")
	wantKey(t, s, "ASIA1") // cached
	form := fake.last(t, 1)
	for k, want := range map[string]string{
		"Action": "AssumeRole", "RoleArn": "arn:aws:iam::123456789012:role/logs", "ExternalId": "partner", "RoleSessionName": "kinetail-access-kinesis",
	} {
		if form[k] != want {
			t.Errorf("%s = %q, want %q", k, form[k], want)
		}
	}
	if !strings.Contains(form["auth"], "AKIDENV") {
		t.Errorf("signed with %q, want the chain's key", form["auth"])
	}
	s.Invalidate()
	wantKey(t, s, "ASIA2")
	fake.last(t, 2)
}

func TestProfileWithRole(t *testing.T) {
	var fake fakeSTS
	srv := serve(t, fake.ServeHTTP)
	alone(t)
	writeFile(t, os.Getenv("AWS_CONFIG_FILE"), "[profile base]\naws_access_key_id = AKIDBASE\naws_secret_access_key = s\n"+
		"[profile logs]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = base\nexternal_id = e\n")
	s := load(t, Options{Region: "eu-west-1", Profile: "logs", Endpoints: Endpoints{STS: srv.URL}})
	wantKey(t, s, "ASIA1")
	if form := fake.last(t, 1); form["ExternalId"] != "e" || !strings.Contains(form["auth"], "AKIDBASE") {
		t.Errorf("asked with %v", form)
	}
}

func TestWebIdentity(t *testing.T) {
	var fake fakeSTS
	srv := serve(t, fake.ServeHTTP)
	alone(t)
	token := filepath.Join(t.TempDir(), "token")
	writeFile(t, token, "jwt")
	t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", token)
	t.Setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/pod")
	s := load(t, Options{Region: "eu-west-1", Endpoints: Endpoints{STS: srv.URL}})
	wantKey(t, s, "ASIA1")
	if form := fake.last(t, 1); form["Action"] != "AssumeRoleWithWebIdentity" || form["WebIdentityToken"] != "jwt" {
		t.Errorf("asked with %v", form)
	}
}

func TestContainerCredentials(t *testing.T) {
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "pod-token" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_, _ = fmt.Fprintf(w, `{"AccessKeyId":"ASIAPOD","SecretAccessKey":"s","Token":"t","Expiration":%q}`, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	})
	alone(t)
	token := filepath.Join(t.TempDir(), "token")
	writeFile(t, token, "pod-token")
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", srv.URL+"/v1/credentials")
	t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token)
	wantKey(t, load(t, Options{Region: "eu-west-1"}), "ASIAPOD")
}

func TestProcessCredentials(t *testing.T) {
	alone(t)
	writeFile(t, os.Getenv("AWS_CONFIG_FILE"), "[default]\ncredential_process = echo '{\"Version\":1,\"AccessKeyId\":\"AKIDPROC\",\"SecretAccessKey\":\"s\"}'\n")
	wantKey(t, load(t, Options{Region: "eu-west-1"}), "AKIDPROC")
}

func TestInstanceRole(t *testing.T) {
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		const list = "/latest/meta-data/iam/security-credentials/"
		switch {
		case r.Method == http.MethodPut && r.URL.Path == "/latest/api/token":
			w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "21600")
			_, _ = io.WriteString(w, "token")
		case r.Header.Get("X-Aws-Ec2-Metadata-Token") != "token":
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path == list:
			_, _ = io.WriteString(w, "role")
		case r.URL.Path == list+"role":
			_, _ = fmt.Fprintf(w, `{"Code":"Success","AccessKeyId":"ASIAEC2","SecretAccessKey":"s","Token":"t","Expiration":%q}`,
				time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	})
	alone(t)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "false")
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", srv.URL)
	wantKey(t, load(t, Options{Region: "eu-west-1"}), "ASIAEC2")
}

func TestInvalidateReadsSharedFilesAgain(t *testing.T) {
	alone(t)
	file := os.Getenv("AWS_SHARED_CREDENTIALS_FILE")
	writeFile(t, file, "[default]\naws_access_key_id = OLD\naws_secret_access_key = s\n")
	s := load(t, Options{Region: "eu-west-1"})
	wantKey(t, s, "OLD")
	writeFile(t, file, "[default]\naws_access_key_id = NEW\naws_secret_access_key = s\n")
	wantKey(t, s, "OLD")
	s.Invalidate()
	wantKey(t, s, "NEW")
}

func TestNoCredentialsOnLoopbackFailsSoonAndClearly(t *testing.T) {
	release := make(chan struct{})
	silent := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	defer close(release)
	alone(t)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "false")
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", silent.URL)
	s := load(t, Options{Region: "eu-west-1", Endpoint: "http://127.0.0.1:9"})
	start := time.Now()
	_, err := s.Kinesis().ListStreams(t.Context(), nil)
	if !errors.Is(err, ErrCredentials) || !strings.Contains(err.Error(), "AWS_ACCESS_KEY_ID=test") {
		t.Errorf("got %v", err)
	}
	if took := time.Since(start); took > 4*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestNoCredentialsSaysWhatToSet(t *testing.T) {
	alone(t)
	s := load(t, Options{Region: "eu-west-1"})
	_, err := s.Kinesis().ListStreams(t.Context(), nil) // is not sent: there is nothing to sign with
	if !errors.Is(err, ErrCredentials) || !strings.Contains(err.Error(), "name a profile") {
		t.Errorf("got %v", err)
	}
}
