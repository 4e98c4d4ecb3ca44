//go:build packaging

package trial

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kinetail/kinetail/emit/awslocal"
	"github.com/kinetail/kinetail/emit/awslocal/readback"
)

// stream is an endpoint in this process with the stream "s", and a writer of numbered lines that rotates its log.
type stream struct {
	t       *testing.T
	server  *awslocal.Server
	url     string
	log     string
	written int
	stop    func()
}

// newStream writes to app.log in a directory that it makes with these modes; gid owns both.
func newStream(t *testing.T, dir string, gid int, dirMode, fileMode os.FileMode) *stream {
	t.Helper()
	srv, err := awslocal.New(awslocal.Options{NoRates: true, Streams: []awslocal.StreamConfig{{Name: "s", Shards: 2}}})
	if err != nil {
		t.Fatal(err)
	}
	url, err := srv.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, 0, gid); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, dirMode); err != nil {
		t.Fatal(err)
	}
	s := &stream{t: t, server: srv, url: url, log: filepath.Join(dir, "app.log")}
	quit, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- s.write(quit, gid, fileMode) }()
	stopped := false
	s.stop = func() {
		if stopped {
			return
		}
		stopped = true
		close(quit)
		if err := <-done; err != nil {
			t.Errorf("the writer: %v", err)
		}
	}
	t.Cleanup(s.stop)
	return s
}

// write adds a line every millisecond or so, and rotates every two seconds by renaming, as logrotate does.
func (s *stream) write(quit <-chan struct{}, gid int, mode os.FileMode) error {
	var f *os.File
	rotate := time.NewTicker(2 * time.Second)
	defer rotate.Stop()
	for tick := time.NewTicker(time.Millisecond); ; {
		if f == nil {
			var err error
			if f, err = os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, mode); err != nil {
				return err
			}
			if err := f.Chown(0, gid); err != nil {
				return err
			}
		}
		if _, err := fmt.Fprintf(f, "%07d a line of the log\n", s.written); err != nil {
			return err
		}
		s.written++
		select {
		case <-quit:
			tick.Stop()
			return f.Close()
		case <-rotate.C:
			if err := f.Close(); err != nil {
				return err
			}
			f = nil
			for i := 30; i > 0; i-- {
				_ = os.Rename(s.log+"."+strconv.Itoa(i), s.log+"."+strconv.Itoa(i+1))
			}
			if err := os.Rename(s.log, s.log+".1"); err != nil {
				return err
			}
		case <-tick.C:
		}
	}
}

// configuration is that of a flow which delivers the log to the stream.
func (s *stream) configuration() string {
	return fmt.Sprintf(`agent {
  listen = "127.0.0.1:0"
}
aws {
  region   = "us-east-1"
  endpoint = %q
}
flow "app" {
  tail {
    paths    = ["/var/log/app/app.log"]
    start_at = "beginning"
  }
  emit "kinesis" {
    stream        = "s"
    aggregate     = "kpl"
    partition_key = "app"
    max_wait      = "100ms"
  }
}
`, s.url)
}

// credentials are what the endpoint takes.
const credentials = "AWS_ACCESS_KEY_ID=check\nAWS_SECRET_ACCESS_KEY=check\nAWS_EC2_METADATA_DISABLED=true\n"

// verdict is what the stream holds of what was written.
type verdict struct{ different, repeated, disordered int }

func (s *stream) read() verdict {
	s.t.Helper()
	client := s.server.Client()
	defer client.CloseIdleConnections()
	seen, last := map[string]bool{}, ""
	var v verdict
	r := readback.Reader{Endpoint: s.url, Client: client}
	if _, err := r.Read(s.t.Context(), "s", func(rec readback.Record) error {
		number, _, _ := strings.Cut(string(rec.Data), " ")
		switch {
		case seen[number]:
			v.repeated++
			return nil
		case number < last:
			v.disordered++
		}
		seen[number], last = true, number
		return nil
	}); err != nil {
		s.t.Fatal(err)
	}
	v.different = len(seen)
	return v
}

// arrived waits until the stream holds n different lines.
func (s *stream) arrived(n int) verdict {
	s.t.Helper()
	var v verdict
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(250 * time.Millisecond) {
		if v = s.read(); v.different >= n {
			break
		}
	}
	return v
}

// delivered ends the writer, and wants all it wrote, in order. The return value are the repeats.
func (s *stream) delivered() int {
	s.t.Helper()
	s.stop()
	v := s.arrived(s.written)
	s.t.Logf("written %d lines; lost %d, out of order %d, repeated %d", s.written, s.written-v.different, v.disordered, v.repeated)
	if v.different != s.written || v.disordered > 0 {
		s.t.Errorf("lines were lost or out of order")
	}
	return v.repeated
}
