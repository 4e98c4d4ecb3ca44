package parse

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/kinetail/kinetail/pipeline/match"
	"github.com/kinetail/kinetail/pipeline/record"
)

var (
	berlin, _ = time.LoadLocation("Europe/Berlin")
	clockAt   = func() time.Time { return time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC) }
)

func parser(t testing.TB, name string, o Options) Parser {
	t.Helper()
	p, err := New(name, o)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return p
}

const combinedLine = `203.0.113.195 - frank [10/Oct/2026:13:55:36 +0000] "GET /api/v1/products/12345?ref=homepage&session=af83bc HTTP/1.1" 200 23261 "https://www.example.com/catalog/index.html" "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0 Safari"`

func TestFormats(t *testing.T) {
	agent := Options{Names: "kinesis-agent"}
	for _, tc := range []struct {
		format string
		o      Options
		line   string
		want   string // "" where the line is not in the format
	}{
		{
			"common",
			Options{},
			`127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326`,
			`{"client":"127.0.0.1","user":"frank","timestamp":"2000-10-10T13:55:36-07:00","method":"GET","path":"/apache_pb.gif","protocol":"HTTP/1.0","status":200,"bytes":2326}`,
		},
		{
			"common", agent, `127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 -`,
			`{"host":"127.0.0.1","ident":null,"authuser":"frank","datetime":"10/Oct/2000:13:55:36 -0700","request":"GET / HTTP/1.0","response":"200","bytes":null}`,
		},
		{
			"combined",
			Options{},
			combinedLine,
			`{"client":"203.0.113.195","user":"frank","timestamp":"2026-10-10T13:55:36Z","method":"GET","path":"/api/v1/products/12345","query":"ref=homepage&session=af83bc","protocol":"HTTP/1.1","status":200,"bytes":23261,"referer":"https://www.example.com/catalog/index.html","agent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0 Safari"}`,
		},
		{
			"combined",
			Options{},
			`2001:db8::1 - user@host.example [01/Jan/2026:00:00:00 +0530] "GET / HTTP/2.0" 304 0 "-" ""`,
			`{"client":"2001:db8::1","user":"user@host.example","timestamp":"2026-01-01T00:00:00+05:30","method":"GET","path":"/","protocol":"HTTP/2.0","status":304,"bytes":0}`,
		},
		{
			"combined",
			Options{},
			`::1 - - [01/Jan/2026:00:00:00 +0000] "GET /\"x\" HTTP/1.1" 200 5 "a\\b" "say \"hi\" \x22there\x22" "10.1.1.1" 0.004`,
			`{"client":"::1","timestamp":"2026-01-01T00:00:00Z","method":"GET","path":"/\"x\"","protocol":"HTTP/1.1","status":200,"bytes":5,"referer":"a\\b","agent":"say \"hi\" \"there\"","extra":"\"10.1.1.1\" 0.004"}`,
		},
		{
			"combined",
			Options{},
			`10.0.0.1 - - [01/Jan/2026:00:00:00 +0000] "\x16\x03\x01" 400 157 "-" "-"`,
			`{"client":"10.0.0.1","timestamp":"2026-01-01T00:00:00Z","request":"\u0016\u0003\u0001","status":400,"bytes":157}`,
		},
		{
			"combined",
			Options{},
			`10.0.0.1 - - [01/Jan/2026:00:00:00 +0000] "-" 408 0 "-" "-"`,
			`{"client":"10.0.0.1","timestamp":"2026-01-01T00:00:00Z","status":408,"bytes":0}`,
		},
		{
			"combined",
			Options{},
			`10.0.0.1 - first last [01/Jan/2026:00:00:00 +0000] "GET /a b HTTP/1.1" 200 1 "-" "-"`,
			`{"client":"10.0.0.1","user":"first last","timestamp":"2026-01-01T00:00:00Z","method":"GET","path":"/a b","protocol":"HTTP/1.1","status":200,"bytes":1}`,
		},
		{
			"combined",
			Options{},
			`shop.example:443 2001:db8::1 - - [29/Feb/2024:23:59:60 +0000] "GET / HTTP/1.1" 200 1 "-" "-"`,
			`{"vhost":"shop.example:443","client":"2001:db8::1","timestamp":"2024-02-29T23:59:60Z","method":"GET","path":"/","protocol":"HTTP/1.1","status":200,"bytes":1}`,
		},
		{
			"combined",
			Options{},
			`2001:db8::1 10.0.0.1 - [29/Feb/2024:23:59:60 +0000] "GET / HTTP/1.1" 200 1 "-" "-"`,
			"",
		},
		{"combined", Options{}, `10.0.0.1 - - [31/Jun/2026:00:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "-"`, ""},
		{"combined", Options{}, `10.0.0.1 - - [29/Feb/2026:00:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "-"`, ""},
		{"combined", Options{}, `10.0.0.1 - - [01/Jan/2026:24:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "-"`, ""},
		{"combined", Options{}, `10.0.0.1 - - [01/Jan/2026:00:00:00 +0090] "GET / HTTP/1.1" 200 1 "-" "-"`, ""},
		{"nginx_error", Options{}, `2026/02/30 13:55:36 [notice] 1#1: x`, ""},
		{"apache_error", Options{}, `[Mon Apr 31 14:32:52 2000] [error] x`, ""},
		{"syslog", Options{}, `Jun 31 22:14:15 host su: x`, ""},
		{"combined", Options{}, `not an access log line`, ""},
		{"combined", Options{}, `10.0.0.1 - - [01/Jan/2026:00:00:00 +0000] "GET / HTTP/1.1" 200 1`, ""},

		{
			"json",
			Options{},
			` {"a": 1, "b": {"c": [1, 2]}, "s": "q\"\u00e9\ud83d\ude00", "big": 12345678901234567890, "f": 1.50, "n": null, "t": true} `,
			`{"a":1,"b":{"c": [1, 2]},"s":"q\"é😀","big":12345678901234567890,"f":1.50,"n":null,"t":true}`,
		},
		{"json", Options{}, `{"a": 1, "b": 2, "a": 3}`, `{"a":3,"b":2}`},
		{"json", Options{Into: "log"}, `{"a": 1}`, `{"log":{"a": 1}}`},
		{"json", Options{}, `{}`, `{}`},
		{"json", Options{}, "{\"m\": {\"a\":\n[1,\r\n \"x\xff y\"]}}", `{"m":{"a":[1,"x` + "\ufffd" + ` y"]}}`},
		{"json", Options{}, `{"a": 01}`, ""},
		{"json", Options{}, `{"a": 1,}`, ""},
		{"json", Options{}, `{"a": 1} x`, ""},
		{"json", Options{}, "{\"a\": \"\x01\"}", ""},
		{"json", Options{}, `[1]`, ""},
		{"json", Options{}, `{"a": ` + strings.Repeat("[", 5000), ""},
		{"json", Options{TimestampField: "ts", TimestampFormat: "unix_ms"}, `{"ts": 1767225600123, "a": 1}`, `{"a":1,"timestamp":"2026-01-01T00:00:00.123Z"}`},
		{"json", Options{TimestampField: "ts", TimestampFormat: "unix"}, `{"ts": 1767225600.5}`, `{"timestamp":"2026-01-01T00:00:00.500Z"}`},
		{"json", Options{TimestampField: "t", TimestampFormat: "2006-01-02 15:04:05", Timezone: berlin}, `{"t": "2026-07-01 12:00:00"}`, `{"timestamp":"2026-07-01T12:00:00+02:00"}`},
		{"json", Options{TimestampField: "t", TimestampFormat: "rfc3339"}, `{"t": "no time"}`, `{"t":"no time"}`},

		{
			"logfmt",
			Options{},
			`ts=2026-01-01T00:00:00Z level=info msg="hello \"you\"" n=42 d=1.5 ok=true id=007 sha=12e45 flag empty=`,
			`{"ts":"2026-01-01T00:00:00Z","level":"info","msg":"hello \"you\"","n":42,"d":1.5,"ok":true,"id":"007","sha":"12e45","flag":true,"empty":""}`,
		},
		{"logfmt", Options{Strings: true}, `n=42`, `{"n":"42"}`},
		{"logfmt", Options{}, `just some words`, ""},
		{"logfmt", Options{}, `a="unclosed`, ""},
		{"kv", Options{Pairs: ";", Values: ":"}, `a: 1; b:two words ;c:'x;y';noise`, `{"a":1,"b":"two words","c":"x;y"}`},
		{"kv", Options{}, `a=1 b="x y" c=d`, `{"a":1,"b":"x y","c":"d"}`},

		{"csv", Options{Columns: []string{"a", "b", "c"}}, `1,"x, ""y""",z`, `{"a":1,"b":"x, \"y\"","c":"z"}`},
		{"csv", Options{Columns: []string{"a", "", "c"}, Delimiter: "\t"}, "true\tskip\t", `{"a":true}`},
		{"csv", Options{Columns: []string{"a", "b"}}, `1`, ""},
		{"csv", Options{Columns: []string{"a", "b"}}, `1,2,3`, ""},
		{"csv", Options{Columns: []string{"a", "b"}}, `"1,2`, ""},

		{
			"syslog",
			Options{Now: clockAt},
			`<34>Oct 11 22:14:15 mymachine su[230]: 'su root' failed`,
			`{"priority":34,"facility":"auth","severity":"crit","timestamp":"2025-10-11T22:14:15Z","hostname":"mymachine","appname":"su","procid":"230","message":"'su root' failed"}`,
		},
		{
			"syslog",
			Options{Now: clockAt, Timezone: berlin},
			`Jan  4 02:03:04 web1 CRON[1]: (root) CMD (x)`,
			`{"timestamp":"2026-01-04T02:03:04+01:00","hostname":"web1","appname":"CRON","procid":"1","message":"(root) CMD (x)"}`,
		},
		{
			"syslog",
			Options{},
			`2026-11-22T22:42:01.123456+00:00 web1 systemd[1]: Started x.`,
			`{"timestamp":"2026-11-22T22:42:01.123456+00:00","hostname":"web1","appname":"systemd","procid":"1","message":"Started x."}`,
		},
		{
			"syslog",
			Options{},
			`<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut="3" eventSource="App\"\]" eventID="1011"][b@1 x="y"] An event`,
			`{"priority":165,"facility":"local4","severity":"notice","version":1,"timestamp":"2003-10-11T22:14:15.003Z","hostname":"mymachine.example.com","appname":"evntslog","msgid":"ID47","structured_data":{"exampleSDID@32473":{"iut":"3","eventSource":"App\"]","eventID":"1011"},"b@1":{"x":"y"}},"message":"An event"}`,
		},
		{"syslog", Options{}, `<13>1 - - - - - -`, `{"priority":13,"facility":"user","severity":"notice","version":1}`},
		{
			"syslog",
			Options{Names: "kinesis-agent"},
			`Mar 12 12:27:00 server3 named[32172]: lame server`,
			`{"timestamp":"Mar 12 12:27:00","hostname":"server3","program":"named","processid":"32172","message":"lame server"}`,
		},
		{
			"syslog",
			Options{},
			`2026-11-22T22:42:01Z web1 postfix/smtpd[4711] from a relay`,
			`{"timestamp":"2026-11-22T22:42:01Z","hostname":"web1","appname":"postfix/smtpd","procid":"4711","message":"from a relay"}`,
		},
		{"syslog", Options{}, `2026-11-22T22:42:01Z - list[x] of things`, `{"timestamp":"2026-11-22T22:42:01Z","message":"list[x] of things"}`},
		{"syslog", Options{}, `hello`, ""},
		{"syslog", Options{}, `<999>x`, ""},

		{
			"nginx_error",
			Options{},
			`2026/10/10 13:55:36 [error] 123#124: *7 open() "/x, client: y" failed (2: No such file), client: 10.0.0.1, server: example.com, request: "GET /a, b HTTP/1.1", host: "example.com:80", referrer: "http://x/"`,
			`{"timestamp":"2026-10-10T13:55:36Z","level":"error","pid":123,"tid":124,"connection":7,"message":"open() \"/x, client: y\" failed (2: No such file)","client":"10.0.0.1","server":"example.com","request":"GET /a, b HTTP/1.1","host":"example.com:80","referrer":"http://x/"}`,
		},
		{
			"nginx_error",
			Options{},
			`2026/10/10 13:55:36 [error] 123#124: *7 connect() failed (111: Connection refused) while connecting to upstream, client: ::1, server: , request: "GET / HTTP/1.1", upstream: "http://127.0.0.1:1/", host: "x"`,
			`{"timestamp":"2026-10-10T13:55:36Z","level":"error","pid":123,"tid":124,"connection":7,"message":"connect() failed (111: Connection refused) while connecting to upstream","client":"::1","server":"","request":"GET / HTTP/1.1","upstream":"http://127.0.0.1:1/","host":"x"}`,
		},
		{
			"nginx_error",
			Options{Timezone: berlin},
			`2026/07/10 13:55:36 [notice] 1#1: signal process started`,
			`{"timestamp":"2026-07-10T13:55:36+02:00","level":"notice","pid":1,"tid":1,"message":"signal process started"}`,
		},
		{"nginx_error", Options{}, `x`, ""},

		{
			"apache_error",
			Options{},
			`[Wed Oct 11 14:32:52 2000] [error] [client 127.0.0.1] client denied by server configuration: /export`,
			`{"timestamp":"2000-10-11T14:32:52Z","level":"error","client":"127.0.0.1","message":"client denied by server configuration: /export"}`,
		},
		{
			"apache_error",
			Options{},
			`[Fri Sep 09 10:42:29.902022 2011] [core:error] [pid 35708:tid 4328636416] [client 72.15.99.187] AH00126: File does not exist: /x`,
			`{"timestamp":"2011-09-09T10:42:29.902022Z","module":"core","level":"error","pid":35708,"tid":4328636416,"client":"72.15.99.187","code":"AH00126","message":"File does not exist: /x"}`,
		},
		{
			"apache_error",
			Options{},
			`[Fri Sep 09 10:42:29.902022 2011] [core:crit] [pid 3] (13)Permission denied: [client ::1:99] AH00529: x`,
			`{"timestamp":"2011-09-09T10:42:29.902022Z","module":"core","level":"crit","pid":3,"client":"::1:99","code":"AH00529","message":"(13)Permission denied: AH00529: x"}`,
		},
		{
			"apache_error",
			Options{},
			`[Fri Sep  9 10:42:29 2011] [mpm_event:notice] [pid 1:tid 2] AH00489: Apache/2.4 configured`,
			`{"timestamp":"2011-09-09T10:42:29Z","module":"mpm_event","level":"notice","pid":1,"tid":2,"code":"AH00489","message":"Apache/2.4 configured"}`,
		},
		{
			"apache_error",
			Options{Names: "kinesis-agent"},
			`[Wed Oct 11 14:32:52 2000] [error] [client 127.0.0.1] x`,
			`{"timestamp":"Wed Oct 11 14:32:52 2000","module":null,"severity":"error","processid":null,"threadid":null,"client":"127.0.0.1","message":"x"}`,
		},
		{"apache_error", Options{}, `[x]`, ""},

		{"split", Options{Columns: []string{"a", "b", "c"}, Separator: ","}, `1, "x ,true`, `{"a":1,"b":"\"x","c":true}`},
		{"split", Options{Columns: []string{"a", "b", "c"}, Separator: ",", Strings: true}, `1,,`, `{"a":"1","b":null,"c":null}`},
		{"split", Options{Columns: []string{"a", "b", "c"}, Separator: ",", Strings: true}, `,,3`, `{"a":"","b":"","c":"3"}`},
		{"split", Options{Columns: []string{"a", "b"}, Separator: ","}, `x,,,z,`, `{"a":"x","b":""}`},
		{"split", Options{Columns: []string{"a", "b"}, Separator: ","}, `x,,,`, `{"a":"x","b":null}`},
		{"split", Options{Columns: []string{"a", "", "c"}}, "x  y\t z more", `{"a":"x","c":"z"}`},
		{"split", Options{Columns: []string{"a", "b"}, Separator: `\|+`, NullValue: "-"}, "-||b", `{"a":null,"b":"b"}`},
		{"split", Options{Columns: []string{"a", "b"}}, "", `{"a":null,"b":null}`},
		{"regex", Options{Pattern: `^(\S+) (\d+)(?: (\S+))?$`, Columns: []string{"ip", "", "rest"}, NullValue: "-"}, `- 42`, `{"ip":null,"rest":null}`},
		{"regex", Options{Pattern: `^(\S+) (\d+)$`, Columns: []string{"ip", "n"}, Strings: true}, `a 42`, `{"ip":"a","n":"42"}`},
		{"regex", Options{Pattern: `^(?P<ip>\S+) (?P<n>\d+)(?: (?P<rest>.*))?`}, `10.0.0.1 42`, `{"ip":"10.0.0.1","n":42}`},
		{"regex", Options{Pattern: `^(?P<n>\d+)$`}, `x`, ""},
		{
			"grok",
			Options{Pattern: `%{IP:client} %{WORD:method} %{NOTSPACE:path} %{NUMBER:n:int} %{GREEDYDATA:rest}`},
			`2001:db8::1 GET /a 42 and more`,
			`{"client":"2001:db8::1","method":"GET","path":"/a","n":42,"rest":"and more"}`,
		},
		{
			"grok",
			Options{Pattern: `%{TIMESTAMP_ISO8601:ts} %{LOGLEVEL:level} %{MINE:x}`, Patterns: map[string]string{"MINE": `[a-c]+`}},
			`2026-01-02 03:04:05,678 WARN abc`,
			`{"ts":"2026-01-02 03:04:05,678","level":"WARN","x":"abc"}`,
		},
		{
			"grok",
			Options{Pattern: `%{COMBINEDAPACHELOG}`},
			combinedLine,
			`{"clientip":"203.0.113.195","ident":"-","auth":"frank","timestamp":"10/Oct/2026:13:55:36 +0000","verb":"GET","request":"/api/v1/products/12345?ref=homepage&session=af83bc","httpversion":"1.1","response":200,"bytes":23261,"referrer":"\"https://www.example.com/catalog/index.html\"","agent":"\"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0 Safari\""}`,
		},
		{
			"grok",
			Options{Pattern: `^%{HTTPD_ERRORLOG}$`},
			`[Fri Sep 09 10:42:29.902022 2011] [core:error] [pid 35708:tid 43] [client 72.15.99.187:80] AH00126: no file`,
			`{"timestamp":"Fri Sep 09 10:42:29.902022 2011","module":"core","loglevel":"error","pid":35708,"tid":43,"clientip":"72.15.99.187","clientport":80,"errorcode":"AH00126","message":"no file"}`,
		},
		{
			"grok",
			Options{Pattern: `^%{SYSLOG5424LINE}$`},
			`<165>1 2003-10-11T22:14:15.003Z h app - ID47 [a@1 b="c"][d@1 e="f"] An event`,
			`{"syslog5424_pri":165,"syslog5424_ver":1,"syslog5424_ts":"2003-10-11T22:14:15.003Z","syslog5424_host":"h","syslog5424_app":"app","syslog5424_msgid":"ID47","syslog5424_sd":"[a@1 b=\"c\"][d@1 e=\"f\"]","syslog5424_msg":"An event"}`,
		},
		{
			"grok",
			Options{Pattern: `%{JAVASTACKTRACEPART}`},
			`	at com.example.Shop.buy(Shop.java:17)`,
			`{"class":"com.example.Shop","method":"buy","file":"Shop.java","line":17}`,
		},
		{
			"grok",
			Options{Pattern: `%{SYSLOGBASE} %{GREEDYDATA:message}`},
			`Oct 11 22:14:15 host su[230]: failed`,
			`{"timestamp":"Oct 11 22:14:15","logsource":"host","program":"su","pid":230,"message":"failed"}`,
		},
	} {
		var r record.Record
		var arena []byte
		ok := parser(t, tc.format, tc.o).Parse(tc.line, &r, &arena)
		if ok != (tc.want != "") {
			t.Errorf("%s: %.100q parsed: %v", tc.format, tc.line, ok)
			continue
		}
		replaced := 0
		if got := string(r.AppendJSON(nil, &replaced)); ok && got != tc.want {
			t.Errorf("%s: %q\n got %s\nwant %s", tc.format, tc.line, got, tc.want)
		}
	}
}

func TestHeaderLines(t *testing.T) {
	for _, tc := range []struct {
		o                  Options
		header, line, want string
	}{
		{Options{}, `a,b`, `1,x`, `{"a":1,"b":"x"}`},
		{Options{Delimiter: ";"}, `"time; of day";level;;level;"say ""x"""`, `10:00;warn;3;4;y`, `{"time; of day":"10:00","level":"warn","column_3":3,"level_2":4,"say \"x\"":"y"}`},
		{Options{TimestampField: "t", TimestampFormat: "unix"}, `t,n`, `1767225600,1`, `{"n":1,"timestamp":"2026-01-01T00:00:00Z"}`},
		{Options{}, `a,b`, `1,2,3`, ""},
		{Options{}, ``, `1`, ""},
	} {
		tc.o.Header = true
		p := parser(t, "csv", tc.o)
		headed, ok := p.(Headed)
		if !ok {
			t.Fatal("it takes no header")
		}
		headed.SetHeader("x")
		headed.SetHeader(tc.header)
		var r record.Record
		var arena []byte
		replaced := 0
		got := ""
		if p.Parse(tc.line, &r, &arena) {
			got = string(r.AppendJSON(nil, &replaced))
		}
		if got != tc.want {
			t.Errorf("%q under %q: %s, want %s", tc.line, tc.header, got, tc.want)
		}
	}
}

// Each of grok's patterns finds what package regexp finds.
func TestGrokPatternsMatchLikeRegexp(t *testing.T) {
	g := grok{}
	for name := range grokPatterns {
		text, err := g.expand("%{"+name+":x}", 0)
		if err != nil {
			t.Fatal(err)
		}
		re := regexp.MustCompile(text)
		ours := match.New(re)
		var st match.State
		for _, line := range []string{
			combinedLine, "2026-01-02 03:04:05,678 WARN abc", "Oct 11 22:14:15 host su[230]: failed", "2001:db8::1 GET /a 42 and more", "10/Oct/2026:13:55:36 +0000",
			"https://user:pw@host.example:80/a?b=c#d", "\tat com.example.Shop.buy(Shop.java:17)", "", "\xff\xfe", strings.Repeat("a1:", 100),
		} {
			if got, want := ours.Find(&st, line), re.FindStringSubmatchIndex(line); !slices.Equal(got, want) {
				t.Errorf("%s on %q: %v, want %v", name, line, got, want)
			}
		}
	}
}

func TestWrongOptionsAreRefused(t *testing.T) {
	for _, tc := range []struct {
		format string
		o      Options
		say    string
	}{
		{"jsn", Options{}, "use one of apache_error"},
		{"json", Options{Pattern: "x"}, "has no pattern"},
		{"csv", Options{}, "columns"},
		{"csv", Options{Columns: []string{"a", "a"}}, "twice"},
		{"csv", Options{Columns: []string{"a"}, Header: true}, "leave out columns"},
		{"json", Options{Header: true}, "has no header"},
		{"csv", Options{Columns: []string{"a"}, Delimiter: "||"}, "one character"},
		{"regex", Options{}, "named groups"},
		{"regex", Options{Pattern: "(x)"}, "no named groups"},
		{"regex", Options{Pattern: "(x)(y)", Columns: []string{"a"}}, "2 groups and columns has 1"},
		{"regex", Options{Pattern: "(?P<a>x)", Columns: []string{"a"}}, "has a name already"},
		{"split", Options{}, "columns"},
		{"split", Options{Columns: []string{"a"}, Separator: ",*"}, "empty text"},
		{"regex", Options{Pattern: "("}, "missing closing"},
		{"grok", Options{Pattern: "%{IPP:x}"}, "no pattern %{IPP}"},
		{"grok", Options{Pattern: "%{A:x}", Patterns: map[string]string{"A": "%{A}"}}, "circle"},
		{"grok", Options{Pattern: "%{IP:x:date}"}, "int, float or string"},
		{"grok", Options{Pattern: "%{IP}"}, "names no fields"},
		{"common", Options{Names: "x"}, "kinesis-agent"},
		{"json", Options{TimestampField: "x"}, "together"},
		{"json", Options{TimestampField: "x", TimestampFormat: "iso"}, "no part of a time"},
		{"combined", Options{Timezone: berlin}, "has no timezone"},
	} {
		if _, err := New(tc.format, tc.o); err == nil || !strings.Contains(err.Error(), tc.say) {
			t.Errorf("%s %+v: %v does not say %q", tc.format, tc.o, err, tc.say)
		}
	}
}

// FuzzParse gives any line to all formats: no panic, no field twice, and what comes out is valid JSON.
func FuzzParse(f *testing.F) {
	all := allParsers(f)
	f.Add(combinedLine)
	f.Add(`<165>1 2003-10-11T22:14:15.003Z m e - ID47 [a@1 iut="3"] An event`)
	f.Add(`[Fri Sep 09 10:42:29.902022 2011] [core:error] [pid 35708:tid 43] (13)x: [client ::1] AH00126: y`)
	f.Add(`2026/10/10 13:55:36 [error] 123#124: *7 x, client: ::1, request: "GET / HTTP/1.1"`)
	f.Add(`{"a": {"b": [1, "\u00e9"]}, "a": -0.5e3}`)
	f.Add(`a=1 b="x y" c`)
	f.Add(`1,"x ""y""",z`)
	f.Add(`Oct 11 22:14:15 host tag[1]: m`)
	f.Fuzz(func(t *testing.T, line string) {
		for name, p := range all {
			var r record.Record
			var arena []byte
			if !p.Parse(line, &r, &arena) {
				continue
			}
			seen := map[string]bool{}
			for _, field := range r.Fields {
				if seen[field.Name] {
					t.Fatalf("%s: %q twice in %q", name, field.Name, line)
				}
				seen[field.Name] = true
			}
			replaced := 0
			out := r.AppendJSON(nil, &replaced)
			var v map[string]any
			if err := json.Unmarshal(out, &v); err != nil || !utf8.Valid(out) {
				t.Fatalf("%s of %q: %v\n%q", name, line, err, out)
			}
		}
		if utf8.ValidString(line) {
			var m map[string]json.RawMessage
			var r record.Record
			var arena []byte
			ours := all["json"].Parse(line, &r, &arena)
			if theirs := json.Unmarshal([]byte(line), &m) == nil && m != nil; theirs != ours && !strings.Contains(line, strings.Repeat("[", 900)) {
				t.Fatalf("encoding/json says %v of %q, we %v", theirs, line, ours)
			}
		}
	})
}

func allParsers(t testing.TB) map[string]Parser {
	all := map[string]Parser{}
	for _, name := range Formats() {
		o := Options{}
		switch name {
		case "csv", "split":
			o.Columns = []string{"a", "b", "c"}
		case "regex":
			o.Pattern = `(?P<a>\w+)[ =](?P<b>\S*)`
		case "grok":
			o.Pattern = `%{IPORHOST:a} %{GREEDYDATA:b}`
		}
		all[name] = parser(t, name, o)
	}
	headed := parser(t, "csv", Options{Header: true})
	headed.(Headed).SetHeader(`a,"b, c",,a`)
	all["csv with a header"] = headed
	all["backtracking"] = parser(t, "regex", Options{Pattern: `^(?P<a>.*?)(?:(?P<b>\d+)|"(?P<c>(?:\\.|[^\\"])*)")+(?P<d>.*) (?P<e>\w*)$`})
	return all
}

var benchLines = map[string]string{
	"combined":     combinedLine,
	"common":       strings.Split(combinedLine, ` "https`)[0],
	"json":         `{"client":"203.0.113.195","user":"frank","timestamp":"2026-10-10T13:55:36Z","method":"GET","path":"/api/v1/products/12345","query":"ref=homepage","protocol":"HTTP/1.1","status":200,"bytes":23261,"agent":"Mozilla/5.0 (X11; Linux x86_64) Gecko","ok":true}`,
	"logfmt":       `ts=2026-10-10T13:55:36Z level=info caller=main.go:12 msg="request done, all well" method=GET path=/api/v1/products/12345 status=200 bytes=23261 client=203.0.113.195 duration=12.5ms ok=true trace=4bf92f3577b34da6a3ce929d0e0e4736 component=gateway`,
	"csv":          `203.0.113.195,frank,2026-10-10T13:55:36Z,GET,"/api/v1/products/12345",200,23261`,
	"split":        `203.0.113.195 frank 2026-10-10T13:55:36Z GET /api/v1/products/12345 200 23261`,
	"syslog":       `<34>Oct 11 22:14:15 mymachine su[230]: 'su root' failed for lonvick on /dev/pts/8`,
	"nginx_error":  `2026/10/10 13:55:36 [error] 123#124: *7 connect() failed (111: Connection refused) while connecting to upstream, client: ::1, server: , request: "GET / HTTP/1.1", upstream: "http://127.0.0.1:1/", host: "x"`,
	"apache_error": `[Fri Sep 09 10:42:29.902022 2011] [core:error] [pid 35708:tid 4328636416] [client 72.15.99.187] AH00126: File does not exist: /usr/local/x`,
	"kv":           `a=1 b=two c="three four" d=5`,
	"regex":        combinedLine,
}

func benchOptions(name string) Options {
	switch name {
	case "csv", "split":
		return Options{Columns: []string{"client", "user", "time", "method", "path", "status", "bytes"}}
	case "regex":
		return Options{Pattern: `^(?P<client>\S+) (?P<ident>\S+) (?P<user>\S+) \[(?P<time>[^\]]+)\] "(?P<method>\S+) (?P<path>\S+) (?P<protocol>[^"]+)" (?P<status>\d+) (?P<bytes>\d+) "(?P<referer>[^"]*)" "(?P<agent>[^"]*)"$`}
	}
	return Options{}
}

func TestNoAllocations(t *testing.T) {
	for name, line := range benchLines {
		p := parser(t, name, benchOptions(name))
		var r record.Record
		var arena []byte
		parse := func() {
			r.Reset()
			arena = arena[:0]
			if !p.Parse(line, &r, &arena) {
				t.Fatal(name)
			}
		}
		parse()
		if n := testing.AllocsPerRun(100, parse); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// BenchmarkParseToJSON is parsing and writing as JSON, per line; MB/s are of input.
func BenchmarkParseToJSON(b *testing.B) {
	for _, name := range Formats() {
		line, ok := benchLines[name]
		if !ok {
			continue
		}
		b.Run(name, func(b *testing.B) {
			p := parser(b, name, benchOptions(name))
			var r record.Record
			var arena, out []byte
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			replaced := 0
			for b.Loop() {
				r.Reset()
				arena = arena[:0]
				if !p.Parse(line, &r, &arena) {
					b.Fatal("not parsed")
				}
				out = r.AppendJSON(out[:0], &replaced)
			}
		})
	}
}
