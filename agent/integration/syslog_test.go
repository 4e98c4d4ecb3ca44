//go:build integration

package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kinetail/kinetail/emit/awslocal"
)

// TestSyslog sends what rsyslog writes to a delivery stream, and the metrics to CloudWatch. Neither has a server that others
// wrote and that runs without containers, so awslocal stands for both, and refuses some of what it gets.
func TestSyslog(t *testing.T) {
	const (
		rounds   = 8
		perRound = 1000
	)
	dir := t.TempDir()
	aws, err := awslocal.New(awslocal.Options{
		Region: region, Seed: 1, FirehoseDir: filepath.Join(dir, "bucket"),
		DeliveryStreams: []awslocal.DeliveryStreamConfig{{Name: "archive"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	endpoint, err := aws.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer aws.Close()
	aws.SetFaults(
		awslocal.Fault{Kind: awslocal.Throttle, Service: "firehose", Share: 0.1},
		awslocal.Fault{Kind: awslocal.Error, Service: "firehose", Times: 3},
		awslocal.Fault{Kind: awslocal.Error, Service: "cloudwatch", Times: 2},
	)

	s := startRsyslog(t, dir)
	rotator := newLogrotate(t, dir, s.log, create("kill -HUP $(cat "+s.pid+")"))
	k := startKinetail(t, dir, fmt.Sprintf(`
aws {
  region   = %q
  endpoint = %q
}
metrics "cloudwatch" {
  enabled  = true
  interval = "1s"
}
flow "syslog" {
  tail {
    paths    = [%q]
    start_at = "beginning"
  }
  emit "firehose" { stream = "archive" }
}
`, region, endpoint, s.log))

	for i := range rounds {
		s.send(t, dir, i*perRound, perRound)
		rotator.rotate()
		time.Sleep(200 * time.Millisecond) // some rotations meet an agent that is up to date, some one that is behind
	}
	eventually(t, 20*time.Second, "rsyslog has written everything", func() bool { return len(lines(t, s.truth)) == rounds*perRound })
	s.proc.stop(10 * time.Second)

	written, bodies := lines(t, s.truth), lines(t, s.log+"*")
	arrived := func() []string {
		objects, err := aws.Objects("archive")
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, o := range objects {
			all = append(all, lines(t, o)...)
		}
		return all
	}
	eventually(t, 60*time.Second, "every line is in the bucket", func() bool { return len(judge(t, written, bodies, arrived()).lost) == 0 })
	k.stop()
	v := judge(t, written, bodies, arrived())
	v.check(t, false)
	if v.repeated > 0 {
		t.Errorf("%d lines arrived more than once, though every answer came", v.repeated)
	}

	stats := func(metric string, dimensions ...awslocal.Dimension) awslocal.StatisticSet {
		return aws.MetricStats("Kinetail", metric, dimensions...)
	}
	destination := awslocal.Dimension{Name: "Destination", Value: "DeliveryStream:archive"}
	if sent := stats("RecordsSent", destination).Sum; int(sent) != len(written) {
		t.Errorf("CloudWatch has RecordsSent = %.0f for %d records", sent, len(written))
	}
	refused := stats("RecordSendErrors", destination).Sum
	if refused == 0 {
		t.Error("CloudWatch has no RecordSendErrors, though a tenth of the records was refused at first")
	}
	if attempts := stats("RecordSendAttempts", destination).Sum; attempts != float64(len(written))+refused {
		t.Errorf("CloudWatch has RecordSendAttempts = %.0f, which is not RecordsSent + RecordSendErrors = %d + %.0f", attempts, len(written), refused)
	}
	if stats("ServiceErrors", destination).Sum == 0 {
		t.Error("CloudWatch has no ServiceErrors, though three requests failed as a whole")
	}
	if t.Failed() {
		for _, d := range aws.Metrics() {
			t.Logf("%s %v %+v", d.MetricName, d.Dimensions, d.Stats())
		}
	}
}

// rsyslog is the real one, fed over TCP on loopback by the real logger. Like nginx here, it writes each line twice.
type rsyslog struct {
	log, truth, pid string
	port            int
	proc            *process
}

func startRsyslog(t *testing.T, dir string) *rsyslog {
	t.Helper()
	s := &rsyslog{
		log: filepath.Join(dir, "log", "syslog"), truth: filepath.Join(dir, "truth.log"), pid: filepath.Join(dir, "rsyslogd.pid"),
		port: freePort(t),
	}
	if err := os.Mkdir(filepath.Dir(s.log), 0o755); err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(dir, "rsyslog.conf")
	write(t, conf, fmt.Sprintf(`
global(workDirectory="%s")
module(load="imtcp")
input(type="imtcp" address="127.0.0.1" port="%d")
template(name="line" type="string" string="%%timegenerated:::date-rfc3339%% %%hostname%% %%syslogtag%%%%msg:::sp-if-no-1st-sp%%%%msg%%\n")
action(type="omfile" file="%s" template="line")
action(type="omfile" file="%s" template="line")
`, dir, s.port, s.log, s.truth))
	s.proc = start(t, dir, "rsyslogd", nil, "rsyslogd", "-n", "-f", conf, "-i", s.pid)
	eventually(t, 10*time.Second, "rsyslogd listens", func() bool { return listening(s.port) })
	return s
}

// send has logger send n lines, numbered from first.
func (s *rsyslog) send(t *testing.T, dir string, first, n int) {
	t.Helper()
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "request seq=%d done\n", first+i)
	}
	batch := filepath.Join(dir, "batch")
	write(t, batch, text.String())
	run(t, "logger", "--tcp", "--server", "127.0.0.1", "--port", fmt.Sprint(s.port), "--tag", "app", "--file", batch)
}
