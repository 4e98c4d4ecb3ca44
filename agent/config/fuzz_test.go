package config

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"pgregory.net/rapid"
)

// loadBytes loads bytes as a file and renders what is said about them. It goes around Load's recover.
func loadBytes(name string, text []byte) (*Config, *Diagnostics) {
	diags := &Diagnostics{Files: map[string]*hcl.File{}}
	return load(sources{files: []source{{name: name, text: text}}, dir: "/etc/kinetail"}, nil, testOptions(), diags)
}

func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/*.hcl", "testdata/errors/*.hcl", "testdata/errors/*.json", "testdata/errors/*/*.hcl", "../../configs/*.hcl"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text, strings.HasSuffix(path, ".json"))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte, isJSON bool) {
		name := "x.hcl"
		if isJSON {
			name = "x.hcl.json"
		}
		start := time.Now()
		cfg, diags := loadBytes(name, text)
		if (cfg == nil) != diags.HasErrors() {
			t.Errorf("a configuration with errors, or none without: %v", diags.List)
		}
		var out bytes.Buffer
		if err := diags.WriteText(&out, TextOptions{Width: 40, Color: true}); err != nil {
			t.Error(err)
		}
		if err := diags.WriteJSON(io.Discard); err != nil {
			t.Error(err)
		}
		if strings.ContainsAny(strings.ReplaceAll(out.String(), "\x1b[", ""), "\x1b\a\b\r") {
			t.Errorf("control characters reach the terminal: %q", out.String())
		}
		if took := time.Since(start); took > 2*time.Second+time.Duration(len(text))*100*time.Microsecond {
			t.Errorf("%d bytes took %v", len(text), took)
		}
		if !isJSON && cfg != nil {
			formatted := Format(text)
			if twice := Format(formatted); !bytes.Equal(formatted, twice) {
				t.Errorf("formatting twice differs:\n%q\n%q", formatted, twice)
			}
			if again, _ := loadBytes(name, formatted); again == nil {
				t.Errorf("formatting broke it:\n%s", formatted)
			}
		}
	})
}

// TestHostile loads what would take a naive reader very long, or its stack.
func TestHostile(t *testing.T) {
	const n, deep = 5_000, 200_000 // deep is for the guard against recursion
	repeat := strings.Repeat
	for name, src := range map[string]string{
		"brackets":        "a = " + repeat("[", deep),
		"closed brackets": "a = " + repeat("[", deep) + repeat("]", deep),
		"braces":          repeat("a {\n", n),
		"unbalanced":      repeat("}", deep) + "a = " + repeat("(", deep),
		"negations":       "a = " + repeat("!", deep) + "true",
		"minuses":         "a = " + repeat("-", n) + "1",
		"sum":             "locals {\n  a = 1" + repeat("+1", n) + "\n}\n",
		"conditionals":    "a = " + repeat("true ? 1 : ", n) + "1",
		"templates":       `a = "` + repeat("${\"", n),
		"control":         "a = \"" + repeat("%{if true}", n) + "\"",
		"indexes":         "locals {\n  a = local" + repeat("[local.b]", n/4) + "\n}\n",
		"attributes":      "flow \"x\" {\n" + repeat("a", 10) + " = 1\n" + repeat("b = 1\n", n/10) + "}\n",
		"unknown":         "flow \"x\" {\n" + numbered("  pathss%d = 1\n", 800) + "}\n",
		"unknown blocks":  numbered("taill%d {\n}\n", 800),
		"flows":           numbered("flow \"f%d\" {\n  tail { paths = [\"/x\"] }\n  emit \"stdout\" {}\n}\n", 1_100),
		"locals":          "locals {\n" + numbered("  a%d = 1\n", 2_000) + "}\n",
		"local chain":     "locals {\n  b0 = \"x\"\n" + chain(900) + "}\n",
		"doubling":        "locals {\n  b0 = \"xxxxxxxxxxxxxxxx\"\n" + doubling(60) + "}\n",
		"paths":           "flow \"x\" {\n  tail {\n    paths = [" + repeat("\"/x\", ", n) + "]\n  }\n}\n",
		"comment":         repeat("# x\n", n),
		"a long line":     "agent {\n  log_level = \"" + repeat("x", n) + "\"\n}\n",
		"one line":        "agent { " + repeat("a = 1, ", n/10) + "}",
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			for _, file := range []string{"x.hcl", "x.hcl.json"} {
				_, diags := loadBytes(file, []byte(src))
				if !diags.HasErrors() {
					t.Error("no error")
				}
				if err := diags.WriteText(io.Discard, TextOptions{}); err != nil {
					t.Error(err)
				}
			}
			if took := time.Since(start); took > 30*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestFormat(t *testing.T) {
	src := "flow \"x\" {\ntail { paths=[\"/x\"] }\n  emit \"kinesis\" {\n stream=\"s\" # why\n   partition_key =record.a\n}\n}\n"
	want := "flow \"x\" {\n  tail { paths = [\"/x\"] }\n  emit \"kinesis\" {\n    stream        = \"s\" # why\n    partition_key = record.a\n  }\n}\n"
	if got := string(Format([]byte(src))); got != want {
		t.Errorf("got\n%s", got)
	}
}

// TestFormatTwice formats configurations put together at random, twice.
func TestFormatTwice(t *testing.T) {
	word := rapid.SampledFrom([]string{"a", "b_c", "paths", "x1"})
	value := rapid.SampledFrom([]string{`"x"`, `1`, `[1,2 , 3]`, "[\n1,\n  2]", `{a=1,  b = "y"}`, "{\n a = 1\n    b=2\n}", `record.a>=1&&!record.b`, "<<EOT\n  text\nEOT", `"${ record.a }-x"`, `f( a,b )`, `a ? b:c`})
	rapid.Check(t, func(t *rapid.T) {
		var b strings.Builder
		var body func(depth int)
		body = func(depth int) {
			for range rapid.IntRange(0, 4).Draw(t, "items") {
				b.WriteString(rapid.SampledFrom([]string{"", " ", "    ", "\n", "# note\n", "/* note */ "}).Draw(t, "before"))
				if depth < 3 && rapid.Bool().Draw(t, "block") {
					b.WriteString(word.Draw(t, "type") + rapid.SampledFrom([]string{"", ` "l"`, `   "l"  `}).Draw(t, "label") + "{\n")
					body(depth + 1)
					b.WriteString("}\n")
					continue
				}
				b.WriteString(word.Draw(t, "name") + rapid.SampledFrom([]string{"=", " = ", "   ="}).Draw(t, "equals") + value.Draw(t, "value"))
				b.WriteString(rapid.SampledFrom([]string{"\n", " # why\n", "\n\n"}).Draw(t, "after"))
			}
		}
		body(0)
		once := Format([]byte(b.String()))
		if twice := Format(once); !bytes.Equal(once, twice) {
			t.Fatalf("formatted once:\n%s\ntwice:\n%s", once, twice)
		}
	})
}
