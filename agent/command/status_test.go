package command

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/kinetail/kinetail/agent/status"
	"github.com/kinetail/kinetail/emit/awslocal"
	"github.com/kinetail/kinetail/tailer/checkpoint"
)

// badNight is an agent with 10,000 files, some of them late, and a stream that is denied.
func badNight(now time.Time) *status.Snapshot {
	since, failed := now.Add(-12*time.Minute), now.Add(-7*time.Second)
	s := &status.Snapshot{
		Version: "1.4.0", PID: 4711, Started: now.Add(-80 * time.Hour),
		Flows: []status.Flow{{
			Name: "access", State: status.StateRunning, FilesFollowed: 10_000, LagBytes: 3_200_000_000, LagSeconds: 720,
			Dropped: status.Dropped{Filtered: 12345},
			Skipped: []status.Skipped{{Path: "/var/log/nginx/odd\x1b[31m.log", Reason: "a named pipe: list it under pipes"}},
			Destinations: []status.Destination{{
				Name: "kinesis", Kind: "kinesis", Metric: "KinesisStream:a-stream-with-quite-a-long-name-as-people-have-them", QueuedBytes: 30 << 20,
				Counters:    map[string]int64{"RecordsSent": 9_123_456_789, "RecordsRetried": 12, "RecordsThrottled": 1234},
				CircuitOpen: true, CircuitSince: &since, LastErrorTime: &failed,
				CircuitReason: "AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/web/i-0abc is not authorized to perform: kinesis:PutRecords on resource: arn:aws:kinesis:eu-west-1:123456789012:stream/a-stream-with-quite-a-long-name-as-people-have-them",
				LastError:     "AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/web/i-0abc is not authorized",
				Recent:        &status.Recent{Seconds: 60, P50: 700, P99: 1900},
			}},
		}},
	}
	for i := range 10_000 {
		f := status.File{Path: fmt.Sprintf("/var/log/nginx/customers/%04d.example.com/access.log", i), Size: 1 << 20, Committed: 1 << 20, State: "following"}
		if i%500 == 0 {
			f.Committed, f.LagSeconds = 1<<19, float64(i)/10+1
		}
		if i == 77 {
			f.State = "permission denied"
		}
		s.Flows[0].Files = append(s.Flows[0].Files, f)
	}
	return s
}

func TestStatusAtNight(t *testing.T) {
	now := time.Date(2026, 11, 25, 3, 0, 0, 0, time.UTC)
	for _, width := range []int{80, 132, 0} {
		var out strings.Builder
		if err := (&shownStatus{width: width, now: now}).print(&out, badNight(now)); err != nil {
			t.Fatal(err)
		}
		text := out.String()
		if width == 80 {
			t.Log("\n" + text)
		}
		lines := strings.Split(text, "\n")
		for _, line := range lines {
			if n := utf8.RuneCountInString(line); width > 0 && n > width && strings.Contains(strings.TrimSpace(line), " ") {
				words := strings.Fields(line)
				if len(words[len(words)-1]) < width-20 { // an ARN can't be broken
					t.Errorf("%d columns, not %d: %s", n, width, line)
				}
			}
		}
		if !strings.HasPrefix(lines[2], "WRONG  flow access:") || strings.Contains(text, "WELL") || strings.Contains(text, "\x1b") {
			t.Errorf("at %d columns:\n%s", width, text)
		}
		flat := strings.Join(strings.Fields(text), " ")
		for _, want := range []string{
			"takes nothing since 02:48:00 UTC: AccessDeniedException", "Next: mend what the service names", "WRONG flow access: a file cannot be read:",
			"10,000 files, 3.0 GiB left, the oldest of it 12 min old", "records dropped by filter: 12,345", "9,123,456,789", "12 sent again, 1,234 throttled",
			"0077.example.com/access.log 1.0 MiB 0 B not readable", "9500.example.com/access.log 1.0 MiB 512 KiB 15 min",
			"and 9,990 more files (--all shows them)", "last error: 7.0 s ago",
		} {
			if !strings.Contains(flat, want) {
				t.Errorf("at %d columns it does not say %q:\n%s", width, want, text)
			}
		}
		if n := strings.Count(text, "access.log"); n != shownFiles+1 { // one more in what is wrong
			t.Errorf("%d files are shown", n)
		}
	}
	var out strings.Builder
	if err := (&shownStatus{all: true, now: now}).print(&out, badNight(now)); err != nil || strings.Count(out.String(), "example.com") != 10_001 {
		t.Errorf("--all shows %d files, %v", strings.Count(out.String(), "example.com"), err)
	}
}

func TestStatusOfAFile(t *testing.T) {
	p := newPlace(t, 1, keyedFlow)
	text, _ := os.ReadFile(p.config)
	p.write("kinetail.hcl", strings.Replace(string(text), "agent {", "agent {\n  shutdown_timeout = \"1s\"", 1))
	p.write("a.log", numbered(0, 10))
	p.agent(1) // something is left at the end
	p.run(0, "drain", "--timeout", "20s")
	out, _ := p.run(0, "status", "--file", p.path("a.log"))
	has(t, out, "is delivered, all 100 B of it: it can be deleted")
	if err := os.Rename(p.path("a.log"), p.path("a.log.1")); err != nil { // the body is known by what it is, not by its name
		t.Fatal(err)
	}
	out, _ = p.run(0, "status", "--file", p.path("a.log.1"))
	has(t, out, "it can be deleted")
	_, errOut := p.run(1, "status", "--file", p.path("a.log"))
	has(t, errOut, "is not there")
	p.write("half.log", numbered(0, 3)+"no line end")
	p.run(1, "drain", "--timeout", "1s")
	_, errOut = p.run(1, "status", "--file", p.path("half.log"))
	has(t, errOut, "half.log is not delivered: flow access has 11 B of 41 B left", "no line end yet")
	p.server.SetFaults(awslocal.Fault{Kind: awslocal.Error, Operation: "PutRecords", Code: "AccessDeniedException"})
	p.write("denied.log", numbered(0, 3))
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, errOut = p.run(1, "status", "--file", p.path("denied.log")); strings.Contains(errOut, "AccessDenied") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(errOut)
		}
	}
	has(t, errOut, "flow access has 30 B of 30 B left", "kinesis takes nothing: AccessDeniedException")
	p.write("elsewhere.txt", "x\n")
	_, errOut = p.run(1, "status", "--file", p.path("elsewhere.txt"))
	has(t, errOut, "is not followed")
	// Another body in place of one that was delivered, even with its inode, is not that one.
	if err := os.WriteFile(p.path("a.log.1"), []byte(strings.Repeat("another\n", 20)), 0o600); err != nil {
		t.Fatal(err)
	}
	p.run(1, "status", "--file", p.path("a.log.1"))
}

func gzipped(t *testing.T, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write(text)
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A body that was compressed or copied after it was read is known by its content, also by one file of it that is short, and also without an agent.
func TestStatusOfACopy(t *testing.T) {
	p := newPlace(t, 1, keyedFlow)
	p.write("a.log", numbered(0, 1000))
	p.write("b.log", numbered(5000, 5005))
	_, stop := p.agent(0)
	p.run(0, "drain", "--timeout", "20s")
	compress := func(from, to, more string) {
		t.Helper()
		text, err := os.ReadFile(p.path(from))
		if err != nil {
			t.Fatal(err)
		}
		p.write(to, string(gzipped(t, append(text, more...))))
	}
	compress("a.log", "a.log.1.gz", "")
	compress("b.log", "b.log.1.gz", "")
	compress("a.log", "more.gz", "more\n")
	compress("a.log", "other.gz", "")
	compress("b.log", "other.gz.1", "") // too short to tell, under a name that has nothing to do with it
	p.write("copy", numbered(0, 1000))
	p.write("a.log.3.gz", string(gzipped(t, []byte(numbered(0, 500))))) // not to be told from another that begins the same
	for _, name := range []string{"a.log", "b.log"} {
		if err := os.Remove(p.path(name)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		for _, name := range []string{"a.log.1.gz", "other.gz", "copy"} {
			out, _ := p.run(0, "status", "--file", p.path(name))
			has(t, out, name+" is delivered, all 9.8 KiB of it: it can be deleted")
		}
		out, _ := p.run(0, "status", "--file", p.path("b.log.1.gz"))
		has(t, out, "all 50 B of it")
		_, errOut := p.run(1, "status", "--file", p.path("more.gz"))
		has(t, errOut, "is not delivered: it is a copy of what flow access reads, which has 5 B of its 9.8 KiB left")
		for _, name := range []string{"other.gz.1", "a.log.3.gz"} {
			_, errOut = p.run(1, "status", "--file", p.path(name))
			has(t, errOut, "is not followed")
		}
		p.write("half.gz", string(gzipped(t, []byte(numbered(0, 1000)))[:100]))
		_, errOut = p.run(1, "status", "--file", p.path("half.gz"))
		has(t, errOut, "is not delivered, as far as can be known", "not complete yet")
		stop()
	}
}

// TestStatusOfAnotherBody: what is at the inode of a compressed body that was delivered may be something else, and a body that one flow has delivered may
// hold what another has yet to read.
func TestStatusOfAnotherBody(t *testing.T) {
	p := newPlace(t, 1, keyedFlow)
	text := numbered(0, 1000)
	p.write("a.log", numbered(1000, 1010))
	p.write("a.log.1.gz", string(gzipped(t, []byte(text))))
	_, stop := p.agent(0)
	p.run(0, "drain", "--timeout", "20s")
	out, _ := p.run(0, "status", "--file", p.path("a.log.1.gz"))
	has(t, out, "a.log.1.gz is delivered, all 9.8 KiB of it: it can be deleted")
	stop()
	p.write("a.log.1.gz", string(gzipped(t, []byte(numbered(2000, 3000))))) // the inode stays, as if it had been given to another
	_, errOut := p.run(1, "status", "--file", p.path("a.log.1.gz"))
	has(t, errOut, "is not followed")

	p.run(0, "status", "--file", p.path("a.log"))
	known, err := checkpoint.List(p.path("state"))
	if err != nil {
		t.Fatal(err)
	}
	store, err := checkpoint.Open(p.path("state"), checkpoint.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range known {
		if g.Path != p.path("a.log") || g.Compression != "" {
			continue
		}
		g.Flow, g.Ino, g.Offset, g.Marker = "other", 0, 0, checkpoint.Print{} // it has lost its body, which is a copy now
		store.Put(g)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	_, errOut = p.run(1, "status", "--file", p.path("a.log"))
	has(t, errOut, "is not delivered: it is a copy of what flow other reads, which has 100 B of its 100 B left")
}

func TestStatusAsAPage(t *testing.T) {
	p := newPlace(t, 1, keyedFlow)
	p.write("a.log", numbered(0, 10))
	_, stop := p.agent(0)
	_, errOut := p.run(2, "status", "--page", "--listen", "0.0.0.0:0")
	has(t, errOut, "--listen 0.0.0.0:0: the page is for this host")
	var out, log lockedBuffer
	ended := make(chan int, 1)
	go func() { ended <- Main([]string{"status", "--page", "-c", p.config}, strings.NewReader(""), &out, &log) }()
	address := ""
	for deadline := time.Now().Add(20 * time.Second); address == ""; time.Sleep(5 * time.Millisecond) {
		if text := out.String(); strings.HasSuffix(text, "\n") {
			address = strings.TrimSpace(text)
		}
		if time.Now().After(deadline) {
			t.Fatalf("no address: %s", log.String())
		}
	}
	code, text := fetch(t, address)
	if code != 200 || !strings.Contains(text, "<h1>kinetail</h1>") || !strings.Contains(text, "access") {
		t.Errorf("%d %s", code, text)
	}
	if code, text := fetch(t, address[:strings.LastIndex(strings.TrimSuffix(address, "/"), "/")+1]); code != 404 || strings.Contains(text, "access") {
		t.Errorf("without the secret: %d %s", code, text)
	}
	stop() // with a signal, to both
	if code := <-ended; code != 0 {
		t.Errorf("ended with %d: %s", code, log.String())
	}
}

// What is taken is said, with what to do, and the logs are delivered all the same.
func TestTakenPorts(t *testing.T) {
	p := newPlace(t, 1, keyedFlow)
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	text, _ := os.ReadFile(p.config)
	p.write("kinetail.hcl", strings.Replace(string(text), `listen    = "off"`, fmt.Sprintf("listen = %q\n  page = %q", taken.Addr(), taken.Addr()), 1))
	p.write("a.log", numbered(0, 10))
	log, stop := p.agent(0)
	p.run(0, "drain", "--timeout", "20s")
	stop()
	if got := p.stream()["a.log"]; len(got) != 10 {
		t.Errorf("%d lines are delivered", len(got))
	}
	has(t, log.String(), "running without health and metrics", "address already in use (set agent { listen = ... } to another address or", "running without the page",
		"address already in use (set agent { page = ... } to another address)")
}

// The page is served where the configuration says, to this host's browsers, and the control socket has it, too.
func TestThePageOfAnAgent(t *testing.T) {
	p := newPlace(t, 1, keyedFlow)
	free, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	_ = free.Close()
	text, _ := os.ReadFile(p.config)
	p.write("kinetail.hcl", strings.Replace(string(text), "agent {", fmt.Sprintf("agent {\n  page = %q", address), 1))
	p.write("a.log", numbered(0, 10))
	_, stop := p.agent(0)
	p.run(0, "drain", "--timeout", "20s")
	if code, page := fetch(t, "http://"+address+"/"); code != 200 || !strings.Contains(page, "everything is delivered") || strings.Contains(page, numbered(3, 4)) {
		t.Errorf("%d %s", code, page)
	}
	if code, _ := fetch(t, "http://"+address+"/v1/status"); code != 404 {
		t.Errorf("the page's port answers more than the page: %d", code)
	}
	stop()
}

func fetch(t *testing.T, address string) (int, string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}
