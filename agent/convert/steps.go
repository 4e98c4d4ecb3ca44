package convert

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// What the text of a record is, as an expression, before any step, and when a step has made fields of it.
const (
	asRead   = "record.message"
	asFields = "tojson(record)"
)

// steps collects what dataProcessingOptions become. The Java agent hands a text from option to option; here text is an expression for it, which
// is computed only where it is needed.
type steps struct {
	c       *converter
	out     writer
	text    string
	parsed  bool // there are fields besides message
	options int
}

// settle makes the text so far the field message, because a step reads it.
func (s *steps) settle() {
	if s.text == asRead {
		return
	}
	s.out.line("set { message = %s }", s.text)
	if s.parsed {
		s.out.line("keep_fields { fields = [\"message\"] }")
	}
	s.text, s.parsed = asRead, false
}

// option converts one of dataProcessingOptions. An error says that the flow cannot be converted.
func (s *steps) option(key string, o *object) error {
	name, _ := textOf(o.get("optionName"))
	known := map[string][]string{
		"SINGLELINE":     {"parseOptions"},
		"CSVTOJSON":      {"customFieldNames", "delimiter"},
		"LOGTOJSON":      {"logFormat", "matchPattern", "customFieldNames"},
		"ADDMETADATA":    {"metadata", "timestamp"},
		"ADDEC2METADATA": {"logFormat", "metadataTTL"},
		"ADDBRACKETS":    nil,
	}
	takes, ok := known[strings.ToUpper(name)]
	if !ok {
		return fmt.Errorf("%s: there is no option %q: the Java agent has SINGLELINE, CSVTOJSON, LOGTOJSON, ADDMETADATA, ADDEC2METADATA and ADDBRACKETS", key, name)
	}
	for _, k := range o.keys {
		if k != "optionName" && !slices.Contains(takes, k) {
			s.c.say(NotNeeded, key+"."+k, o.get(k), name+" has no such setting: it is ignored there and here")
		}
	}
	s.options++
	switch strings.ToUpper(name) {
	case "SINGLELINE":
		s.singleLine(key, o)
	case "CSVTOJSON":
		return s.csv(key, o)
	case "LOGTOJSON":
		return s.log(key, o)
	case "ADDMETADATA":
		return s.metadata(key, o)
	case "ADDEC2METADATA":
		for _, k := range takes {
			if o.has(k) {
				s.c.say(NotNeeded, key+"."+k, o.get(k), "what the instance says is asked for by itself, and the format of the record does not matter")
			}
		}
		s.instance(key, name)
	case "ADDBRACKETS":
		s.text = `"{` + inside(s.text) + `}"`
		s.c.say(Different, key, name, "written as {record}; the documentation does not say which brackets it puts: look at a record in the stream, and change the two characters if it differs")
	}
	return nil
}

// inside is an expression as a part of a quoted string.
func inside(expression string) string {
	if strings.HasPrefix(expression, `"`) {
		return expression[1 : len(expression)-1]
	}
	return "${" + expression + "}"
}

// instance adds what the Java agent adds of the instance to the fields of a record.
func (s *steps) instance(key, name string) {
	if s.text != asFields {
		s.c.say(NoCounterpart, key, name, "it adds to JSON, and the record is none here: put it behind CSVTOJSON or LOGTOJSON")
		return
	}
	s.out.line("set {\nprivateIp = ec2.private_ip\navailabilityZone = ec2.availability_zone\ninstanceId = ec2.instance_id\ninstanceType = ec2.instance_type\naccountId = ec2.account_id\namiId = ec2.image_id\nregion = ec2.region\nmetadataTimestamp = now.rfc3339\n}")
	s.c.say(Different, key, name, "the same fields from the instance metadata service, behind the others; their order, and metadataTimestamp, which is the time of sending here, may differ. The instance's tags are not among them: add those that consumers need, as Name = ec2.tags[\"Name\"], and show tags in the metadata")
}

func (s *steps) singleLine(key string, o *object) {
	trim, escape := true, false
	var unknown []string
	options, _ := o.get("parseOptions").([]any)
	for _, v := range options {
		switch t, _ := textOf(v); t {
		case "NO_TRIM":
			trim = false
		case "ESCAPE_NEW_LINE":
			escape = true
		default:
			unknown = append(unknown, t)
		}
	}
	if len(unknown) > 0 {
		s.c.say(NotNeeded, key+".parseOptions", unknown[0], "is no option: it is ignored there and here")
	} else if o.has("parseOptions") {
		s.c.say(TakenOver, key+".parseOptions", o.get("parseOptions"), "the pattern and the replacement of replace()")
	}
	with := `""`
	if escape {
		with = `"\\n"`
	}
	s.c.say(TakenOver, key, "SINGLELINE", "replace(...) on the text of the record")
	if !trim {
		s.text = fmt.Sprintf(`replace(%s, "\n", %s)`, s.text, with)
		return
	}
	// Space is what Java's trim takes off: all up to U+0020. Around a line end in the middle it is taken with it.
	const space = `[\\x00-\\x09\\x0b-\\x20]*`
	s.text = fmt.Sprintf(`replace(%s, "/^[\\x00-\\x20]+|[\\x00-\\x20]+$/", "")`, s.text)
	s.text = fmt.Sprintf(`replace(%s, "/%s\\n%s/", %s)`, s.text, space, space, with)
}

// names are the field names of an option.
func (s *steps) names(key string, o *object) ([]string, error) {
	v, ok := o.get("customFieldNames").([]any)
	if o.has("customFieldNames") && !ok {
		return nil, fmt.Errorf("%s.customFieldNames must be a list of names", key)
	}
	var names []string
	for _, n := range v {
		name, ok := textOf(n)
		if !ok || name == "" || slices.Contains(names, name) {
			return nil, fmt.Errorf("%s.customFieldNames: %s is no name, or named twice", key, shown(n))
		}
		names = append(names, name)
	}
	return names, nil
}

func (s *steps) csv(key string, o *object) error {
	names, err := s.names(key, o)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return fmt.Errorf("%s: CSVTOJSON needs customFieldNames", key)
	}
	delimiter := ","
	if o.has("delimiter") {
		delimiter, _ = textOf(o.get("delimiter"))
		if delimiter, err = translate(delimiter); err != nil {
			return fmt.Errorf("%s.delimiter: %w", key, err)
		}
	}
	if delimiter == "" || regexp.MustCompile(delimiter).MatchString("") {
		return fmt.Errorf("%s.delimiter: %q matches the empty text, and would part any two characters", key, delimiter)
	}
	s.settle()
	s.out.block(`parse "split"`, argument("columns", quoteAll(names)), argument("separator", quote(delimiter)), "strings = true")
	s.text, s.parsed = asFields, true
	s.c.say(TakenOver, key, "CSVTOJSON", `parse "split": parts as strings, without quotes, space around them taken off; columns that a line does not have are null`)
	s.c.say(TakenOver, key+".customFieldNames", o.get("customFieldNames"), "columns")
	if o.has("delimiter") {
		s.c.say(TakenOver, key+".delimiter", o.get("delimiter"), "separator, a regular expression there and here")
	}
	s.c.say(Better, key, "CSVTOJSON", `parse "csv" understands quotes, and numbers stay numbers; consumers would see other records`)
	return nil
}

// logFormats are LOGTOJSON's formats, and the fields that they have there.
var logFormats = map[string]struct {
	format string
	fields []string
}{
	"COMMONAPACHELOG":   {"common", []string{"host", "ident", "authuser", "datetime", "request", "response", "bytes"}},
	"COMBINEDAPACHELOG": {"combined", []string{"host", "ident", "authuser", "datetime", "request", "response", "bytes", "referer", "agent"}},
	"APACHEERRORLOG":    {"apache_error", []string{"timestamp", "module", "severity", "processid", "threadid", "client", "message"}},
	"SYSLOG":            {"syslog", []string{"timestamp", "hostname", "program", "processid", "message"}},
	"RFC3339SYSLOG":     {"syslog", []string{"timestamp", "hostname", "program", "processid", "message"}},
}

func (s *steps) log(key string, o *object) error {
	format, _ := textOf(o.get("logFormat"))
	names, err := s.names(key, o)
	if err != nil {
		return err
	}
	f, ok := logFormats[strings.ToUpper(format)]
	pattern, custom := textOf(o.get("matchPattern"))
	if !ok && !custom {
		return fmt.Errorf("%s: there is no logFormat %q: it is COMMONAPACHELOG, COMBINEDAPACHELOG, APACHEERRORLOG, SYSLOG or RFC3339SYSLOG", key, format)
	}
	s.settle()
	switch {
	case custom:
		if err := s.custom(key, pattern, names, f.fields); err != nil {
			return err
		}
		s.c.say(TakenOver, key+".matchPattern", pattern, `parse "regex"; it has to match the whole line: the documentation does not say so, and if yours need not, take ^(?: and )$ away`)
		if o.has("logFormat") {
			s.c.say(NotNeeded, key+".logFormat", format, "matchPattern replaces it")
		}
	default:
		s.out.block(fmt.Sprintf("parse %q", f.format), `names = "kinesis-agent"`, `on_error = "drop"`)
		s.c.say(TakenOver, key+".logFormat", format, fmt.Sprintf(`parse %q with names = "kinesis-agent": the same fields, strings, null for "-"`, f.format))
		if len(names) > 0 {
			if len(names) != len(f.fields) {
				return fmt.Errorf("%s.customFieldNames has %d names, and %s has %d fields: the Java agent matches no line with that", key, len(names), format, len(f.fields))
			}
			var pairs []string
			for i, name := range names {
				if name != f.fields[i] {
					pairs = append(pairs, quote(f.fields[i])+" = "+quote(name))
				}
			}
			if len(pairs) > 0 {
				s.rename(pairs, f.fields, names)
			}
		}
	}
	if len(names) > 0 {
		s.c.say(TakenOver, key+".customFieldNames", o.get("customFieldNames"), "the names of the fields")
	}
	s.text, s.parsed = asFields, true
	s.c.say(TakenOver, key, "LOGTOJSON", `a line that does not match is dropped, as there: on_error = "drop"`)
	s.c.say(Better, key, "LOGTOJSON", `on_error = "keep", the default here, sends such lines with parse_error; and without names = "kinesis-agent" numbers are numbers and times RFC 3339; consumers would see other records`)
	return nil
}

// rename gives fields other names in one step where no new name is an old one, else by way of names that nobody has.
func (s *steps) rename(pairs, old, names []string) {
	if !slices.ContainsFunc(names, func(n string) bool { return slices.Contains(old, n) }) {
		s.out.line("rename {\nfields = {\n%s\n}\n}", strings.Join(pairs, "\n"))
		return
	}
	var away, back []string
	for i, name := range names {
		away = append(away, fmt.Sprintf("%s = %s", quote(old[i]), quote(fmt.Sprintf("kinetail_%d", i))))
		back = append(back, fmt.Sprintf("%s = %s", quote(fmt.Sprintf("kinetail_%d", i)), quote(name)))
	}
	for _, list := range [][]string{away, back} {
		s.out.line("rename {\nfields = {\n%s\n}\n}", strings.Join(list, "\n"))
	}
}

func (s *steps) custom(key, pattern string, names, defaults []string) error {
	pattern, err := translate(pattern)
	if err != nil {
		return fmt.Errorf("%s.matchPattern: %w", key, err)
	}
	re := regexp.MustCompile(pattern)
	if len(names) == 0 {
		names = defaults
	}
	if re.NumSubexp() != len(names) {
		return fmt.Errorf("%s: matchPattern has %d groups, and there are %d names for them: the Java agent matches no line with that", key, re.NumSubexp(), len(names))
	}
	for _, n := range re.SubexpNames() {
		if n != "" {
			return fmt.Errorf("%s.matchPattern: the group %q has a name: write (...) without one, customFieldNames name the groups", key, n)
		}
	}
	s.out.block(`parse "regex"`, argument("pattern", quote(whole(pattern))), argument("columns", quoteAll(names)),
		"strings = true", `null_value = "-"`, `on_error = "drop"`)
	return nil
}

func (s *steps) metadata(key string, o *object) error {
	metadata, ok := o.get("metadata").(*object)
	if !ok {
		return fmt.Errorf("%s.metadata must be an object", key)
	}
	if s.text != asRead && s.text != asFields {
		s.settle()
	}
	text := `"` + escape(`{"metadata":`+string(appendJSON(nil, metadata))+`,"data":`) + `${tojson(` + s.text + `)}`
	if s.text == asFields { // the text of the fields, as a string
		s.out.line("set { message = %s }", s.text)
		text = `"` + escape(`{"metadata":`+string(appendJSON(nil, metadata))+`,"data":`) + `${tojson(record.message)}`
		s.text = asRead
		s.c.say(Different, key, "ADDMETADATA", "behind an option that makes JSON, data is that JSON as a string: compare with a record in the stream, for the documentation does not say")
	}
	s.c.say(TakenOver, key, "ADDMETADATA", "a template, with the record in \"data\"")
	s.c.say(TakenOver, key+".metadata", metadata, "in \"metadata\", as it is written")
	if stamp, _ := boolOf(o.get("timestamp")); stamp {
		text += `,\"ts\":${now.unix_ms}`
		s.c.say(Different, key+".timestamp", o.get("timestamp"), "ts is the time of sending in milliseconds; the documentation does not give its format: look at a record in the stream (now.rfc3339 writes it in RFC 3339)")
	} else if o.has("timestamp") {
		s.c.say(TakenOver, key+".timestamp", o.get("timestamp"), "no ts is added, as there")
	}
	s.text = text + `}"`
	return nil
}
