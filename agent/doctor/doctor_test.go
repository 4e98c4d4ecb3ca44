package doctor

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/emit/awslocal"
)

// examine runs all checks for flows; @DIR@ stands for a directory.
func examine(t *testing.T, flows string) (*Report, string) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIDTESTTEST", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		t.Setenv(name, value)
	}
	dir := t.TempDir()
	for _, name := range []string{"log/a.log", "log/b.log", "log/other.txt"} {
		write(t, filepath.Join(dir, name), "line\n")
	}
	if err := unix.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll("agent {\nstate_dir = \"@DIR@/state\"\ncontrol = \"unix://@DIR@/control.sock\"\n}\n"+flows, "@DIR@", dir)
	cfg, diags := config.Parse("kinetail.hcl", []byte(text), config.Options{})
	if diags.HasErrors() {
		var b strings.Builder
		_ = diags.WriteText(&b, config.TextOptions{})
		t.Fatal(b.String())
	}
	r := &Report{}
	Run(t.Context(), cfg, "test", cfg.Agent.Control, r)
	for i := range r.Findings {
		r.Findings[i].Text = strings.ReplaceAll(r.Findings[i].Text, dir, "@DIR@")
	}
	return r, dir
}

// expect looks for a finding of a level in an area that has all the words.
func expect(t *testing.T, r *Report, area string, level Level, words ...string) {
	t.Helper()
next:
	for _, f := range r.Findings {
		if f.Area != area || f.Level != level {
			continue
		}
		for _, w := range words {
			if !strings.Contains(f.Text+" "+f.Do, w) {
				continue next
			}
		}
		return
	}
	var all strings.Builder
	p := Printer{W: &all}
	for _, f := range r.Findings {
		p.Print(f)
	}
	t.Errorf("no %s of %q with %q in\n%s", level, area, words, all.String())
}

func service(t *testing.T, o awslocal.Options) (*awslocal.Server, string) {
	t.Helper()
	o.Streams = []awslocal.StreamConfig{{Name: "s", Shards: 3}}
	o.DeliveryStreams = []awslocal.DeliveryStreamConfig{{Name: "d"}}
	s, err := awslocal.New(o)
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
	return s, url
}

func flow(url, emit string) string {
	return fmt.Sprintf("aws {\nendpoint = %q\n}\nflow \"f\" {\ntail {\npaths = [\"@DIR@/log/*.log\"]\n}\n%s\n}\n", url, emit)
}

const toKinesis = "emit \"kinesis\" {\nstream = \"s\"\n}"

func TestAllIsWell(t *testing.T) {
	_, url := service(t, awslocal.Options{})
	r, _ := examine(t, flow(url, toKinesis+"\nemit \"firehose\" {\nstream = \"d\"\n}\nemit \"file\" {\npath = \"@DIR@/out\"\n}"))
	if n := r.Count(Problem) + r.Count(Warning); n != 0 {
		expect(t, r, "nothing", Problem)
	}
	expect(t, r, "agent", Note, "no agent listens")
	expect(t, r, `files of flow "f"`, OK, "@DIR@/log/b.log can be read, 5 B")
	expect(t, r, "state directory", OK, "can be made")
	expect(t, r, `kinesis of flow "f"`, OK, "credentials come from the environment (key AKID…TEST), and do not expire")
	expect(t, r, `kinesis of flow "f"`, OK, "AWS knows this host as arn:aws:")
	expect(t, r, `kinesis of flow "f"`, OK, "stream s is ACTIVE, with 3 shards")
	expect(t, r, `kinesis of flow "f"`, OK, "clock agrees")
	expect(t, r, `kinesis of flow "f"`, Note, "hosts contacted: "+strings.TrimPrefix(url, "http://"))
	expect(t, r, `firehose of flow "f"`, OK, "delivery stream d is ACTIVE")
	expect(t, r, `file of flow "f"`, OK, "can be made")
	expect(t, r, "limits", OK, "files may be open")
}

func TestWhatKeepsRecordsFromArriving(t *testing.T) {
	s, url := service(t, awslocal.Options{})
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + closed.Addr().String()
	_ = closed.Close()
	const area = `kinesis of flow "f"`
	for _, c := range []struct {
		name, flow, area string
		faults           []awslocal.Fault
		level            Level
		words            []string
	}{
		{"no such stream", flow(url, "emit \"kinesis\" {\nstream = \"no\"\n}"), area, nil, Problem, []string{"describe stream no: ResourceNotFoundException", "check the name, the region and the account"}},
		{"denied, and needed for kpl", flow(url, "emit \"kinesis\" {\nstream = \"s\"\naggregate = \"kpl\"\n}"), area, []awslocal.Fault{{Kind: awslocal.Error, Operation: "DescribeStreamSummary", Code: "AccessDeniedException"}}, Note, []string{"kinesis:ListShards"}},
		{"expired", flow(url, toKinesis), area, []awslocal.Fault{{Kind: awslocal.Error, Service: "kinesis", Operation: "*", Code: "ExpiredTokenException"}}, Problem, []string{"ExpiredTokenException"}},
		{"nobody listens", flow(nobody, toKinesis), area, nil, Problem, []string{"connection refused", "security group"}},
		{"no STS is no problem", flow(url, toKinesis), area, []awslocal.Fault{{Kind: awslocal.Error, Service: "sts", Operation: "*", Code: "AccessDenied"}}, Note, []string{"need not be: STS"}},
		{"no such delivery stream", flow(url, "emit \"firehose\" {\nstream = \"no\"\n}"), `firehose of flow "f"`, nil, Problem, []string{"ResourceNotFoundException"}},
		{"nothing matches", "flow \"f\" {\ntail {\npaths = [\"@DIR@/log/*.lgo\"]\n}\nemit \"stdout\" {}\n}\n", `files of flow "f"`, nil, Warning, []string{"matches nothing in @DIR@/log, which has a.log, b.log, other.txt"}},
		{"no directory", "flow \"f\" {\ntail {\npaths = [\"@DIR@/lgo/x/*.log\"]\n}\nemit \"stdout\" {}\n}\n", `files of flow "f"`, nil, Warning, []string{"@DIR@/lgo/x is not there (@DIR@ is)"}},
		{"no pipe", "flow \"f\" {\ntail {\npipes = [\"@DIR@/log/a.log\", \"@DIR@/pipe\"]\n}\nemit \"stdout\" {}\n}\n", `files of flow "f"`, nil, Problem, []string{"a.log is no named pipe", "mkfifo"}},
		{"a socket among the files", "flow \"f\" {\ntail {\npaths = [\"@DIR@/p*\"]\n}\nemit \"stdout\" {}\n}\n", `files of flow "f"`, nil, Problem, []string{"@DIR@/pipe", "named pipe"}},
		{"nowhere to write", "flow \"f\" {\ntail {\npaths = [\"@DIR@/log/*.log\"]\n}\nemit \"file\" {\npath = \"@DIR@/none/out\"\n}\n}\n", `file of flow "f"`, nil, Problem, []string{"mkdir -p"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.SetFaults(c.faults...)
			r, _ := examine(t, c.flow)
			expect(t, r, c.area, c.level, c.words...)
		})
	}
}

func TestTheClockIsCompared(t *testing.T) {
	late := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusInternalServerError)
	}))
	defer late.Close()
	r, _ := examine(t, flow(late.URL, toKinesis))
	expect(t, r, `kinesis of flow "f"`, Warning, "this host's clock is 1h0m", "ahead of the service's", "chronyc")
}

func TestACertificateThatNobodyKnows(t *testing.T) {
	_, url := service(t, awslocal.Options{TLS: true})
	r, _ := examine(t, flow(url, toKinesis))
	expect(t, r, `kinesis of flow "f"`, Problem, "ca_file")
}

func TestTheSameDestinationIsAskedOnce(t *testing.T) {
	_, url := service(t, awslocal.Options{})
	r, _ := examine(t, flow(url, toKinesis)+"flow \"g\" {\ntail {\npaths = [\"@DIR@/log/*.log\"]\n}\n"+toKinesis+"\n}\n")
	expect(t, r, `kinesis of flow "g"`, Note, "the same as one above")
}

func TestAPathThatUsersMayNotRead(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("becoming another user needs root")
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "secret/app/a.log"), "x\n")
	for path, mode := range map[string]os.FileMode{dir: 0o755, filepath.Dir(dir): 0o755, filepath.Join(dir, "secret"): 0o750} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	nobody := who{uid: 65534, gid: 65534}
	// access(2) is asked as this process is, so only what modes say can be tried here: the command's test becomes the other user.
	var st unix.Stat_t
	if err := unix.Stat(filepath.Join(dir, "secret"), &st); err != nil {
		t.Fatal(err)
	}
	at := denial{path: filepath.Join(dir, "secret"), st: st, dir: true, want: 1}
	if nobody.may(&st, 1) || at.ls() != "drwxr-x--- root root" || at.verb() != "go into" {
		t.Errorf("%v %q %q", nobody.may(&st, 1), at.ls(), at.verb())
	}
	d := &doctor{who: nobody}
	if do := d.allow(&at); !strings.Contains(do, "setfacl -m u:nobody:rx "+at.path) {
		t.Error(do)
	}
	t.Setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
	if do := d.allow(&at); !strings.Contains(do, "runAsUser") {
		t.Error(do)
	}
}
