//go:build integration

package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// nginx is the real one, with two workers, unprivileged, on a loopback port. It writes each access-log line twice: to
// access.log, which is rotated, and to truth.log, which is not.
type nginx struct {
	dir    string // of the logs
	access string
	truth  string
	pid    string
	url    string
	proc   *process
}

func startNginx(t *testing.T, dir string) *nginx {
	t.Helper()
	n := &nginx{dir: filepath.Join(dir, "log"), pid: filepath.Join(dir, "nginx.pid"), truth: filepath.Join(dir, "truth.log")}
	n.access = filepath.Join(n.dir, "access.log")
	if err := os.Mkdir(n.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	n.url = fmt.Sprintf("http://127.0.0.1:%d", port)
	user := "" // only root's nginx takes it; its workers must be able to open the logs again after a rotation
	if os.Getuid() == 0 {
		user = "user root;"
	}
	conf := filepath.Join(dir, "nginx.conf")
	write(t, conf, fmt.Sprintf(`
daemon off;
worker_processes 2;
%[1]s
pid %[2]s;
error_log %[3]s/nginx-error.log notice;
events { worker_connections 256; }
http {
  client_body_temp_path %[3]s/body;
  proxy_temp_path       %[3]s/proxy;
  fastcgi_temp_path     %[3]s/fastcgi;
  uwsgi_temp_path       %[3]s/uwsgi;
  scgi_temp_path        %[3]s/scgi;
  keepalive_requests 1000000;
  access_log %[4]s combined;
  access_log %[5]s combined;
  server {
    listen 127.0.0.1:%[6]d;
    location / { return 204; }
  }
}
`, user, n.pid, dir, n.access, n.truth, port))
	n.proc = start(t, dir, "nginx", nil, "nginx", "-p", dir, "-c", conf, "-e", filepath.Join(dir, "nginx-error.log"))
	eventually(t, 10*time.Second, "nginx listens", func() bool { return listening(port) })
	return n
}

// load has wrk send requests in the background, about 800 a second, each with a number of its own.
// kinesis-local takes 1,000 to 1,500 records a second from an SDK client and gets slower as it fills: with more, the test would be
// long and would measure that.
func (n *nginx) load(t *testing.T, dir string, d time.Duration) *process {
	t.Helper()
	script := filepath.Join(dir, "load.lua")
	write(t, script, `
local threads = 0
function setup(thread)
  thread:set("id", threads)
  threads = threads + 1
end
local n = 0
function request()
  n = n + 1
  return wrk.format("GET", "/item?seq=" .. id .. "-" .. n)
end
function delay()
  return 10 -- milliseconds, on each of the connections
end
`)
	return start(t, dir, "wrk", nil, "wrk", "-t2", "-c8", fmt.Sprintf("-d%ds", int(d.Seconds())), "-s", script, n.url)
}
