package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestColor(t *testing.T) {
	_, diags := loadText(t, "agent {\n  log_lvl = 1\n}\n"+smallest)
	var out bytes.Buffer
	if err := diags.WriteText(&out, TextOptions{Color: true}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{red + "Error:" + plain, red + `^^^^^^^ did you mean "log_level"?` + plain, "  " + red + "log_lvl" + plain + " = 1"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in %q", want, out.String())
		}
	}
	stripped := strings.NewReplacer(red, "", yellow, "", blue, "", bold, "", green, "", plain, "").Replace(out.String())
	if got := string(text(t, diags)); got != stripped {
		t.Errorf("without colours\n%s\nwith colours removed\n%s", got, stripped)
	}
}

var snippetLine = regexp.MustCompile(`^ *\d+ \|`)

func TestWidth(t *testing.T) {
	_, diags := Load("testdata/errors/values.hcl", testOptions())
	for _, width := range []int{40, 60, 80, 200} {
		var out bytes.Buffer
		if err := diags.WriteText(&out, TextOptions{Width: width}); err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(out.String(), "\n") {
			// Only lines of the file and paragraphs are broken: the rest is for copying.
			if utf8.RuneCountInString(line) > width && snippetLine.MatchString(line) {
				t.Errorf("%d columns in %d: %s", utf8.RuneCountInString(line), width, line)
			}
		}
	}
}

// TestExcerpt marks the right characters, whatever is before and in them.
func TestExcerpt(t *testing.T) {
	for _, c := range []struct{ src, line, mark string }{
		{"agent {\n\tlog_lvl = 1\n}\n", "       2 |     log_lvl = 1", "         |     ^^^^^^^"},
		{"agent {\r\n  log_lvl = 1\r\n}\r\n", "   2 |   log_lvl = 1", "     |   ^^^^^^^"},
		{"aws {\n  region = \"östlich\"\n}\n", `   2 |   region = "östlich"`, "     |            ^^^^^^^^^"},
		{"agent {\n  log_level = \"\x1b[31mred\"\n}\n", "   2 |   log_level = \"\uFFFD[31mred\"", "     |               ^^^^^^^^^^"},
		{"agent {\n  /* " + strings.Repeat("x", 200) + " */ log_lvl = 1\n}\n", "   2 | ...", "     | " + strings.Repeat(" ", 23) + "^^^^^^^"},
	} {
		_, diags := loadText(t, c.src+smallest)
		out := string(text(t, diags))
		if !strings.Contains(out, strings.TrimLeft(c.line, " ")) || !strings.Contains(out, strings.TrimLeft(c.mark, " ")) {
			t.Errorf("%q:\n%s\nwants\n%s\n%s", c.src, out, c.line, c.mark)
		}
	}
}

func TestJSON(t *testing.T) {
	_, diags := loadText(t, "aws {\n  region = \"eu-wst-1\"\n}\nagent {\n  log_lvl = 1\n}\n"+smallest+smallest)
	var out bytes.Buffer
	if err := diags.WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	var got jsonReport
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Valid || got.Errors != 2 || got.Hints != 1 || len(got.Diagnostics) != 3 {
		t.Fatalf("%s", out.Bytes())
	}
	d := got.Diagnostics[0]
	if d.Severity != "error" || d.Hint != `did you mean "log_level"?` || d.At.In != "agent" || d.At.Line != "  log_lvl = 1" ||
		d.At.Start != (jsonPos{5, 3, 40}) || d.At.End != (jsonPos{5, 10, 47}) {
		t.Errorf("%+v %+v", d, d.At)
	}
	if d := got.Diagnostics[1]; d.Other == nil || d.Other.Start.Line >= d.At.Start.Line {
		t.Errorf("%+v", d)
	}
	cfg, diags := loadText(t, smallest)
	out.Reset()
	if err := diags.WriteJSON(&out); err != nil || cfg == nil {
		t.Fatal(err)
	}
	if want := "{\n  \"valid\": true,\n  \"errors\": 0,\n  \"hints\": 0,\n  \"diagnostics\": []\n}\n"; out.String() != want {
		t.Errorf("got %s", out.String())
	}
}

type fullDisk struct{}

var errFull = errors.New("no space")

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func TestWriteErrorsAreReturned(t *testing.T) {
	_, diags := loadText(t, "")
	if err := diags.WriteText(fullDisk{}, TextOptions{}); !errors.Is(err, errFull) {
		t.Error(err)
	}
	if err := diags.WriteJSON(fullDisk{}); !errors.Is(err, errFull) {
		t.Error(err)
	}
}
