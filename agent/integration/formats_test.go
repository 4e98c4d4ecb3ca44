//go:build integration

package integration

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// oddRequests are what a web server meets on the open internet, as bytes; %s is the server's address.
var oddRequests = []string{
	"GET / HTTP/1.1\r\nHost: %s\r\nUser-Agent: plain/1.0\r\nReferer: https://shop.example/a?b=c\r\nConnection: close\r\n\r\n",
	"GET /missing?token=x&q=%%22quoted%%22 HTTP/1.1\r\nHost: %s\r\nUser-Agent: say \"hi\" \\ back\r\nConnection: close\r\n\r\n",
	"GET /private/ HTTP/1.1\r\nHost: %s\r\nAuthorization: Basic dXNlckBob3N0LmV4YW1wbGU6cHc=\r\nConnection: close\r\n\r\n", // user@host.example:pw
	"GET /private/ HTTP/1.1\r\nHost: %s\r\nAuthorization: Basic Zmlyc3QgbGFzdDpwdw==\r\nConnection: close\r\n\r\n",         // "first last":pw
	"GET /proxy HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
	"GET /bytes\xff\xc3\x28 HTTP/1.1\r\nHost: %s\r\nUser-Agent: \xe2\x80\xa8 \xf0\x9f\x98\x80 \xff\r\nConnection: close\r\n\r\n",
	"HEAD /[]{}|<>'; HTTP/1.0\r\nHost: %s\r\n\r\n",
	"GET /with space HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
	"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
	"\r\n\r\n",
	"quit\r\n",
	"GET http://other.example/absolute HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
	"OPTIONS * HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
	"GET /../../etc/passwd HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: %s\r\nContent-Length: 3\r\nConnection: close\r\n\r\na=b",
	"GET /" + strings.Repeat("a", 9000) + " HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
	"BREW /pot HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
	"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", // no Host
	"",
}

// visit sends the requests over each of the addresses.
func visit(t *testing.T, addresses ...string) {
	t.Helper()
	for _, address := range addresses {
		for _, request := range oddRequests {
			c, err := net.DialTimeout("tcp", address, 5*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			_ = c.SetDeadline(time.Now().Add(5 * time.Second))
			if strings.Contains(request, "%s") {
				request = fmt.Sprintf(request, address)
			}
			_, _ = io.WriteString(c, request) // a server may hang up before it has read all
			if tcp, ok := c.(*net.TCPConn); ok && (!strings.Contains(request, "\r\n\r\n") || strings.TrimSpace(request) == "") {
				_ = tcp.CloseWrite() // the server waits for more
			}
			_, _ = io.Copy(io.Discard, c)
			c.Close()
		}
	}
}

// parsed has kinetail parse files to their ends, and returns the records.
func parsed(t *testing.T, parse string, files ...string) []map[string]any {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	config := filepath.Join(t.TempDir(), "kinetail.hcl")
	paths, err := json.Marshal(files)
	if err != nil {
		t.Fatal(err)
	}
	write(t, config, fmt.Sprintf(`
agent {
  state_dir = %q
}
flow "logs" {
  tail {
    paths    = %s
    start_at = "beginning"
  }
  %s
  emit "file" { path = %q }
}
`, t.TempDir(), paths, parse, out))
	run(t, kinetailBinary(), "run", "--once", "-c", config)
	var all []map[string]any
	for _, line := range lines(t, out) {
		var r map[string]any
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, r)
	}
	written := 0
	for _, f := range files {
		written += len(lines(t, f))
	}
	if len(all) != written || written == 0 {
		t.Fatalf("%d records of %d lines", len(all), written)
	}
	for _, r := range all {
		if r["parse_error"] != nil {
			t.Errorf("not parsed as %v: %s", r["parse_error"], r["message"])
		}
	}
	return all
}

// with counts the records that have a field of that value; any value for nil.
func with(all []map[string]any, field string, value any) int {
	n := 0
	for _, r := range all {
		if v, ok := r[field]; ok && (value == nil || v == value) {
			n++
		}
	}
	return n
}

// atLeast checks counts of with.
func atLeast(t *testing.T, all []map[string]any, field string, value any, least int) {
	t.Helper()
	if n := with(all, field, value); n < least {
		t.Errorf("%d of %d records have %s = %v, want %d", n, len(all), field, value, least)
	}
}

// loopbacks are the addresses of both families, as far as the machine has them, and what to listen on.
func loopbacks(port int) (addresses []string) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			continue
		}
		l.Close()
		addresses = append(addresses, net.JoinHostPort(host, fmt.Sprint(port)))
	}
	return addresses
}

func TestNginxIsParsed(t *testing.T) {
	dir := t.TempDir()
	port, nobody := freePort(t), freePort(t)
	addresses := loopbacks(port)
	listen := ""
	for _, a := range addresses {
		listen += "listen " + a + ";\n"
	}
	root := filepath.Join(dir, "www")
	if err := os.MkdirAll(filepath.Join(root, "private"), 0o755); err != nil {
		t.Fatal(err)
	}
	user := ""
	if os.Getuid() == 0 {
		user = "user root;"
	}
	write(t, filepath.Join(root, "index.html"), "hello")
	write(t, filepath.Join(root, "private/index.html"), "hello")
	write(t, filepath.Join(dir, "users"), "user@host.example:{PLAIN}pw\nfirst last:{PLAIN}pw\n")
	conf := filepath.Join(dir, "nginx.conf")
	write(t, conf, fmt.Sprintf(`
daemon off;
%[1]s
pid %[2]s/nginx.pid;
error_log %[2]s/error.log info;
events { worker_connections 64; }
http {
  client_body_temp_path %[2]s/body;
  proxy_temp_path       %[2]s/proxy;
  fastcgi_temp_path     %[2]s/fastcgi;
  uwsgi_temp_path       %[2]s/uwsgi;
  scgi_temp_path        %[2]s/scgi;
  log_format more '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for" $request_time $upstream_addr';
  access_log %[2]s/access.log combined;
  access_log %[2]s/more.log more;
  server {
    %[3]s
    server_name _;
    root %[2]s/www;
    location /private/ { auth_basic "x"; auth_basic_user_file %[2]s/users; }
    location /proxy { proxy_pass http://127.0.0.1:%[4]d; }
  }
}
`, user, dir, listen, nobody))
	p := start(t, dir, "nginx", nil, "nginx", "-p", dir, "-c", conf, "-e", filepath.Join(dir, "error.log"))
	eventually(t, 10*time.Second, "nginx listens", func() bool { return listening(port) })
	visit(t, addresses...)
	p.stop(10 * time.Second)

	n := len(addresses)
	access := parsed(t, `parse "combined" {}`, filepath.Join(dir, "access.log"))
	atLeast(t, access, "status", 200.0, n)
	atLeast(t, access, "status", 404.0, n)
	atLeast(t, access, "status", 502.0, n)
	atLeast(t, access, "user", "user@host.example", n)
	atLeast(t, access, "user", "first last", n)
	atLeast(t, access, "agent", `say "hi" \ back`, n)
	atLeast(t, access, "request", nil, 2*n) // what is no request
	atLeast(t, access, "timestamp", nil, len(access))
	more := parsed(t, `parse "combined" {}`, filepath.Join(dir, "more.log"))
	atLeast(t, more, "extra", nil, len(more))
	errors := parsed(t, `parse "nginx_error" { timezone = "Local" }`, filepath.Join(dir, "error.log"))
	atLeast(t, errors, "level", "error", 2*n)
	atLeast(t, errors, "upstream", nil, n)
	atLeast(t, errors, "level", "info", n)
	if with(errors, "client", "127.0.0.1") == 0 {
		t.Error("no error has a client")
	}
}

func TestApacheIsParsed(t *testing.T) {
	dir := t.TempDir()
	port, nobody := freePort(t), freePort(t)
	addresses := loopbacks(port)
	listen := ""
	for _, a := range addresses {
		listen += "Listen " + a + "\n"
	}
	root := filepath.Join(dir, "www")
	if err := os.MkdirAll(filepath.Join(root, "private"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc", filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(root, "index.html"), "hello")
	write(t, filepath.Join(dir, "users"), "user@host.example:{SHA}GpHWL3ymc5liWkNopqtdSjuqYHM=\n")
	conf := filepath.Join(dir, "apache.conf")
	config := func(errorFormat, name string) string {
		modules := ""
		for _, m := range []string{"mpm_event", "authn_core", "authz_core", "authz_user", "auth_basic", "authn_file", "proxy", "proxy_http", "alias"} {
			modules += fmt.Sprintf("LoadModule %s_module /usr/lib/apache2/modules/mod_%s.so\n", m, m)
		}
		return fmt.Sprintf(`
%[1]s
ServerRoot %[2]s
ServerName localhost
DefaultRuntimeDir %[2]s
PidFile %[2]s/apache.pid
%[3]s
DocumentRoot %[2]s/www
LogLevel debug
ErrorLog %[2]s/%[6]s-error.log
%[5]s
LogFormat "%%h %%l %%u %%t \"%%r\" %%>s %%b" common
LogFormat "%%h %%l %%u %%t \"%%r\" %%>s %%O \"%%{Referer}i\" \"%%{User-Agent}i\"" combined
CustomLog %[2]s/%[6]s-common.log common
CustomLog %[2]s/%[6]s-access.log combined
<Directory %[2]s/www>
  Require all granted
  Options -FollowSymLinks
</Directory>
<Location /private/>
  AuthType Basic
  AuthName x
  AuthUserFile %[2]s/users
  Require valid-user
</Location>
ProxyPass /proxy http://127.0.0.1:%[4]d/
Redirect 403 /pot
`, modules, dir, listen, nobody, errorFormat, name)
	}
	for _, version := range []struct{ name, errorFormat string }{
		{"2.4", ""},
		// What Apache 2.2 wrote, asked of the one there is.
		{"2.2", `ErrorLogFormat "[%t] [%l] [client %a] %M"`},
	} {
		t.Run(version.name, func(t *testing.T) {
			write(t, conf, config(version.errorFormat, version.name))
			p := start(t, dir, "apache2", nil, "apache2", "-X", "-f", conf)
			eventually(t, 10*time.Second, "apache listens", func() bool { return listening(port) })
			visit(t, addresses...)
			p.stop(10 * time.Second)

			n := len(addresses)
			access := parsed(t, `parse "combined" {}`, filepath.Join(dir, version.name+"-access.log"))
			atLeast(t, access, "status", 200.0, n)
			atLeast(t, access, "status", 404.0, n)
			atLeast(t, access, "status", 503.0, n)
			atLeast(t, access, "agent", `say "hi" \ back`, n)
			atLeast(t, access, "user", "user@host.example", n)
			common := parsed(t, `parse "common" {}`, filepath.Join(dir, version.name+"-common.log"))
			if len(common) != len(access) {
				t.Errorf("%d and %d lines", len(common), len(access))
			}
			errors := parsed(t, `parse "apache_error" { timezone = "Local" }`, filepath.Join(dir, version.name+"-error.log"))
			atLeast(t, errors, "level", "error", n)
			atLeast(t, errors, "timestamp", nil, len(errors))
			atLeast(t, errors, "client", nil, n)
			if version.name == "2.4" {
				atLeast(t, errors, "module", "proxy", n)
				atLeast(t, errors, "code", nil, n)
				atLeast(t, errors, "pid", nil, len(errors))
			}
		})
	}
}

func TestRsyslogIsParsed(t *testing.T) {
	dir := t.TempDir()
	port := freePort(t)
	conf := filepath.Join(dir, "rsyslog.conf")
	write(t, conf, fmt.Sprintf(`
global(workDirectory="%[1]s")
module(load="imtcp")
input(type="imtcp" address="127.0.0.1" port="%[2]d")
template(name="pri3164" type="string" string="<%%PRI%%>%%TIMESTAMP%% %%HOSTNAME%% %%syslogtag%%%%msg:::sp-if-no-1st-sp%%%%msg%%\n")
action(type="omfile" file="%[1]s/traditional.log" template="RSYSLOG_TraditionalFileFormat")
action(type="omfile" file="%[1]s/file.log" template="RSYSLOG_FileFormat")
action(type="omfile" file="%[1]s/rfc5424.log" template="RSYSLOG_SyslogProtocol23Format")
action(type="omfile" file="%[1]s/pri.log" template="pri3164")
`, dir, port))
	p := start(t, dir, "rsyslogd", nil, "rsyslogd", "-n", "-f", conf, "-i", filepath.Join(dir, "rsyslogd.pid"))
	eventually(t, 10*time.Second, "rsyslogd listens", func() bool { return listening(port) })
	logger := func(args ...string) {
		run(t, append([]string{"logger", "--tcp", "--server", "127.0.0.1", "--port", fmt.Sprint(port)}, args...)...)
	}
	logger("--rfc3164", "--tag", "app", "plain")
	logger("--tag", "app", "plain")
	logger("--id=4711", "--tag", "postfix/smtpd", "--priority", "mail.err", "with a pid: and a colon")
	logger("--rfc5424", "--tag", "app", "--msgid", "ID47", "--sd-id", "meta@32473", "--sd-param", `user="al\"ice\]"`, "--sd-param", `n="1"`, "--sd-id", "more@1", "--sd-param", `a="b"`, "structured")
	logger("--rfc5424=notime,notq,nohost", "--tag", "x", "--priority", "local7.debug", "little")
	logger("--rfc3164", "--tag", "app[x]", "--priority", "kern.emerg", "[not] a <tag> \"quoted\" \\ é 😀")
	logger("--tag", "empty", " ")
	raw, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"no header at all", "<34>Oct  1 22:14:15 host su[230]: 'su root' failed for lonvick on /dev/pts/8", "<13>1 2026-11-22T10:00:00.5+05:30 h - - - - no app",
		"<165>1 - - - - - -", "<0>", "<13>kernel: [12345.678901] usb 1-1: new device", "<13>Nov 22 10:00:00 fe80::1 tag: from an address",
	} {
		if _, err := io.WriteString(raw, line+"\n"); err != nil {
			t.Fatal(err)
		}
	}
	raw.Close()
	files := map[string]int{"traditional.log": 0, "file.log": 0, "rfc5424.log": 0, "pri.log": 0}
	eventually(t, 10*time.Second, "everything is written", func() bool {
		for name := range files {
			if text, err := os.ReadFile(filepath.Join(dir, name)); err != nil || strings.Count(string(text), "\n") < 14 {
				return false
			}
		}
		return true
	})
	p.stop(10 * time.Second)
	for name := range files {
		t.Run(name, func(t *testing.T) {
			all := parsed(t, `parse "syslog" { timezone = "Local" }`, filepath.Join(dir, name))
			atLeast(t, all, "timestamp", nil, len(all))
			atLeast(t, all, "appname", "app", 1)
			atLeast(t, all, "procid", "4711", 1)
			if name == "rfc5424.log" {
				atLeast(t, all, "structured_data", nil, 1)
				atLeast(t, all, "msgid", "ID47", 1)
			}
			if name == "rfc5424.log" || name == "pri.log" {
				atLeast(t, all, "severity", "debug", 1)
				atLeast(t, all, "facility", "kern", 1)
			}
		})
	}
}
