package parse

import (
	"net/netip"
	"strings"
	"time"

	"github.com/kinetail/kinetail/pipeline/record"
)

// nginxError reads
//
//	2026/10/10 13:55:36 [error] 123#124: *7 message, client: 10.0.0.1, server: x, request: "GET / HTTP/1.1", upstream: "...", host: "..."
//
// Fields: timestamp, level, pid, tid, connection, message, and client, server, request, upstream, host, referrer ... as nginx names them.
type nginxError struct{ zone *time.Location }

func newNginxError(o Options) (Parser, error) { return &nginxError{o.Timezone}, nil }

// nginxContext are the names that nginx appends to an error (src/http/ngx_http_request.c, ngx_stream_handler.c), in the words it writes.
var nginxContext = [...]string{"client", "server", "request", "subrequest", "upstream", "host", "referrer", "login", "bytes from/to client", "bytes from/to upstream"}

func (p *nginxError) Parse(line string, r *record.Record, arena *[]byte) bool {
	if len(line) < 25 || line[4] != '/' || line[7] != '/' || line[10] != ' ' || line[19:21] != " [" {
		return false
	}
	y, m, d := digits(line, 0, 4), digits(line, 5, 7), digits(line, 8, 10)
	h, mi, sec, _, _, _, ok := clock(line[11:19])
	if !ok || !isDay(y, m, d) {
		return false
	}
	level, rest, ok := cut(line[21:], ']')
	if !ok || level == "" {
		return false
	}
	pid, rest, ok := cut(strings.TrimPrefix(rest, " "), '#')
	tid, message, ok2 := cut(rest, ':')
	if !ok || !ok2 || !isDigits(pid) || !isDigits(tid) {
		return false
	}
	r.Add("timestamp", stamp(time.Date(y, time.Month(m), d, h, mi, sec, 0, p.zone), 0, arena))
	r.Add("level", record.Of(level))
	r.Add("pid", uintValue(pid))
	r.Add("tid", uintValue(tid))
	message = strings.TrimPrefix(message, " ")
	if strings.HasPrefix(message, "*") {
		if n, text, ok := cut(message[1:], ' '); ok && isDigits(n) {
			r.Add("connection", uintValue(n))
			message = text
		}
	}
	at := contextStart(message)
	if at < 0 {
		r.Add("message", record.Of(message))
		return true
	}
	r.Add("message", record.Of(message[:at]))
	p.context(message[at:], r, arena)
	return true
}

// contextStart is where the context begins: at a client that is an address or a socket, for a path in the message may hold the same words.
func contextStart(message string) int {
	const mark = ", client: "
	for from := 0; ; {
		i := strings.Index(message[from:], mark)
		if i < 0 {
			return -1
		}
		client := message[from+i+len(mark):]
		if end := strings.Index(client, ", "); end >= 0 {
			client = client[:end]
		}
		if _, err := netip.ParseAddr(client); err == nil || strings.HasPrefix(client, "unix:") {
			return from + i
		}
		from += i + len(mark)
	}
}

// context reads ', name: value' pairs. A value that nginx quotes ends at its quote, others at the next name it knows.
func (p *nginxError) context(s string, r *record.Record, arena *[]byte) {
	for strings.HasPrefix(s, ", ") {
		name, rest, ok := cut(s[2:], ':')
		if !ok || !known(name) {
			return
		}
		rest = strings.TrimPrefix(rest, " ")
		var value string
		if text, after, ok := quoted(rest, arena); ok {
			value, s = text, after
		} else {
			end := strings.Index(rest, ", ")
			if end < 0 {
				end = len(rest)
			}
			value, s = rest[:end], rest[end:]
		}
		r.Set(name, record.Of(value))
	}
}

func known(name string) bool {
	for _, n := range nginxContext {
		if n == name {
			return true
		}
	}
	return false
}

func isDigits(s string) bool { return s != "" && digitsOnly(s) }

func digitsOnly(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i]-'0' > 9 {
			return false
		}
	}
	return true
}

// apacheError reads the error logs of Apache 2.2 and 2.4:
//
//	[Wed Oct 11 14:32:52 2026] [error] [client 127.0.0.1] message
//	[Wed Oct 11 14:32:52.123456 2026] [core:error] [pid 35708:tid 4328636416] (13)Permission denied: [client 72.15.99.187:5000] AH00124: message
//
// Fields: timestamp, module, level, pid, tid, client, code (AH...), message.
type apacheError struct {
	zone  *time.Location
	agent bool
}

func newApacheError(o Options) (Parser, error) {
	return &apacheError{o.Timezone, o.Names == "kinesis-agent"}, nil
}

func (p *apacheError) Parse(line string, r *record.Record, arena *[]byte) bool {
	when, s, ok := bracketed(line)
	if !ok {
		return false
	}
	t, fraction, ok := p.time(when)
	if !ok {
		return false
	}
	level, s, ok := bracketed(s)
	if !ok {
		return false
	}
	module, name, ok := cut(level, ':')
	if !ok {
		module, name = "", level
	}
	var pid, tid, client string
	if text, rest, ok := bracketed(s); ok && strings.HasPrefix(text, "pid ") {
		pid, tid, _ = cut(text[4:], ':')
		tid = strings.TrimPrefix(tid, "tid ")
		s = rest
	}
	// The error of the operating system may stand before the client.
	before, rest := "", s
	if i := strings.Index(s, "[client "); i >= 0 && (i == 0 || strings.HasPrefix(s, "(")) {
		if text, after, ok := bracketed(s[i:]); ok {
			client, before, rest = text[len("client "):], s[:i], after
		}
	}
	message := rest
	if before != "" {
		start := len(*arena)
		*arena = append(append(*arena, before...), rest...)
		message = record.Alias((*arena)[start:len(*arena):len(*arena)])
	}
	if p.agent {
		r.Add("timestamp", record.Of(when))
		for i, v := range [...]string{module, name, pid, tid, client} {
			r.Add([...]string{"module", "severity", "processid", "threadid", "client"}[i], nullable(v))
		}
		r.Add("message", record.Of(message))
		return true
	}
	r.Add("timestamp", stamp(t, fraction, arena))
	addPresent(r, "module", module)
	r.Add("level", record.Of(name))
	if pid != "" {
		r.Add("pid", uintValue(pid))
	}
	if tid != "" {
		r.Add("tid", uintValue(tid))
	}
	addPresent(r, "client", client)
	if code, text, ok := cut(rest, ':'); ok && len(code) == 7 && strings.HasPrefix(code, "AH") && isDigits(code[2:]) {
		r.Add("code", record.Of(code))
		if before == "" {
			message = strings.TrimPrefix(text, " ")
		}
	}
	r.Add("message", record.Of(message))
	return true
}

// bracketed is what stands in the brackets that s begins with.
func bracketed(s string) (text, rest string, ok bool) {
	if s == "" || s[0] != '[' {
		return "", s, false
	}
	text, rest, ok = cut(s[1:], ']')
	// An IPv6 client has no brackets of its own here, so the first closing one is the end.
	return text, strings.TrimPrefix(rest, " "), ok
}

// time reads "Wed Oct 11 14:32:52.123456 2026".
func (p *apacheError) time(s string) (time.Time, int, bool) {
	if len(s) < 24 || s[3] != ' ' || s[7] != ' ' || s[10] != ' ' {
		return time.Time{}, 0, false
	}
	m, day := month(s[4:]), digits(strings.TrimPrefix(s[8:10], " "), 0, len(strings.TrimPrefix(s[8:10], " ")))
	h, mi, sec, nanos, fraction, rest, ok := clock(s[11:])
	if !ok || len(rest) != 5 || rest[0] != ' ' {
		return time.Time{}, 0, false
	}
	y := digits(rest, 1, 5)
	if !isDay(y, m, day) {
		return time.Time{}, 0, false
	}
	return time.Date(y, time.Month(m), day, h, mi, sec, nanos, p.zone), fraction, true
}
