package convert

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/tools/txtar"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What each kind of option and flow becomes, and that it arrives byte by byte, is tested with testdata/convert of agent/command.

func one(t *testing.T, global string) *Result {
	t.Helper()
	r, err := Convert([]Source{{"agent.json", []byte(fmt.Sprintf(`{ %s "flows": [ { "filePattern": "/x", "kinesisStream": "k" }, { "filePattern": "/x", "deliveryStream": "f" } ] }`, global))}}, Options{})
	if err != nil {
		t.Fatalf("%s: %v", global, err)
	}
	return r
}

func TestEndpoints(t *testing.T) {
	for _, tc := range []struct {
		global string
		want   []string // in this order
	}{
		{``, []string{`region = "us-east-1"`}},
		{`"kinesis.endpoint": "kinesis.eu-west-1.amazonaws.com", "firehose.endpoint": "firehose.eu-west-1.amazonaws.com", "cloudwatch.endpoint": "monitoring.eu-west-1.amazonaws.com",`, []string{`region = "eu-west-1"`}},
		{`"kinesis.endpoint": "https://kinesis.cn-north-1.amazonaws.com.cn:443/", "firehose.endpoint": "firehose.cn-north-1.amazonaws.com.cn",`, []string{`region = "cn-north-1"`, `aws { region = "us-east-1" }`}},
		{`"kinesis.region": "ap-south-1", "cloudwatch.emitMetrics": false,`, []string{`region = "ap-south-1"`, `aws { region = "us-east-1" }`}},
		{`"firehose.endpoint": "http://localhost:4573", "cloudwatch.emitMetrics": "false",`, []string{`firehose = "http://localhost:4573"`}},
		{`"kinesis.endpoint": "http://proxy.example:80",`, []string{"allow_insecure = true", `kinesis = "http://proxy.example:80"`}},
		{`"assumeRoleARN": "arn:aws:iam::123456789012:role/x", "sts.endpoint": "https://sts.amazonaws.com",`, []string{`sts = "https://sts.amazonaws.com"`, `arn = "arn:aws:iam::123456789012:role/x"`}},
	} {
		hcl := string(one(t, tc.global).HCL)
		at := 0
		for _, want := range tc.want {
			i := strings.Index(hcl[at:], want)
			if i < 0 {
				t.Errorf("%s: no %s in\n%s", tc.global, want, hcl)
				break
			}
			at += i + len(want)
		}
		if strings.Count(hcl, "region = ") != strings.Count(strings.Join(tc.want, "\n"), "region = ") && strings.Contains(strings.Join(tc.want, ""), "region") {
			t.Errorf("%s: other regions in\n%s", tc.global, hcl)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{``, "is empty"},
		{`{`, "ends inside of a value"},
		{"{\n\"flows\": [\n}", "agent.json:3: this is not JSON"},
		{`{"flows": []} x`, "this is not JSON"},
		{`{"flows": {}}`, `"flows" must be a list`},
		{`{"flows": [1]}`, "flows[0] is 1, not an object"},
		{`{"flows": []}`, "there are no flows"},
		{`{"flows": [], "cloudwatch.emitMetrics": "perhaps"}`, "must be true or false"},
		{`{"flows": [{"filePattern": "/x", "kinesisStream": "no such/name"}]}`, "stream cannot be"},
		{`{"flows": [{"filePattern": "/x", "kinesisStream": "s"}], "assumeRoleARN": "logs"}`, "arn cannot be"},
		{strings.Repeat("[", 200), "nested too deep"},
	} {
		if _, err := Convert([]Source{{"agent.json", []byte(tc.text)}}, Options{}); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%.60s: %v, want %q", tc.text, err, tc.want)
		}
	}
}

// A flow that cannot be converted says why, and the reason names the key.
func TestFlowsThatCannotBeConverted(t *testing.T) {
	for _, tc := range []struct{ flow, want string }{
		{`"kinesisStream": "s"`, "no filePattern"},
		{`"filePattern": "/x"`, "neither kinesisStream nor deliveryStream"},
		{`"filePattern": "x", "kinesisStream": "s"`, "relative"},
		{`"filePattern": "/x/", "kinesisStream": "s"`, "is a directory"},
		{`"filePattern": "/x", "kinesisStream": "s", "initialPosition": "MIDDLE"`, "neither START_OF_FILE nor END_OF_FILE"},
		{`"filePattern": "/x", "kinesisStream": "s", "partitionKeyOption": "X"`, "neither RANDOM nor DETERMINISTIC"},
		{`"filePattern": "/x", "kinesisStream": "s", "skipHeaderLines": "x"`, "skipHeaderLines must be a number"},
		{`"filePattern": "/x", "kinesisStream": "s", "maxBufferAgeMillis": "x"`, "must be a number of milliseconds"},
		{`"filePattern": "/x", "deliveryStream": "s", "aggregatedRecordSizeBytes": -1`, "must be a number of bytes"},
		{`"filePattern": "/x", "kinesisStream": "s", "dataProcessingOptions": ["SINGLELINE"]`, "not an object"},
		{`"filePattern": "/x", "kinesisStream": "s", "dataProcessingOptions": [{"optionName": "XMLTOJSON"}]`, `there is no option "XMLTOJSON"`},
		{`"filePattern": "/x", "kinesisStream": "s", "dataProcessingOptions": [{"optionName": "CSVTOJSON"}]`, "needs customFieldNames"},
		{`"filePattern": "/x", "kinesisStream": "s", "dataProcessingOptions": [{"optionName": "CSVTOJSON", "customFieldNames": ["a", "a"]}]`, "named twice"},
		{`"filePattern": "/x", "kinesisStream": "s", "dataProcessingOptions": [{"optionName": "CSVTOJSON", "customFieldNames": ["a"], "delimiter": ",*"}]`, "empty text"},
		{`"filePattern": "/x", "kinesisStream": "s", "dataProcessingOptions": [{"optionName": "LOGTOJSON"}]`, "there is no logFormat"},
		{`"filePattern": "/x", "kinesisStream": "s", "dataProcessingOptions": [{"optionName": "LOGTOJSON", "logFormat": "SYSLOG", "customFieldNames": ["a"]}]`, "has 1 names, and SYSLOG has 5"},
		{`"filePattern": "/x", "kinesisStream": "s", "dataProcessingOptions": [{"optionName": "LOGTOJSON", "logFormat": "SYSLOG", "matchPattern": "(a)(b)"}]`, "has 2 groups, and there are 5 names"},
		{`"filePattern": "/x", "kinesisStream": "s", "dataProcessingOptions": [{"optionName": "LOGTOJSON", "logFormat": "SYSLOG", "matchPattern": "(?<x>a)", "customFieldNames": ["x"]}]`, "has a name"},
		{`"filePattern": "/x", "kinesisStream": "s", "dataProcessingOptions": [{"optionName": "LOGTOJSON", "logFormat": "SYSLOG", "matchPattern": "([a-z&&[^b]])", "customFieldNames": ["x"]}]`, "means something else here"},
		{`"filePattern": "/x", "kinesisStream": "s", "dataProcessingOptions": [{"optionName": "ADDMETADATA"}]`, "metadata must be an object"},
		{`"filePattern": "/x", "kinesisStream": "s", "multiLineStartPattern": "a++"`, "no possessive"},
	} {
		r, err := Convert([]Source{{"agent.json", []byte(`{"flows": [ {` + tc.flow + `} ]}`)}}, Options{})
		if err != nil || len(r.Failed) != 1 || len(r.HCL) != 0 || !strings.Contains(r.Failed[0].Error(), tc.want) || r.Report.Count(NoCounterpart) != 1 {
			t.Errorf("%s: %v %+v, want %q", tc.flow, err, r, tc.want)
		}
	}
}

// documented are all settings of the Java agent.
var documented = strings.Fields(`flows filePattern kinesisStream deliveryStream initialPosition partitionKeyOption maxBufferAgeMillis maxBufferSizeRecords
	maxBufferSizeBytes aggregatedRecordSizeBytes multiLineStartPattern skipHeaderLines truncatedRecordTerminator fileFooterPattern assumeRoleARN assumeRoleExternalId
	awsAccessKeyId awsSecretAccessKey kinesis.endpoint firehose.endpoint cloudwatch.endpoint sts.endpoint kinesis.region cloudwatch.emitMetrics cloudwatch.namespace
	cloudwatch.tagInstance checkpointFile dataProcessingOptions optionName parseOptions customFieldNames delimiter logFormat matchPattern metadata timestamp
	SINGLELINE NO_TRIM ESCAPE_NEW_LINE CSVTOJSON LOGTOJSON COMMONAPACHELOG COMBINEDAPACHELOG APACHEERRORLOG SYSLOG RFC3339SYSLOG ADDMETADATA ADDEC2METADATA ADDBRACKETS`)

// Each documented setting is in one of the archives whose records are compared, and each key of each archive has a line in the report.
func TestEveryKeyIsReported(t *testing.T) {
	files, err := filepath.Glob("../command/testdata/convert/*.txtar")
	if err != nil || len(files) < 12 {
		t.Fatalf("%d archives: %v", len(files), err)
	}
	used := map[string]bool{}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == "agent.json" })
		text := strings.NewReplacer("@DIR@", "/dir", "@URL@", "http://127.0.0.1:1").Replace(string(archive.Files[i].Data))
		o, err := parseJSON(file, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		r, err := Convert([]Source{{"agent.json", []byte(text)}}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		reported := map[string]bool{}
		for _, l := range r.Report {
			reported[l.Key] = true
		}
		var walk func(at string, v any)
		walk = func(at string, v any) {
			switch v := v.(type) {
			case *object:
				for _, k := range v.keys {
					used[k] = true
					key := strings.TrimPrefix(at+"."+k, ".")
					if k != "flows" && k != "optionName" && k != "dataProcessingOptions" && !reported[key] {
						t.Errorf("%s: %s has no line in the report", file, key)
					}
					if k != "metadata" && key != "unheardOf" {
						walk(key, v.get(k))
					}
				}
			case []any:
				for i, m := range v {
					walk(fmt.Sprintf("%s[%d]", at, i), m)
				}
			case string:
				used[v] = true
			}
		}
		walk("", o)
	}
	for _, name := range documented {
		if !used[name] {
			t.Errorf("no archive has %s", name)
		}
	}
}

func TestComments(t *testing.T) {
	o, err := parseJSON("x", []byte("\ufeff{ // a \"quote\n \"a//b\": \"/* no */ \\\" // no\", /* b \n */ \"c\": [1.50, true, null, {}], \"c\": 2 }"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(`{"a//b":"/* no */ \" // no","c":2}`, string(appendJSON(nil, o))); diff != "" {
		t.Error(diff)
	}
}

func TestJavaOnly(t *testing.T) {
	for pattern, want := range map[string]bool{
		`[a-z&&[^b]]`: true, `[a[b]]`: true, `a&&[b]`: false, `[\[&&]`: true, `[^]]`: false, `[]a]`: false, `[[:alpha:]]`: false, `\[[a]\]`: false, `[\[]`: false,
	} {
		if got := javaOnly(pattern) != ""; got != want {
			t.Errorf("%s: %v", pattern, got)
		}
	}
}

// Any text becomes a valid configuration, or an error: no panic. The credentials never come out.
func FuzzConvert(f *testing.F) {
	files, err := filepath.Glob("../command/testdata/convert/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		_, after, _ := strings.Cut(string(text), "-- agent.json --\n")
		agent, _, _ := strings.Cut(after, "\n-- ")
		f.Add(agent)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := Convert([]Source{{"agent.json", []byte(text)}}, Options{})
		if err != nil {
			return
		}
		var b strings.Builder
		if err := r.Report.WriteText(&b, 80); err != nil {
			t.Fatal(err)
		}
	})
}
