package config

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

var sizeUnits = map[string]int64{
	"B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
}

var numberAndUnit = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?) ?([A-Za-z%]*)$`)

// parseSize reads a number of bytes such as "64MiB" or "1.5 GB". The second result is what was probably meant, if anything is clear.
func parseSize(s string) (n int64, meant string, ok bool) {
	m := numberAndUnit.FindStringSubmatch(s)
	if m == nil {
		return 0, "", false
	}
	if unit, known := sizeUnits[m[2]]; known {
		f, err := strconv.ParseFloat(m[1], 64)
		if err != nil || f*float64(unit) >= math.MaxInt64/2 {
			return 0, "", false
		}
		return int64(math.Round(f * float64(unit))), "", true
	}
	switch u := strings.ToLower(m[2]); u {
	case "":
		return 0, m[1] + "B", false
	case "k", "m", "g", "t", "ki", "mi", "gi", "ti", "kib", "mib", "gib", "tib":
		return 0, m[1] + strings.ToUpper(u[:1]) + "iB", false
	case "kb", "mb", "gb", "tb", "b":
		return 0, m[1] + strings.ToUpper(u), false
	}
	return 0, "", false
}

// ParseSize reads a number of bytes as a configuration has it, with its unit.
func ParseSize(s string) (int64, error) {
	n, meant, ok := parseSize(s)
	switch {
	case ok:
		return n, nil
	case meant != "":
		return 0, fmt.Errorf("%q is no size; did you mean %q?", s, meant)
	}
	return 0, fmt.Errorf("%q is no size: it is a number and its unit, for example 5MiB", s)
}

// formatSize writes a number of bytes as parseSize reads it, in the largest binary unit that divides it.
func formatSize(n int64) string {
	for _, unit := range []string{"TiB", "GiB", "MiB", "KiB"} {
		if u := sizeUnits[unit]; n >= u && n%u == 0 {
			return fmt.Sprintf("%d%s", n/u, unit)
		}
	}
	return fmt.Sprintf("%dB", n)
}

var durationUnits = map[string]string{
	"sec": "s", "secs": "s", "second": "s", "seconds": "s", "min": "m", "mins": "m", "minute": "m", "minutes": "m",
	"hour": "h", "hours": "h", "hr": "h", "hrs": "h", "day": "d", "days": "d", "msec": "ms", "millis": "ms", "milliseconds": "ms",
	"s": "s", "m": "m", "h": "h", "d": "d", "ms": "ms",
}

// parseDuration reads a time span such as "90s", "1h30m" or "7d". The second result is what was probably meant.
func parseDuration(s string) (d time.Duration, meant string, ok bool) {
	days, rest, found := strings.Cut(s, "d")
	if !found {
		days, rest = "", s
	}
	var total time.Duration
	if found {
		n, err := strconv.ParseFloat(days, 64)
		if err == nil && n >= 0 && n < 36500 {
			total = time.Duration(n * float64(24*time.Hour))
			if rest == "" {
				return total, "", true
			}
		} else {
			rest = s
		}
	}
	if d, err := time.ParseDuration(rest); err == nil && d >= 0 {
		return total + d, "", true
	}
	if m := numberAndUnit.FindStringSubmatch(s); m != nil {
		if m[2] == "" {
			return 0, m[1] + "s", false
		}
		if u := durationUnits[strings.ToLower(m[2])]; u != "" {
			return 0, m[1] + u, false
		}
	}
	return 0, "", false
}

// formatDuration writes a time span without the zero parts.
func formatDuration(d time.Duration) string {
	if d >= 24*time.Hour && d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

// size reads a number of bytes between lowest and highest.
func (b *body) size(name string, dst *int64, lowest, highest int64) *hcl.Attribute {
	b.tell(name, fmt.Sprintf("size from %s to %s", formatSize(lowest), formatSize(highest)), quotedOrNone(unlessZero(*dst, formatSize)))
	return quantity(b, name, dst, lowest, highest, parseSize, formatSize, "a size with its unit in quotes", "B", "KiB", "MiB", "GiB")
}

// duration reads a time span between lowest and highest.
func (b *body) duration(name string, dst *time.Duration, lowest, highest time.Duration) *hcl.Attribute {
	b.tell(name, fmt.Sprintf("time from %s to %s", formatDuration(lowest), formatDuration(highest)), quotedOrNone(unlessZero(*dst, formatDuration)))
	return quantity(b, name, dst, lowest, highest, parseDuration, formatDuration, "a time with its unit in quotes", "s", "ms")
}

func quantity[T int64 | time.Duration](
	b *body, name string, dst *T, lowest, highest T, parse func(string) (T, string, bool), format func(T) string, want string, units ...string,
) *hcl.Attribute {
	v, a := b.value(name)
	if a == nil {
		return nil
	}
	at := a.Expr.Range()
	if v.Type() == cty.Number {
		p := problem{summary: fmt.Sprintf("%s must be %s", name, want), detail: fmt.Sprintf("For example %s = %q.", name, format(max(*dst, lowest)))}
		var likely []string
		most := 1
		if _, ok := any(lowest).(time.Duration); ok { // both seconds and milliseconds are usual
			most = 2
		}
		for _, unit := range units {
			meant := v.AsBigFloat().Text('f', -1) + unit
			if n, _, ok := parse(meant); ok && n >= lowest && n <= highest && len(likely) < most {
				likely = append(likely, fmt.Sprintf("%q", meant))
			}
		}
		if len(likely) > 0 {
			p.hint, p.detail = fmt.Sprintf("did you mean %s?", strings.Join(likely, " or ")), ""
		}
		b.d.error(at, p)
		return nil
	}
	if v.Type() != cty.String {
		b.d.wrongType(a, v, want, fmt.Sprintf("%q", format(max(*dst, lowest))))
		return nil
	}
	n, meant, ok := parse(v.AsString())
	if !ok {
		p := problem{summary: fmt.Sprintf("%s cannot be %q", name, v.AsString()), detail: fmt.Sprintf("It is %s, for example %q.", want, format(max(*dst, lowest)))}
		if meant != "" {
			p.hint = mean(meant)
		}
		b.d.error(at, p)
		return nil
	}
	if n < lowest || n > highest {
		b.d.error(at, problem{
			summary: fmt.Sprintf("%s cannot be %q", name, v.AsString()),
			detail:  fmt.Sprintf("It must be from %q to %q.", format(lowest), format(highest)),
		})
		return nil
	}
	*dst = n
	return a
}

// percent reads "150%" as 1.5, and "off" as 0.
func (b *body) percent(name string, dst *float64, lowest, highest int) *hcl.Attribute {
	b.tell(name, fmt.Sprintf("percentage from %d%% to %d%%, or \"off\"", lowest, highest), fmt.Sprintf("\"%.0f%%\"", *dst*100))
	v, a := b.value(name)
	if a == nil {
		return nil
	}
	if v.Type() == cty.Number {
		f, _ := v.AsBigFloat().Float64()
		if f <= 10 { // a factor
			f *= 100
		}
		b.d.wrongType(a, v, "a percentage in quotes", fmt.Sprintf("\"%.0f%%\"", f))
		return nil
	}
	if v.Type() != cty.String {
		b.d.wrongType(a, v, "a percentage in quotes", fmt.Sprintf("\"%.0f%%\"", *dst*100))
		return nil
	}
	text := v.AsString()
	if text == "off" {
		*dst = 0
		return a
	}
	n, err := strconv.Atoi(strings.TrimSuffix(text, "%"))
	if err != nil || !strings.HasSuffix(text, "%") || n < lowest || n > highest {
		b.d.error(a.Expr.Range(), problem{
			summary: fmt.Sprintf("%s cannot be %q", name, text),
			detail:  fmt.Sprintf(`It is "off" or a whole percentage from "%d%%" to "%d%%".`, lowest, highest),
		})
		return nil
	}
	*dst = float64(n) / 100
	return a
}
