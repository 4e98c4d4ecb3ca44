package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	_ "github.com/kinetail/kinetail/agent/zones" // time zones by name, on hosts without a tz database too
	"github.com/kinetail/kinetail/pipeline"
)

// parseArguments are the arguments that only some formats take. A test compares them with what the parsers take.
var parseArguments = map[string][]string{
	"json":         {"into", "timestamp_field", "timestamp_format", "timezone"},
	"logfmt":       {"strings", "timestamp_field", "timestamp_format", "timezone"},
	"common":       {"names"},
	"combined":     {"names"},
	"nginx_error":  {"timezone"},
	"apache_error": {"timezone", "names"},
	"syslog":       {"timezone", "names"},
	"csv":          {"strings", "columns", "header", "delimiter", "timestamp_field", "timestamp_format", "timezone"},
	"split":        {"strings", "columns", "separator", "null_value", "timestamp_field", "timestamp_format", "timezone"},
	"regex":        {"strings", "pattern", "columns", "null_value", "timestamp_field", "timestamp_format", "timezone"},
	"grok":         {"strings", "pattern", "patterns", "timestamp_field", "timestamp_format", "timezone"},
	"kv":           {"strings", "pair_separator", "value_separator", "timestamp_field", "timestamp_format", "timezone"},
}

// allParseArguments are those of all formats.
var allParseArguments = []string{
	"into", "strings", "names", "timezone", "columns", "header", "delimiter", "separator", "null_value", "pattern", "patterns", "pair_separator", "value_separator",
	"timestamp_field", "timestamp_format",
}

// neighbourFormats are others' names of the formats.
var neighbourFormats = map[string]string{
	"apache": "combined", "apache2": "combined", "nginx": "combined", "access": "combined", "combinedapachelog": "combined",
	"apachecombined": "combined", "commonapachelog": "common", "clf": "common", "apachecommon": "common", "apacheerrorlog": "apache_error",
	"nginxerror": "nginx_error", "ndjson": "json", "jsonl": "json", "jsonlines": "json", "keyvalue": "kv", "ltsv": "kv", "tsv": "csv",
	"delimited": "csv", "regexp": "regex", "re2": "regex", "pattern": "regex", "rfc3164": "syslog", "rfc5424": "syslog",
	"rfc3339syslog": "syslog", "logstash": "grok",
}

func (b *body) parse() stepMaker {
	o := pipeline.ParseOptions{Format: b.step.Label, Field: "message", OnError: "keep"}
	takes, ok := parseArguments[o.Format]
	if !ok {
		b.unknownFormat(o.Format)
		takes = allParseArguments // what else is wrong can still be said
	}
	for _, name := range allParseArguments {
		if !slices.Contains(takes, name) {
			b.refuse(fmt.Sprintf("Format %q has no use for it.", o.Format), name)
		}
	}
	asked := func(name string) bool { return slices.Contains(takes, name) }
	b.str("field", &o.Field, notEmpty("field"))
	b.enum("on_error", &o.OnError, "keep", "drop", "dead_letter")
	if asked("into") {
		b.str("into", &o.Into, notEmpty("into"))
	}
	if asked("strings") {
		b.flag("strings", &o.Strings)
	}
	if asked("names") {
		b.enum("names", &o.Names, "kinesis-agent")
	}
	if asked("columns") {
		b.strs("columns", &o.Columns)
		if asked("header") {
			b.parseHeader(&o)
		}
		example := `columns = ["time", "level", "text"]`
		if asked("header") {
			example += ", or header = true"
		}
		if !b.has("columns") && !o.Header && ok && o.Format != "regex" {
			b.need("columns", "the names of the columns", example)
		}
	}
	if asked("delimiter") {
		o.Delimiter = ","
		b.str("delimiter", &o.Delimiter, func(s string) *problem {
			if len(s) == 1 && s != `"` {
				return nil
			}
			return &problem{summary: fmt.Sprintf("delimiter cannot be %q", s), detail: `It is one character of ASCII other than a quote, such as ";" or "\t".`}
		})
	}
	if asked("separator") {
		o.Separator = `\s+`
		b.regexp("separator", &o.Separator)
	}
	if asked("null_value") {
		b.str("null_value", &o.NullValue, notEmpty("null_value"))
	}
	if asked("pattern") {
		b.parsePattern(&o)
	}
	if asked("patterns") {
		b.strMap("patterns", &o.Patterns, func(_, _ string) *problem { return nil })
	}
	if asked("pair_separator") {
		o.Pairs, o.Values = " ", "="
		b.str("pair_separator", &o.Pairs, notEmpty("pair_separator"))
		b.str("value_separator", &o.Values, notEmpty("value_separator"))
	}
	b.parseTimes(&o, asked)
	return func(now func() time.Time) (pipeline.Step, error) {
		own := o
		own.Now = now
		return pipeline.NewParse(own)
	}
}

// parseHeader reads whether the names of the columns are those of the file's header line.
func (b *body) parseHeader(o *pipeline.ParseOptions) {
	b.flag("header", &o.Header)
	header, columns := b.written["header"], b.written["columns"]
	switch {
	case o.Header && columns != nil:
		b.d.conflict(problem{
			summary: "header and columns in one parse block", hint: "these are the names of the columns",
			detail: "With header = true the names are those of the file's first line. To skip that line and use other names, set skip_header_lines = 1 in the tail block and columns here.",
		}, columns.NameRange, "and this takes them from the file", header.NameRange)
	case o.Header && b.step != nil:
		b.step.header = &header.NameRange
	}
}

// checkHeader sees to it that the tail block can give a header line to the step that needs it.
func (d *decoder) checkHeader(f *Flow) {
	for _, s := range f.Steps {
		if s.header == nil {
			continue
		}
		p := problem{summary: "header is not possible here", hint: "write columns = [...] instead"}
		switch {
		case f.Tail.Format != "":
			p.detail = "A container writes no header line at the beginning of each of its log files."
		case len(f.Tail.Pipes) > 0:
			p.detail = "What was written to a pipe before kinetail started, its header line for one, is gone."
		default:
			f.Tail.Header = true
			f.Tail.SkipHeaderLines = max(1, f.Tail.SkipHeaderLines)
			continue
		}
		d.error(*s.header, p)
	}
}

// parsePattern reads the pattern of regex and grok.
func (b *body) parsePattern(o *pipeline.ParseOptions) {
	if o.Format == "regex" {
		b.regexp("pattern", &o.Pattern)
	} else {
		b.str("pattern", &o.Pattern, notEmpty("pattern"))
		o.Pattern = strings.TrimSuffix(o.Pattern, "\n") // of a heredoc
	}
	b.tell("pattern", "regular expression; grok pattern", "")
	if b.has("pattern") {
		return
	}
	example := `pattern = "^(?P<level>[A-Z]+) (?P<text>.*)$"`
	if o.Format == "grok" {
		example = `pattern = "%%{LOGLEVEL:level} %%{GREEDYDATA:text}"`
	}
	if _, known := parseArguments[o.Format]; known {
		b.need("pattern", "a pattern", example)
	}
}

// parseTimes reads what says when an event happened.
func (b *body) parseTimes(o *pipeline.ParseOptions, asked func(string) bool) {
	if asked("timestamp_field") {
		b.str("timestamp_field", &o.TimestampField, notEmpty("timestamp_field"))
		b.str("timestamp_format", &o.TimestampFormat, notEmpty("timestamp_format"))
		for _, pair := range [][2]string{{"timestamp_field", "timestamp_format"}, {"timestamp_format", "timestamp_field"}} {
			if a := b.written[pair[0]]; a != nil && !b.has(pair[1]) {
				example := map[string]string{"timestamp_field": `timestamp_field = "time"`, "timestamp_format": `timestamp_format = "rfc3339"`}[pair[1]]
				b.d.error(a.NameRange, problem{summary: fmt.Sprintf("%s without %s", pair[0], pair[1]), hint: "add " + example})
			}
		}
	}
	if !asked("timezone") {
		return
	}
	zone := ""
	a := b.str("timezone", &zone, func(s string) *problem {
		if _, err := time.LoadLocation(s); err == nil && s != "" {
			return nil
		}
		return &problem{summary: fmt.Sprintf("There is no time zone %q", s), detail: `It is a name of the tz database such as "Europe/Berlin", "UTC", or "Local" for this host's.`}
	})
	if a == nil {
		return
	}
	o.Timezone, _ = time.LoadLocation(zone)
	if asked("timestamp_field") && !b.has("timestamp_field") {
		b.d.error(a.NameRange, problem{
			summary: "timezone without timestamp_field", hint: `add timestamp_field = "..." and timestamp_format = "..."`,
			detail: fmt.Sprintf("It is the zone of a time stamp that has none, and format %q knows of none.", o.Format),
		})
	}
}

func (b *body) unknownFormat(format string) {
	if b.d.describing {
		return
	}
	known := slices.Sorted(maps.Keys(parseArguments))
	p := problem{summary: fmt.Sprintf("Unknown format %q", format), detail: fmt.Sprintf("There are %s.", quoteAll(known))}
	if k := neighbourFormats[flat(format)]; k != "" {
		p.hint = mean(k)
	} else if k := nearest(format, known); k != "" {
		p.hint = mean(k)
	}
	if f := flat(format); f == "cri" || f == "docker" {
		p.hint = fmt.Sprintf("it belongs in the tail block: format = %q", f)
		p.detail = "What a container runtime writes around a line is taken off when the file is read; parse is for the line itself."
	}
	b.d.error(b.labelAt, p)
}
