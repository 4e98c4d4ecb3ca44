package command

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/kinetail/kinetail/emit/awslocal"
	"github.com/kinetail/kinetail/emit/awslocal/readback"
)

// place is a directory with a configuration and logs, and an endpoint in this process.
type place struct {
	t      *testing.T
	dir    string
	config string
	server *awslocal.Server
	url    string
}

// newPlace makes one with a stream "s". In the flows @DIR@ stands for the directory.
func newPlace(t *testing.T, shards int, flows string) *place {
	t.Helper()
	t.Cleanup(func() { goleak.VerifyNone(t) }) // the last one to run
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "TZ": "UTC",
	} {
		t.Setenv(name, value)
	}
	s, err := awslocal.New(awslocal.Options{NoRates: true, Streams: []awslocal.StreamConfig{{Name: "s", Shards: shards}}})
	if err != nil {
		t.Fatal(err)
	}
	url, err := s.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	p := &place{t: t, dir: t.TempDir(), server: s, url: url}
	p.configure(flows)
	return p
}

func (p *place) configure(flows string) {
	p.config = p.write("kinetail.hcl", strings.ReplaceAll(fmt.Sprintf(`
agent {
  state_dir = "@DIR@/state"
  control   = "unix://@DIR@/control.sock"
  listen    = "off"
}
aws {
  endpoint = %q
}
metrics "cloudwatch" {
  enabled = false
}
%s`, p.url, flows), "@DIR@", p.dir))
}

func (p *place) path(name string) string { return filepath.Join(p.dir, name) }

func (p *place) write(name, text string) string {
	p.t.Helper()
	if err := os.WriteFile(p.path(name), []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
	return p.path(name)
}

func (p *place) add(name, text string) {
	p.t.Helper()
	f, err := os.OpenFile(p.path(name), os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		p.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		p.t.Fatal(err)
	}
}

// lockedBuffer is a writer for several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// run is a command line with -c, where the command has it.
func (p *place) run(code int, args ...string) (out, errOut string) {
	p.t.Helper()
	return p.answer("", code, args...)
}

// answer is run with something on standard input.
func (p *place) answer(input string, code int, args ...string) (string, string) {
	p.t.Helper()
	var out, errOut lockedBuffer
	got := Main(append(args, "-c", p.config), strings.NewReader(input), &out, &errOut)
	if got != code {
		p.t.Fatalf("kinetail %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, out.String(), errOut.String())
	}
	return out.String(), errOut.String()
}

// stream is what the stream holds, by partition key, in order.
func (p *place) stream() map[string][]string {
	p.t.Helper()
	client := p.server.Client()
	defer client.CloseIdleConnections()
	all := map[string][]string{}
	r := readback.Reader{Endpoint: p.url, Client: client}
	if _, err := r.Read(p.t.Context(), "s", func(rec readback.Record) error {
		all[rec.PartitionKey] = append(all[rec.PartitionKey], string(rec.Data))
		return nil
	}); err != nil {
		p.t.Fatal(err)
	}
	return all
}

// has fails unless text holds all the parts.
func has(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in:\n%s", part, text)
		}
	}
}
