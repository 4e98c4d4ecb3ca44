package conftest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/rogpeppe/go-internal/diff"

	"github.com/kinetail/kinetail/agent/config"
)

// compare says what of a test's expectations did not come true.
func compare(t *config.Test, out Output) []Failure {
	var all []Failure
	fail := func(at hcl.Range, d, format string, args ...any) {
		all = append(all, Failure{at, fmt.Sprintf(format, args...), d})
	}
	count := func(want *config.Expected[int], got int, what string) {
		if want != nil && want.Value != got {
			fail(want.Range, "", "%s: expected %d, got %d", what, want.Value, got)
		}
	}
	count(t.Count, len(out.Records), "records sent")
	count(t.Dropped, int(out.Counts.Dropped()), "records dropped")
	count(t.DeadLetters, len(out.Refused), "dead letters")
	if len(out.Refused) > 0 && t.DeadLetters == nil {
		fail(t.Range, lines(out.Refused, "+"), "%s became a dead letter (%s), and the test does not expect any with expect_dead_letters",
			plural(len(out.Refused), "record"), out.Refused[0].Reason)
	}
	if t.Records != nil {
		all = append(all, compareRecords(t, out.Records)...)
	}
	if t.Keys != nil {
		want, got := keys(t.Keys.Value), keys(keysOf(out.Records))
		if want != got {
			fail(t.Keys.Range, unified(want, got), "the partition keys are others")
		}
	}
	return all
}

func compareRecords(t *config.Test, got []Record) []Failure {
	var all []Failure
	for i, e := range t.Expect {
		if i >= len(got) {
			all = append(all, Failure{e.Range, fmt.Sprintf("only %s came", plural(len(got), "record")), ""})
			break
		}
		if d := difference(e.Value, got[i].Data, t.Partial); d != "" {
			all = append(all, Failure{e.Range, fmt.Sprintf("record %d is another", i+1), d})
		}
	}
	if extra := len(got) - len(t.Expect); extra > 0 {
		summary := fmt.Sprintf("%s came, expected %d", plural(len(got), "record"), len(t.Expect))
		all = append(all, Failure{*t.Records, summary, lines(got[len(t.Expect):], "+")})
	}
	return all
}

// difference compares an expected record with one that came; "" if they agree. With partial, fields that are not expected do not count.
func difference(want json.RawMessage, got string, partial bool) string {
	w, _ := decode(want)
	text, isText := w.(string)
	if isText {
		if text == got {
			return ""
		}
		return unified(text, got)
	}
	g, err := decode([]byte(got))
	if err != nil { // no JSON
		return unified(pretty(w), got)
	}
	if partial {
		g = only(w, g)
	}
	g = align(w, g)
	if reflect.DeepEqual(w, g) {
		return ""
	}
	return unified(pretty(w), pretty(g))
}

func decode(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, fmt.Errorf("more than one value")
	}
	return v, nil
}

// only leaves out what is not expected, in objects.
func only(want, got any) any {
	w, ok := want.(map[string]any)
	g, isObject := got.(map[string]any)
	if !ok || !isObject {
		return got
	}
	left := map[string]any{}
	for name, v := range w {
		if have, ok := g[name]; ok {
			left[name] = only(v, have)
		}
	}
	return left
}

// align writes the numbers that are as expected as they are expected: 1.50 is 1.5.
func align(want, got any) any {
	switch g := got.(type) {
	case json.Number:
		if w, ok := want.(json.Number); ok && equal(w, g) {
			return w
		}
	case map[string]any:
		if w, ok := want.(map[string]any); ok {
			for name := range g {
				g[name] = align(w[name], g[name])
			}
		}
	case []any:
		if w, ok := want.([]any); ok {
			for i := range g {
				if i < len(w) {
					g[i] = align(w[i], g[i])
				}
			}
		}
	}
	return got
}

// equal compares two numbers: by their text, and where a float64 holds both exactly, by value.
func equal(a, b json.Number) bool {
	x, err := strconv.ParseFloat(string(a), 64)
	y, err2 := strconv.ParseFloat(string(b), 64)
	return a == b || err == nil && err2 == nil && x == y && math.Abs(x) < 1<<53
}

// pretty is a value on several lines, with sorted names.
func pretty(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	_ = e.Encode(v) // what was decoded can be encoded
	return strings.TrimSuffix(b.String(), "\n")
}

// unified is a diff of two texts, without the names of files.
func unified(want, got string) string {
	d := string(diff.Diff("expected", []byte(want+"\n"), "got", []byte(got+"\n")))
	all := strings.Split(strings.TrimSuffix(d, "\n"), "\n")
	var out []string
	for _, line := range all[min(3, len(all)):] { // the first three name the files
		if !strings.HasPrefix(line, "@@") {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}

func lines(all []Record, mark string) string {
	var out []string
	for _, r := range all {
		for _, line := range strings.Split(r.Data, "\n") {
			out = append(out, mark+line)
		}
	}
	return strings.Join(out, "\n")
}

func keysOf(all []Record) []*string {
	var keys []*string
	for _, r := range all {
		keys = append(keys, r.Key)
	}
	return keys
}

func keys(all []*string) string {
	var out []string
	for _, k := range all {
		if k == nil {
			out = append(out, "null")
		} else {
			out = append(out, strconv.Quote(*k))
		}
	}
	return strings.Join(out, "\n")
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
