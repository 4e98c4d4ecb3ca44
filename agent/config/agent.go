package config

import (
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// maxSocketPath is what sun_path holds without its final NUL (unix(7)).
const maxSocketPath = 107

func defaultAgent(opts Options) Agent {
	a := Agent{
		StateDir:        "/var/lib/kinetail",
		Listen:          "127.0.0.1:9464",
		MemoryLimit:     64 << 20,
		ShutdownTimeout: 20 * time.Second,
		LogLevel:        "info",
		LogFormat:       "text",
	}
	a.Control = defaultControl(a.StateDir, opts)
	return a
}

// defaultControl is a socket in systemd's RuntimeDirectory= (the first of a list), else in the state directory.
func defaultControl(stateDir string, opts Options) string {
	if dirs, ok := opts.Env("RUNTIME_DIRECTORY"); ok && dirs != "" {
		dir, _, _ := strings.Cut(dirs, ":")
		return "unix://" + filepath.Join(dir, "control.sock")
	}
	return "unix://" + filepath.Join(stateDir, "control.sock")
}

func (b *body) agent(a *Agent) {
	b.str("state_dir", &a.StateDir, absolutePath("state_dir"))
	b.str("listen", &a.Listen, listenAddress)
	b.str("page", &a.Page, pageAddress)
	a.Control = defaultControl(a.StateDir, b.d.opts)
	b.str("control", &a.Control, controlSocket)
	b.size("memory_limit", &a.MemoryLimit, 8<<20, 1<<40)
	b.duration("shutdown_timeout", &a.ShutdownTimeout, time.Second, time.Hour)
	b.enum("log_level", &a.LogLevel, "debug", "info", "warn", "error")
	b.enum("log_format", &a.LogFormat, "text", "json")
	b.done()
}

func absolutePath(name string) check {
	return func(s string) *problem {
		if filepath.IsAbs(s) {
			return nil
		}
		return &problem{
			summary: fmt.Sprintf("%s must be an absolute path", name),
			detail:  "A relative one would depend on the directory that the agent is started in.",
		}
	}
}

func listenAddress(s string) *problem {
	if s == "off" {
		return nil
	}
	p := &problem{summary: fmt.Sprintf("listen cannot be %q", s), detail: `It is "host:port", ":port" for all addresses, or "off".`}
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		if n, err := strconv.Atoi(s); err == nil && n > 0 && n < 65536 {
			p.hint = mean("127.0.0.1:" + s)
		}
		return p
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		p.hint = "the port is a number up to 65535"
		return p
	}
	return nil
}

// pageAddress wants a host: the page has no login, so whom it is for has to be said.
func pageAddress(s string) *problem {
	if s == "off" || s == "" {
		return nil
	}
	p := &problem{summary: fmt.Sprintf("page cannot be %q", s), detail: `It is "host:port", such as "127.0.0.1:9465" for this host alone.`}
	host, port, err := net.SplitHostPort(s)
	n, numeric := strconv.Atoi(port)
	switch {
	case err != nil:
		if n, err := strconv.Atoi(s); err == nil && n > 0 && n < 65536 {
			p.hint = mean("127.0.0.1:" + s)
		}
	case numeric != nil || n < 0 || n > 65535:
		p.hint = "the port is a number up to 65535"
	case host == "":
		p.detail = "The page has no login: say who may reach it."
		p.hint = mean("127.0.0.1:" + port)
	default:
		return nil
	}
	return p
}

func controlSocket(s string) *problem {
	path, ok := strings.CutPrefix(s, "unix://")
	p := &problem{summary: fmt.Sprintf("control cannot be %q", s), detail: `It is a Unix socket with an absolute path, such as "unix:///run/kinetail/control.sock".`}
	if !ok || !filepath.IsAbs(path) {
		if filepath.IsAbs(s) {
			p.hint = mean("unix://" + s)
		}
		return p
	}
	if len(path) > maxSocketPath {
		p.summary = "The path of the control socket is too long"
		p.detail = fmt.Sprintf("The kernel takes %d bytes at most; this has %d.", maxSocketPath, len(path))
		return p
	}
	return nil
}

func defaultMetrics() Metrics {
	return Metrics{Interval: time.Minute, Detail: "standard", Compat: "none", Namespace: "Kinetail"}
}

// CloudWatch's documented limits: 30 dimensions to a metric (one is Destination), names of 255 and values of 1,024 characters, in
// ASCII, a namespace of 255.
const (
	maxDimensions     = 29
	maxDimensionName  = 255
	maxDimensionValue = 1024
)

var namespaceText = regexp.MustCompile(`^[0-9A-Za-z.\-_/#:]{1,255}$`)

func (b *body) metrics(m *Metrics) {
	if !strings.HasSuffix(b.name, `"cloudwatch"`) {
		b.d.error(b.at, problem{
			summary: fmt.Sprintf("Unknown kind of metrics: %s", strings.TrimPrefix(b.name, "metrics ")), hint: `write metrics "cloudwatch"`,
			detail: "The same numbers are served for Prometheus at the agent's listen address, without any block.",
		})
		return
	}
	enabled := true
	if b.flag("enabled", &enabled) != nil {
		m.Enabled = &enabled
	}
	b.tell("enabled", "boolean", "")
	b.enum("compat", &m.Compat, "none", "kinesis-agent")
	if m.Compat == "kinesis-agent" {
		m.Namespace = "AWSKinesisAgent"
	}
	b.str("namespace", &m.Namespace, func(s string) *problem {
		if namespaceText.MatchString(s) && !strings.HasPrefix(s, "AWS/") && !strings.HasPrefix(s, ":") {
			return nil
		}
		return &problem{
			summary: fmt.Sprintf("namespace cannot be %q", s),
			detail:  "CloudWatch takes 1 to 255 letters, digits and . - _ / # : in it, and keeps names that start with AWS/ to itself.",
		}
	})
	interval := b.duration("interval", &m.Interval, time.Second, time.Hour)
	if interval != nil && m.Interval%time.Second != 0 {
		b.d.error(interval.Expr.Range(), problem{summary: "interval must be whole seconds"})
	}
	b.enum("detail", &m.Detail, "standard", "full")
	b.flag("high_resolution", &m.HighResolution)
	at := b.strMap("dimensions", &m.Dimensions, checkDimension)
	if at != nil && len(m.Dimensions) > maxDimensions {
		b.d.error(at.Expr.Range(), problem{summary: "Too many dimensions", detail: fmt.Sprintf("CloudWatch takes %d besides Destination.", maxDimensions)})
	}
	b.one("aws", func(b *body) { b.aws(&m.AWS) })
	b.done()
}

func checkDimension(k, v string) *problem {
	p := &problem{summary: fmt.Sprintf("The dimension %s cannot be used", k)}
	switch {
	case k == "Destination":
		p.detail = "Every metric has a dimension of this name already."
	case k == "" || len(k) > maxDimensionName || strings.HasPrefix(k, ":") || !isASCII(k):
		p.detail = fmt.Sprintf("A dimension's name has 1 to %d ASCII characters and does not start with a colon.", maxDimensionName)
	case strings.TrimSpace(v) == "" || len(v) > maxDimensionValue || !isASCII(v):
		p.detail = fmt.Sprintf("A dimension's value has 1 to %d ASCII characters; this one is %q.", maxDimensionValue, v)
	default:
		return nil
	}
	return p
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
