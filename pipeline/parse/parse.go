package parse

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kinetail/kinetail/pipeline/record"
)

// Parser reads lines of one format. One goroutine uses a Parser at a time.
type Parser interface {
	// Parse adds the fields of line to r, which is empty, and says whether line is in the format; if it is not, what r holds is
	// undefined. Values alias line; what has to be rewritten is appended to arena.
	Parse(line string, r *record.Record, arena *[]byte) bool
}

// Headed is a Parser that takes names from the header line of the file: it is told of each file's before the first line.
type Headed interface{ SetHeader(line string) }

// Options are those of all formats; New refuses what a format has no use for.
type Options struct {
	// Into puts what was parsed into one field, as an object (format "json").
	Into string
	// Timezone is that of time stamps without one; nil is UTC.
	Timezone *time.Location
	// Now is the clock for time stamps without a year; nil is time.Now.
	Now func() time.Time
	// Strings leaves all values strings: numbers and booleans are not recognised (formats "logfmt", "csv", "split", "regex", "grok",
	// "kv").
	Strings bool
	// Names is "" or "kinesis-agent", which gives the Java agent's field names and values ("common", "combined", "apache_error", "syslog").
	Names string
	// Columns are the names of the columns of "csv" and "split", and of the groups of "regex" where they have none.
	Columns []string
	// Header takes the names of the columns from the file's header line instead ("csv"): the parser is then Headed.
	Header bool
	// Delimiter is the byte between columns ("csv", default a comma).
	Delimiter string
	// Separator is the regular expression that matches what is between the parts of "split", default space.
	Separator string
	// NullValue is a text that stands for none: it becomes null, and so does a group that took no part (formats "split", "regex").
	NullValue string
	// Pattern is the expression of "regex" and "grok".
	Pattern string
	// Patterns are more named patterns for "grok".
	Patterns map[string]string
	// Pairs and Values are what separates the pairs, and the name from the value, of "kv"; default a space and "=".
	Pairs, Values string
	// TimestampField and TimestampFormat make a field "timestamp", in RFC 3339, from a field with a time in Go's layout or one of the names
	// "rfc3339", "unix", "unix_ms", "unix_us", "unix_ns". Not for formats that know their time.
	TimestampField, TimestampFormat string
}

// format is how a format is made and which options it takes.
type format struct {
	make  func(Options) (Parser, error)
	takes []string
}

var formats = map[string]format{
	"json":         {newJSON, []string{"into", "timestamp"}},
	"logfmt":       {newLogfmt, []string{"strings", "timestamp"}},
	"common":       {newAccess(false), []string{"names"}},
	"combined":     {newAccess(true), []string{"names"}},
	"nginx_error":  {newNginxError, []string{"timezone"}},
	"apache_error": {newApacheError, []string{"timezone", "names"}},
	"syslog":       {newSyslog, []string{"timezone", "names"}},
	"csv":          {newCSV, []string{"strings", "columns", "header", "delimiter", "timestamp"}},
	"split":        {newSplit, []string{"strings", "columns", "separator", "null_value", "timestamp"}},
	"regex":        {newRegex, []string{"strings", "pattern", "columns", "null_value", "timestamp"}},
	"grok":         {newGrok, []string{"strings", "pattern", "patterns", "timestamp"}},
	"kv":           {newKV, []string{"strings", "separators", "timestamp"}},
}

// Formats are the names of the formats, sorted.
func Formats() []string {
	var names []string
	for name := range formats {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// New makes the parser of a format. Errors are for the one who wrote the configuration.
func New(name string, o Options) (Parser, error) {
	f, ok := formats[name]
	if !ok {
		return nil, fmt.Errorf("there is no format %q: use one of %s", name, strings.Join(Formats(), ", "))
	}
	given := map[string]bool{
		"into": o.Into != "", "timezone": o.Timezone != nil && !slices.Contains(f.takes, "timestamp"), "strings": o.Strings, "names": o.Names != "",
		"columns": len(o.Columns) > 0, "header": o.Header, "delimiter": o.Delimiter != "", "pattern": o.Pattern != "", "patterns": len(o.Patterns) > 0,
		"separator": o.Separator != "", "null_value": o.NullValue != "",
		"separators": o.Pairs != "" || o.Values != "", "timestamp": o.TimestampField != "" || o.TimestampFormat != "",
	}
	for _, option := range []string{"into", "timezone", "strings", "names", "columns", "header", "delimiter", "pattern", "patterns", "separator", "null_value", "separators", "timestamp"} {
		if given[option] && !slices.Contains(f.takes, option) {
			return nil, fmt.Errorf("format %q has no %s", name, option)
		}
	}
	if o.Names != "" && o.Names != "kinesis-agent" {
		return nil, fmt.Errorf("names %q is unknown: use \"kinesis-agent\" or leave it out", o.Names)
	}
	if o.Timezone == nil {
		o.Timezone = time.UTC
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	p, err := f.make(o)
	if err != nil || o.TimestampField == "" && o.TimestampFormat == "" {
		return p, err
	}
	return newStamped(p, o)
}

// typed is a value that was written without quotes: a number or a boolean becomes one. Numbers keep their text, so nothing is lost; what has
// a leading zero, an exponent or more than 18 digits is an identifier more often than a number and stays a string.
func typed(s string, stringsOnly bool) record.Value {
	if stringsOnly || s == "" {
		return record.Of(s)
	}
	switch c := s[0]; {
	case c == 't' && s == "true":
		return record.OfBool(true)
	case c == 'f' && s == "false":
		return record.OfBool(false)
	case c-'0' <= 9 || c == '-':
		if isNumber(s) {
			return record.OfNumber(s)
		}
	}
	return record.Of(s)
}

func isNumber(s string) bool {
	if len(s) > 19 {
		return false
	}
	i := 0
	if s[0] == '-' {
		i = 1
	}
	whole := i
	for i < len(s) && s[i]-'0' <= 9 {
		i++
	}
	if i == whole || s[whole] == '0' && i > whole+1 {
		return false
	}
	if i < len(s) && s[i] == '.' {
		fraction := i + 1
		for i++; i < len(s) && s[i]-'0' <= 9; {
			i++
		}
		if i == fraction {
			return false
		}
	}
	return i == len(s)
}

// uint is a whole number of digits only, as a value that keeps its text; other text is a string.
func uintValue(s string) record.Value {
	if s == "" || s[0] == '0' && len(s) > 1 || len(s) > 18 {
		return record.Of(s)
	}
	for i := 0; i < len(s); i++ {
		if s[i]-'0' > 9 {
			return record.Of(s)
		}
	}
	return record.OfNumber(s)
}

// cut is the text before the first c and the rest after it.
func cut(s string, c byte) (before, after string, ok bool) {
	if i := strings.IndexByte(s, c); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}
