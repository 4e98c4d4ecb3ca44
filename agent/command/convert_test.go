package command

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/kinetail/kinetail/agent/convert"
	"github.com/kinetail/kinetail/emit/awslocal"
)

var update = flag.Bool("update", false, "write the configurations and reports of testdata/convert anew; the records are written by hand")

// Each archive in testdata/convert is a configuration of the Java agent, what it becomes, what is in the logs, and, derived by hand from what is known of
// the Java agent, what it sends. The records in the streams must be those, byte by byte.
func TestConvert(t *testing.T) {
	files, err := filepath.Glob("testdata/convert/*.txtar")
	if err != nil || len(files) < 12 {
		t.Fatalf("%d archives: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { testConversion(t, file) })
	}
}

// anyOrder stands behind the name of a stream that several flows send to.
const anyOrder = ", in any order"

var (
	stampText = regexp.MustCompile(`(\\"ts\\":)[0-9]{13}|(\\"metadataTimestamp\\":)\\"[0-9T:.Z-]{24}\\"`)
	outerAWS  = regexp.MustCompile(`(?m)^aws \{\n`)
)

func testConversion(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p := newPlace(t, 1, "")
	real := func(s string) string { return strings.NewReplacer("@DIR@", p.dir, "@URL@", p.url).Replace(s) }
	plain := func(s string) string { return strings.NewReplacer(p.dir, "@DIR@", p.url, "@URL@").Replace(s) }
	var ownEndpoint bool
	wantRecords := map[string]string{}
	var streams []string
	for _, f := range archive.Files {
		text := real(string(f.Data))
		switch {
		case f.Name == "agent.json", strings.HasPrefix(f.Name, "agent.d/"):
			ownEndpoint = ownEndpoint || strings.Contains(string(f.Data), "@URL@")
			writeFile(t, p.path(f.Name), text)
		case strings.HasPrefix(f.Name, "log/"):
			writeFile(t, p.path(f.Name), unquoteLines(t, text))
		case strings.HasPrefix(f.Name, "records "):
			streams = append(streams, f.Name)
			wantRecords[f.Name] = text
			kind, name, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(f.Name, "records "), anyOrder), " ")
			if kind == "kinesis" {
				err = p.server.CreateStream(awslocal.StreamConfig{Name: name, Shards: 1})
			} else {
				err = p.server.CreateDeliveryStream(awslocal.DeliveryStreamConfig{Name: name})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	var out, errOut strings.Builder
	if code := Main([]string{"convert", p.path("agent.json"), "--state-dir", p.path("state")}, strings.NewReader(""), &out, &errOut); code != 0 {
		t.Fatalf("exit code %d\n%s", code, errOut.String())
	}
	compareSection(t, file, archive, "want.hcl", plain(out.String()))
	var again strings.Builder
	if code := Main([]string{"convert", p.path("agent.json"), "-o", "json"}, strings.NewReader(""), &again, &errOut); code != 0 {
		t.Fatalf("exit code %d\n%s", code, errOut.String())
	}
	compareSection(t, file, archive, "want.report", plain(reportLines(t, again.String())))
	if strings.Contains(out.String()+errOut.String(), "wJalrXUt") || strings.Contains(out.String()+errOut.String(), "AKIA") {
		t.Error("credentials are copied")
	}

	p.config = p.write("converted.hcl", out.String())
	p.run(0, "validate")
	text := out.String()
	if !ownEndpoint { // else it would talk to AWS
		text = regexp.MustCompile(`(?s)  endpoints \{.*?\n  \}\n`).ReplaceAllString(text, "")
		text = outerAWS.ReplaceAllString(text, "aws {\n  endpoint = "+strconv.Quote(p.url)+"\n")
	}
	p.config = p.write("converted.hcl", strings.Replace(text, "agent {\n", "agent {\n  listen = \"off\"\n", 1))
	p.run(0, "run", "--once")
	for _, name := range streams {
		want, got := strings.Split(wantRecords[name], "\n"), strings.Split(p.sent(name), "\n")
		if !strings.HasPrefix(want[0], `"`) || strings.HasSuffix(name, anyOrder) { // with keys, and so without order among them
			slices.Sort(want)
			slices.Sort(got)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

// sent is what a stream has, as the archives write it: the partition key if it is a sum, and the record in quotes.
func (p *place) sent(name string) string {
	kind, stream, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(name, "records "), anyOrder), " ")
	var got strings.Builder
	each := func(r awslocal.Record) bool {
		line := stampText.ReplaceAllString(strconv.Quote(string(r.Data)), `${1}${2}TIME`)
		if len(r.PartitionKey) == 32 && !strings.Contains(r.PartitionKey, "-") {
			key := r.PartitionKey
			if strings.Contains(line, "TIME") {
				key = "KEY"
			}
			line = key + " " + line
		}
		got.WriteString(line + "\n")
		return true
	}
	var err error
	if kind == "kinesis" {
		err = p.server.Records(stream, each)
	} else {
		err = p.server.Delivered(stream, each)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return got.String()
}

// reportLines are the verdict, the key and the text of each line of the report; values are left out, because they hold the test's directory.
func reportLines(t *testing.T, text string) string {
	t.Helper()
	var got struct{ Report convert.Report }
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, l := range got.Report {
		fmt.Fprintf(&out, "%s | %s | %s\n", l.Verdict, l.Key, l.Text)
	}
	return out.String()
}

func unquoteLines(t *testing.T, text string) string {
	t.Helper()
	var out strings.Builder
	for line := range strings.Lines(text) {
		s, err := strconv.Unquote(strings.TrimSuffix(line, "\n"))
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		out.WriteString(s)
	}
	return out.String()
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// compareSection compares a text with a section of an archive, or writes it there.
func compareSection(t *testing.T, path string, a *txtar.Archive, name, got string) {
	t.Helper()
	i := slices.IndexFunc(a.Files, func(f txtar.File) bool { return f.Name == name })
	if *update {
		if i < 0 {
			a.Files = append(a.Files, txtar.File{Name: name})
			i = len(a.Files) - 1
		}
		a.Files[i].Data = []byte(got)
		if err := os.WriteFile(path, txtar.Format(a), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if i < 0 {
		t.Fatalf("%s has no section %s", path, name)
	}
	if diff := cmp.Diff(string(a.Files[i].Data), got); diff != "" {
		t.Errorf("%s:\n%s", name, diff)
	}
}
