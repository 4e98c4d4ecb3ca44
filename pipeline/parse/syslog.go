package parse

import (
	"strings"
	"time"

	"github.com/kinetail/kinetail/pipeline/record"
)

// syslogParser reads RFC 5424 and RFC 3164 lines, telling them apart by themselves, with or without <PRI> in front (files mostly have none),
// and rsyslog's files with RFC 3339 times.
//
// Fields: priority, facility, severity (where there is a PRI), version, timestamp, hostname, appname, procid, msgid, structured_data (an
// object of objects), message: the words of RFC 5424 for both. "-" is left out.
type syslogParser struct {
	zone  *time.Location
	now   func() time.Time
	agent bool
}

func newSyslog(o Options) (Parser, error) {
	return &syslogParser{zone: o.Timezone, now: o.Now, agent: o.Names == "kinesis-agent"}, nil
}

var facilities = [...]string{
	"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp", "audit", "alert", "clock",
	"local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
}

var severities = [...]string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}

func (p *syslogParser) Parse(line string, r *record.Record, arena *[]byte) bool {
	s := line
	if strings.HasPrefix(s, "<") {
		text, rest, ok := cut(s[1:], '>')
		pri := digits(text, 0, len(text))
		if !ok || text == "" || len(text) > 3 || pri < 0 || pri/8 >= len(facilities) {
			return false
		}
		if !p.agent {
			r.Add("priority", record.OfInt(int64(pri)))
			r.Add("facility", record.Plain(facilities[pri/8]))
			r.Add("severity", record.Plain(severities[pri%8]))
		}
		s = rest
		if len(s) > 2 && s[0]-'1' < 9 && s[1] == ' ' && !p.agent {
			r.Add("version", record.OfInt(int64(s[0]-'0')))
			return p.rfc5424(s[2:], r, arena)
		}
	}
	return p.rfc3164(s, r, arena)
}

func (p *syslogParser) rfc5424(s string, r *record.Record, arena *[]byte) bool {
	stampText, s, ok := cut(s, ' ')
	if !ok {
		return false
	}
	if stampText != "-" {
		if t, err := time.Parse(time.RFC3339Nano, stampText); err != nil || t.IsZero() {
			return false
		}
		r.Add("timestamp", record.Of(stampText)) // RFC 5424's times are RFC 3339's
	}
	for _, name := range [...]string{"hostname", "appname", "procid", "msgid"} {
		var v string
		if v, s, ok = cut(s, ' '); !ok || v == "" {
			return false
		}
		addPresent(r, name, v)
	}
	if strings.HasPrefix(s, "-") {
		s = s[1:]
	} else {
		data, rest, ok := structuredData(s, arena)
		if !ok {
			return false
		}
		r.Add("structured_data", data)
		s = rest
	}
	if s == "" {
		return true
	}
	if s[0] != ' ' {
		return false
	}
	r.Add("message", record.Of(strings.TrimPrefix(s[1:], "\ufeff")))
	return true
}

// structuredData makes a JSON object of [id name="value" ...][id ...].
func structuredData(s string, arena *[]byte) (record.Value, string, bool) {
	start, replaced := len(*arena), 0
	dst := append(*arena, '{')
	fail := func() (record.Value, string, bool) { return record.Value{}, s, false }
	if !strings.HasPrefix(s, "[") {
		return fail()
	}
	var scratch []byte
	for n := 0; strings.HasPrefix(s, "["); n++ {
		end := strings.IndexAny(s, " ]")
		if end < 2 {
			return fail()
		}
		if n > 0 {
			dst = append(dst, ',')
		}
		dst = append(record.AppendString(dst, s[1:end], &replaced), ':', '{')
		s = s[end:]
		for m := 0; s != "" && s[0] == ' '; m++ {
			s = strings.TrimLeft(s, " ")
			if s != "" && s[0] == ']' {
				break
			}
			name, rest, ok := cut(s, '=')
			if !ok || name == "" || rest == "" || rest[0] != '"' || strings.ContainsAny(name, " ]\"") {
				return fail()
			}
			if m > 0 {
				dst = append(dst, ',')
			}
			dst = append(record.AppendString(dst, name, &replaced), ':')
			scratch = scratch[:0]
			value, rest, ok := quotedBy5424(rest, &scratch)
			if !ok {
				return fail()
			}
			dst = record.AppendString(dst, value, &replaced)
			s = rest
		}
		if s == "" || s[0] != ']' {
			return fail()
		}
		dst = append(dst, '}')
		s = s[1:]
	}
	dst = append(dst, '}')
	*arena = dst
	return record.OfJSON(record.Alias(dst[start:len(dst):len(dst)])), s, true
}

// quotedBy5424 reads a quoted value; only \" \\ and \] are escapes there.
func quotedBy5424(s string, scratch *[]byte) (text, rest string, ok bool) {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\' || s[i+1] == ']'):
			i++
			*scratch = append(*scratch, s[i])
		case s[i] == '"':
			return record.Alias(*scratch), s[i+1:], true
		default:
			*scratch = append(*scratch, s[i])
		}
	}
	return "", s, false
}

// rfc3164 reads "Oct 11 22:14:15 host tag[pid]: message", where the time may also be in RFC 3339.
func (p *syslogParser) rfc3164(s string, r *record.Record, arena *[]byte) bool {
	var when record.Value
	var raw string
	if month(s) > 0 {
		t, fraction, rest, ok := p.bsdTime(s)
		if !ok {
			return false
		}
		raw = strings.TrimSuffix(s[:len(s)-len(rest)], " ")
		when, s = stamp(t, fraction, arena), rest
	} else {
		text, rest, ok := cut(s, ' ')
		if !ok || len(text) < 20 || text[10] != 'T' {
			return false
		}
		if _, err := time.Parse(time.RFC3339Nano, text); err != nil {
			return false
		}
		when, raw, s = record.Of(text), text, rest
	}
	host, rest, ok := cut(s, ' ')
	if !ok || host == "" {
		return false
	}
	tag, pid, message := tagOf(rest)
	if p.agent {
		r.Add("timestamp", record.Of(raw))
		r.Add("hostname", record.Of(host))
		r.Add("program", nullable(tag))
		r.Add("processid", nullable(pid))
		r.Add("message", record.Of(message))
		return true
	}
	r.Add("timestamp", when)
	addPresent(r, "hostname", host)
	addPresent(r, "appname", tag)
	addPresent(r, "procid", pid)
	r.Add("message", record.Of(message))
	return true
}

func nullable(s string) record.Value {
	if s == "" {
		return record.Value{}
	}
	return record.Of(s)
}

// tagOf divides "sshd[123]: text". A message without a tag is all text.
func tagOf(s string) (tag, pid, message string) {
	i := strings.IndexAny(s, ":[ ")
	if i <= 0 || s[i] == ' ' {
		return "", "", s
	}
	tag, rest := s[:i], s[i:]
	if rest[0] == '[' {
		end := strings.IndexByte(rest, ']')
		if end < 0 {
			return "", "", s
		}
		pid, rest = rest[1:end], rest[end+1:]
		if !strings.HasPrefix(rest, ":") {
			// rsyslog leaves out the colon of what came to it as RFC 5424; after a process id that is still no message.
			if !isDigits(pid) || rest != "" && rest[0] != ' ' {
				return "", "", s
			}
			return tag, pid, strings.TrimPrefix(rest, " ")
		}
	}
	return tag, pid, strings.TrimPrefix(rest[1:], " ")
}

// bsdTime reads "Oct 11 22:14:15 ", also with a year after the day ("Oct 11 2026 22:14:15", as network devices write), and takes the year
// that brings a time without one nearest to now.
func (p *syslogParser) bsdTime(s string) (t time.Time, fraction int, rest string, ok bool) {
	m := month(s)
	if len(s) < 16 || s[3] != ' ' {
		return t, 0, s, false
	}
	day := digits(strings.TrimPrefix(s[4:6], " "), 0, len(strings.TrimPrefix(s[4:6], " ")))
	rest = s[6:]
	if day < 1 || day > 31 || rest[0] != ' ' {
		return t, 0, s, false
	}
	rest = rest[1:]
	year := 0
	if y := digits(rest, 0, 4); y > 0 && len(rest) > 5 && rest[4] == ' ' {
		year, rest = y, rest[5:]
	}
	h, mi, sec, nanos, fraction, rest, ok := clock(rest)
	if !ok || rest == "" || rest[0] != ' ' && rest[0] != ':' {
		return t, 0, s, false
	}
	rest = strings.TrimPrefix(strings.TrimPrefix(rest, ":"), " ")
	if year == 0 {
		now := p.now().In(p.zone)
		year = now.Year()
		if d := m - int(now.Month()); d > 6 {
			year--
		} else if d < -6 {
			year++
		}
	}
	if !isDay(year, m, day) && !(m == 2 && day == 29) { // which a year taken from the clock may not have
		return t, 0, s, false
	}
	return time.Date(year, time.Month(m), day, h, mi, sec, nanos, p.zone), fraction, rest, true
}
