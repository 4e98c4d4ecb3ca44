package parse

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/kinetail/kinetail/pipeline/record"
)

const monthNames = "JanFebMarAprMayJunJulAugSepOctNovDec"

// month is the number of the month that s begins with, 0 where it begins with none.
func month(s string) int {
	if len(s) < 3 {
		return 0
	}
	if i := strings.Index(monthNames, s[:3]); i >= 0 && i%3 == 0 {
		return i/3 + 1
	}
	return 0
}

// digits is the number in s[from:to], -1 where there is anything but digits.
func digits(s string, from, to int) int {
	if to > len(s) {
		return -1
	}
	n := 0
	for i := from; i < to; i++ {
		d := s[i] - '0'
		if d > 9 {
			return -1
		}
		n = n*10 + int(d)
	}
	return n
}

// within says whether n is from 0 to most.
func within(n, most int) bool { return n >= 0 && n <= most }

// isDay says whether there is such a day. time.Date would take the 31st of June for the 1st of July.
func isDay(year, month, day int) bool {
	if year < 0 || month < 1 || month > 12 || day < 1 {
		return false
	}
	last := 31
	switch month {
	case 4, 6, 9, 11:
		last = 30
	case 2:
		last = 28
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			last = 29
		}
	}
	return day <= last
}

// accessTime makes RFC 3339 of 10/Oct/2026:13:55:36 +0200; the zone is kept.
func accessTime(s string, arena *[]byte) (string, bool) {
	if len(s) != 26 || s[2] != '/' || s[6] != '/' || s[11] != ':' || s[14] != ':' || s[17] != ':' || s[20] != ' ' {
		return "", false
	}
	m := month(s[3:6])
	if !isDay(digits(s, 7, 11), m, digits(s, 0, 2)) || !within(digits(s, 22, 24), 23) || !within(digits(s, 24, 26), 59) || s[21] != '+' && s[21] != '-' {
		return "", false
	}
	if !within(digits(s, 12, 14), 23) || !within(digits(s, 15, 17), 59) || !within(digits(s, 18, 20), 60) {
		return "", false
	}
	start := len(*arena)
	d := append(*arena, s[7:11]...)
	d = append(d, '-', byte('0'+m/10), byte('0'+m%10), '-', s[0], s[1], 'T')
	d = append(d, s[12:20]...)
	if s[22:26] == "0000" {
		d = append(d, 'Z')
	} else {
		d = append(d, s[21], s[22], s[23], ':', s[24], s[25])
	}
	*arena = d
	return record.Alias(d[start:len(d):len(d)]), true
}

// stamp appends t to the arena in RFC 3339, with the given number of digits of a second.
func stamp(t time.Time, fraction int, arena *[]byte) record.Value {
	start := len(*arena)
	layout := time.RFC3339
	switch {
	case fraction > 6:
		layout = "2006-01-02T15:04:05.000000000Z07:00"
	case fraction > 3:
		layout = "2006-01-02T15:04:05.000000Z07:00"
	case fraction > 0:
		layout = "2006-01-02T15:04:05.000Z07:00"
	}
	*arena = t.AppendFormat(*arena, layout)
	return record.Plain(record.Alias((*arena)[start:len(*arena):len(*arena)]))
}

// clock reads 13:55:36 with an optional fraction at the start of s and returns what follows.
func clock(s string) (h, m, sec, nanos, fraction int, rest string, ok bool) {
	h, m, sec = digits(s, 0, 2), digits(s, 3, 5), digits(s, 6, 8)
	if len(s) < 8 || s[2] != ':' || s[5] != ':' || h < 0 || h > 23 || m < 0 || m > 59 || sec < 0 || sec > 60 {
		return 0, 0, 0, 0, 0, s, false
	}
	rest = s[8:]
	if len(rest) > 1 && (rest[0] == '.' || rest[0] == ',') && rest[1]-'0' <= 9 {
		i, scale := 1, 100_000_000
		for ; i < len(rest) && rest[i]-'0' <= 9; i++ {
			nanos += int(rest[i]-'0') * scale
			scale /= 10
		}
		fraction, rest = i-1, rest[i:]
	}
	return h, m, sec, nanos, fraction, rest, true
}

// stamped adds "timestamp" to what another parser found.
type stamped struct {
	inner         Parser
	field, layout string
	zone          *time.Location
	unit          time.Duration // of unix times
}

func newStamped(inner Parser, o Options) (Parser, error) {
	if o.TimestampField == "" || o.TimestampFormat == "" {
		return nil, fmt.Errorf("timestamp_field and timestamp_format are needed together")
	}
	s := &stamped{inner: inner, field: o.TimestampField, layout: o.TimestampFormat, zone: o.Timezone}
	switch o.TimestampFormat {
	case "rfc3339":
		s.layout = time.RFC3339Nano
	case "unix":
		s.unit = time.Second
	case "unix_ms":
		s.unit = time.Millisecond
	case "unix_us":
		s.unit = time.Microsecond
	case "unix_ns":
		s.unit = time.Nanosecond
	default:
		probe := time.Date(2006, 1, 2, 15, 4, 5, 0, time.UTC).Format(o.TimestampFormat)
		if probe == o.TimestampFormat && !strings.ContainsAny(probe, "0123456789") {
			return nil, fmt.Errorf("timestamp_format %q has no part of a time: write the time Mon Jan 2 15:04:05 2006 in your format, or \"rfc3339\", \"unix\", \"unix_ms\", \"unix_us\", \"unix_ns\"", o.TimestampFormat)
		}
	}
	return s, nil
}

// SetHeader hands a header line on.
func (s *stamped) SetHeader(line string) {
	if h, ok := s.inner.(Headed); ok {
		h.SetHeader(line)
	}
}

// Parse leaves a time that it can't read where it is: the line is in its format all the same.
func (s *stamped) Parse(line string, r *record.Record, arena *[]byte) bool {
	if !s.inner.Parse(line, r, arena) {
		return false
	}
	v := r.Get(s.field)
	text := v.Str()
	if v.Kind() == record.Int {
		text = strconv.FormatInt(v.Int(), 10)
	}
	if text == "" || v.Kind() == record.List || v.Kind() == record.Object {
		return true
	}
	t, fraction, ok := s.read(text)
	if !ok {
		return true
	}
	r.Set("timestamp", stamp(t, fraction, arena))
	if s.field != "timestamp" {
		r.Remove(s.field)
	}
	return true
}

func (s *stamped) read(text string) (t time.Time, fraction int, ok bool) {
	if s.unit == 0 {
		t, err := time.ParseInLocation(s.layout, text, s.zone)
		return t, fractionOf(t), err == nil
	}
	whole, part, _ := cut(text, '.')
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || len(part) > 9 || digits(part, 0, len(part)) < 0 || n > (1<<62)/int64(s.unit) || n < 0 {
		return t, 0, false
	}
	nanos := n % int64(time.Second/s.unit) * int64(s.unit)
	scale := int64(s.unit) / 10
	for i := 0; i < len(part) && scale > 0; i++ {
		nanos += int64(part[i]-'0') * scale
		scale /= 10
	}
	t = time.Unix(n/int64(time.Second/s.unit), nanos).In(s.zone)
	return t, fractionOf(t), true
}

func fractionOf(t time.Time) int {
	switch n := t.Nanosecond(); {
	case n == 0:
		return 0
	case n%1_000_000 == 0:
		return 3
	case n%1_000 == 0:
		return 6
	}
	return 9
}
