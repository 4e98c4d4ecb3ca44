package parse

import (
	"net/netip"
	"strings"

	"github.com/kinetail/kinetail/pipeline/record"
)

// accessParser reads the "common" and "combined" access logs of Apache and nginx:
//
//	client ident user [10/Oct/2026:13:55:36 +0000] "GET /a?b HTTP/1.1" 200 2326 "referer" "agent" extra
//
// and those that Apache writes with the virtual host and its port in front. Fields: vhost, client, ident, user, timestamp, method, path, query, protocol (or request, where the request is not of three words), status,
// bytes, referer, agent, and extra for whatever follows. What is "-" or empty is left out.
type accessParser struct {
	combined bool
	agent    bool // the Java agent's names and values
}

func newAccess(combined bool) func(Options) (Parser, error) {
	return func(o Options) (Parser, error) {
		return &accessParser{combined: combined, agent: o.Names == "kinesis-agent"}, nil
	}
}

func (p *accessParser) Parse(line string, r *record.Record, arena *[]byte) bool {
	client, rest, ok := cut(line, ' ')
	if !ok || client == "" {
		return false
	}
	// A user name may hold spaces, so what is before the time is taken from both ends.
	at := strings.Index(rest, " [")
	if at < 0 {
		return false
	}
	ident, user, ok := cut(rest[:at], ' ')
	if !ok {
		return false
	}
	vhost := ""
	if ident != "-" && isVirtualHost(client) {
		if _, err := netip.ParseAddr(ident); err == nil { // "vhost_combined" of Debian's Apache: the virtual host comes first
			vhost, client = client, ident
			if ident, user, ok = cut(user, ' '); !ok {
				return false
			}
		}
	}
	stamp, rest, ok := cut(rest[at+2:], ']')
	if !ok || len(rest) < 3 || rest[0] != ' ' || rest[1] != '"' {
		return false
	}
	request, rest, ok := quoted(rest[1:], arena)
	if !ok || len(rest) == 0 || rest[0] != ' ' {
		return false
	}
	status, rest, _ := cut(rest[1:], ' ')
	size, rest, _ := cut(rest, ' ')
	if !isStatus(status) || size == "" {
		return false
	}
	var referer, agent string
	if p.combined {
		if referer, rest, ok = quotedNext(rest, arena); !ok {
			return false
		}
		if agent, rest, ok = quotedNext(rest, arena); !ok {
			return false
		}
	}
	if p.agent {
		return p.likeAgent(r, [...]string{client, ident, user, stamp, request, status, size, referer, agent})
	}
	time, ok := accessTime(stamp, arena)
	if !ok {
		return false
	}
	if vhost != "" {
		r.Add("vhost", record.Of(vhost))
	}
	r.Add("client", record.Of(client))
	addPresent(r, "ident", ident)
	addPresent(r, "user", user)
	r.Add("timestamp", record.Plain(time))
	addRequest(r, request)
	r.Add("status", record.OfInt(int64(digits(status, 0, 3)))) // filters mostly read it
	if size != "-" {
		r.Add("bytes", uintValue(size))
	}
	addPresent(r, "referer", referer)
	addPresent(r, "agent", agent)
	addPresent(r, "extra", rest)
	return true
}

func addPresent(r *record.Record, name, s string) {
	if s != "" && s != "-" {
		r.Add(name, record.Of(s))
	}
}

// addRequest adds the three words of a request line, or all of it as "request" where it is anything else.
func addRequest(r *record.Record, request string) {
	method, rest, ok := cut(request, ' ')
	space := strings.LastIndexByte(rest, ' ')
	if !ok || space <= 0 || method == "" || !strings.HasPrefix(rest[space+1:], "HTTP/") {
		addPresent(r, "request", request)
		return
	}
	target := rest[:space]
	r.Add("method", record.Of(method))
	path, query, ok := cut(target, '?')
	r.Add("path", record.Of(path))
	if ok {
		r.Add("query", record.Of(query))
	}
	r.Add("protocol", record.Of(rest[space+1:]))
}

// isVirtualHost says whether s ends with a port.
func isVirtualHost(s string) bool {
	i := strings.LastIndexByte(s, ':')
	return i > 0 && isDigits(s[i+1:])
}

// isStatus says whether s is an HTTP status as servers log it: three digits (nginx logs 000 where there is none).
func isStatus(s string) bool {
	return len(s) == 3 && s[0] >= '1' && s[0] <= '9' && s[1]-'0' <= 9 && s[2]-'0' <= 9
}

// quotedNext is a quoted string after an optional space.
func quotedNext(s string, arena *[]byte) (text, rest string, ok bool) {
	if len(s) > 0 && s[0] == ' ' {
		s = s[1:]
	}
	text, rest, ok = quoted(s, arena)
	return text, strings.TrimPrefix(rest, " "), ok
}

// quoted reads the string that begins with the quote at s[0]. Servers write a quote in it as \" (Apache) or \x22 (nginx).
func quoted(s string, arena *[]byte) (text, rest string, ok bool) {
	if s == "" || s[0] != '"' {
		return "", s, false
	}
	end := strings.IndexByte(s[1:], '"') + 1
	if end == 0 {
		return "", s, false
	}
	if strings.IndexByte(s[1:end], '\\') < 0 {
		return s[1:end], s[end+1:], true
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return unescapeLog(s[1:i], arena), s[i+1:], true
		}
	}
	return "", s, false
}

// unescapeLog undoes the escapes that Apache and nginx write: \" \\ \xHH and C's letters. Others stay as they are.
func unescapeLog(s string, arena *[]byte) string {
	start := len(*arena)
	dst := *arena
	for {
		i := strings.IndexByte(s, '\\')
		if i < 0 || i+1 == len(s) {
			dst = append(dst, s...)
			break
		}
		dst = append(dst, s[:i]...)
		c := s[i+1]
		s = s[i+2:]
		switch c {
		case '"', '\\':
			dst = append(dst, c)
		case 'n':
			dst = append(dst, '\n')
		case 't':
			dst = append(dst, '\t')
		case 'r':
			dst = append(dst, '\r')
		case 'b':
			dst = append(dst, '\b')
		case 'v':
			dst = append(dst, '\v')
		case 'f':
			dst = append(dst, '\f')
		case 'x':
			if hi, lo := hexDigit(s, 0), hexDigit(s, 1); hi >= 0 && lo >= 0 {
				dst = append(dst, byte(hi<<4|lo))
				s = s[2:]
				break
			}
			fallthrough
		default:
			dst = append(dst, '\\', c)
		}
	}
	*arena = dst
	return record.Alias(dst[start:len(dst):len(dst)])
}

func hexDigit(s string, i int) int {
	if i >= len(s) {
		return -1
	}
	switch c := s[i]; {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

var agentAccessNames = [...]string{"host", "ident", "authuser", "datetime", "request", "response", "bytes", "referer", "agent"}

// likeAgent adds what the Java agent makes of the line: all strings, null for "-".
func (p *accessParser) likeAgent(r *record.Record, values [9]string) bool {
	n := len(values)
	if !p.combined {
		n -= 2
	}
	for i := range n {
		v := record.Of(values[i])
		if values[i] == "-" {
			v = record.Value{}
		}
		r.Add(agentAccessNames[i], v)
	}
	return true
}
