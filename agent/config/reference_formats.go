package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kinetail/kinetail/pipeline"
	formats "github.com/kinetail/kinetail/pipeline/parse"
	"github.com/kinetail/kinetail/tailer"
)

// formatExample is a line of a format; the reference shows the fields that it becomes.
type formatExample struct {
	line    string
	options formats.Options
	// block is what is written to get that, if it is more than the format.
	block string
}

var formatExamples = map[string]formatExample{
	"json":         {line: `{"level":"info","http":{"status":200},"msg":"ready"}`},
	"logfmt":       {line: `level=info status=200 msg="is ready"`},
	"common":       {line: `192.0.2.7 - alice [22/Nov/2026:10:00:00 +0100] "GET /cart?id=7 HTTP/1.1" 200 512`},
	"combined":     {line: `192.0.2.7 - alice [22/Nov/2026:10:00:00 +0100] "GET /cart?id=7 HTTP/1.1" 200 512 "https://shop.example/" "curl/8.5" 0.004`},
	"nginx_error":  {line: `2026/11/22 10:00:00 [error] 29#30: *1 open() "/srv/x" failed (2: No such file or directory), client: 192.0.2.7, server: _, request: "GET /x HTTP/1.1", host: "example.com"`},
	"apache_error": {line: `[Sun Nov 22 10:00:00.123456 2026] [proxy:error] [pid 7:tid 8] [client 192.0.2.7:4711] AH00957: attempt to connect failed`},
	"syslog":       {line: `<165>1 2026-11-22T10:00:00.003Z web-1 app 4711 ID47 [meta@32473 user="alice"] started`},
	"csv":          {`2026-11-22,warn,"one, two"`, formats.Options{Columns: []string{"day", "level", "text"}}, `columns = ["day", "level", "text"]`},
	"split":        {`12 || web || - || ready`, formats.Options{Columns: []string{"n", "app", "user", "text"}, Separator: `\|\|`, NullValue: "-"}, "columns = [\"n\", \"app\", \"user\", \"text\"]`, `separator = \"\\\\|\\\\|\"` and `null_value = \"-\""},
	"regex":        {`WARN disk at 91%`, formats.Options{Pattern: `^(?P<level>[A-Z]+) (?P<what>\w+) at (?P<percent>\d+)%$`}, `pattern = "^(?P<level>[A-Z]+) (?P<what>\\w+) at (?P<percent>\\d+)%$"`},
	"grok":         {`WARN 192.0.2.7 closed`, formats.Options{Pattern: `%{LOGLEVEL:level} %{IP:client} %{GREEDYDATA:text}`}, `pattern = "%%{LOGLEVEL:level} %%{IP:client} %%{GREEDYDATA:text}"`},
	"kv":           {`a:1|b:two`, formats.Options{Pairs: "|", Values: ":"}, "pair_separator = \"|\"` and `value_separator = \":\""},
}

func writeFormats(out *strings.Builder) {
	out.WriteString("\n## Formats\n\nThe fields that `parse` makes, shown by parsing these lines. The names do not change between releases.\n")
	for _, name := range slices.Sorted(maps.Keys(formatExamples)) {
		x := formatExamples[name]
		fmt.Fprintf(out, "\n### %s\n\n%s\n\n", name, descriptions["format "+name])
		if x.block != "" {
			fmt.Fprintf(out, "With `%s`:\n\n", x.block)
		}
		fmt.Fprintf(out, "```text\n%s\n%s\n```\n", x.line, parsed(name, x.line, x.options))
		if slices.Contains(parseArguments[name], "names") {
			x.options.Names = "kinesis-agent"
			fmt.Fprintf(out, "\nWith `names = \"kinesis-agent\"`:\n\n```text\n%s\n```\n", parsed(name, x.line, x.options))
		}
	}
}

// parsed is what becomes of a line, as JSON.
func parsed(format, line string, o formats.Options) string {
	o.Now = func() time.Time { return time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC) }
	step, err := pipeline.NewParse(pipeline.ParseOptions{Format: format, Options: o})
	if err != nil {
		return err.Error()
	}
	encoder, err := pipeline.NewEncoder(pipeline.EncoderOptions{Format: "json"})
	if err != nil {
		return err.Error()
	}
	p, err := pipeline.New([]pipeline.Step{step}, []*pipeline.Encoder{encoder}, pipeline.Options{})
	if err != nil {
		return err.Error()
	}
	b := &tailer.Batch{Data: []byte(line), Records: []tailer.Record{{Len: uint32(len(line))}}}
	var got pipeline.Payloads
	p.Process(b, []*pipeline.Payloads{&got})
	return string(got.Items[0].Data)
}
