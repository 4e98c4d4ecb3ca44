package config

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"a", "", 1},
		{"paths", "paths", 0},
		{"paths", "path", 1},
		{"start_at", "strat_at", 1},
		{"kitten", "sitting", 3},
		{"größe", "grösse", 2},
	} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("%q to %q: got %d, want %d", c.a, c.b, got, c.want)
		}
		if got := distance(c.b, c.a); got != c.want {
			t.Errorf("%q to %q: got %d, want %d", c.b, c.a, got, c.want)
		}
	}
}

// TestNeighbours: a neighbour's word must lead somewhere, and must not hide a word of ours.
func TestNeighbours(t *testing.T) {
	known := places()
	for word, ns := range neighbours {
		if word != flat(word) {
			t.Errorf("%q is never found: names are compared as %q", word, flat(word))
		}
		if len(ns) == 0 {
			t.Errorf("%q says nothing", word)
		}
		for _, n := range ns {
			if n.ours == "" && n.why == "" {
				t.Errorf("%q says nothing", word)
			}
			if n.ours != "" && len(known[n.ours]) == 0 {
				t.Errorf("%q leads to %q, which no block takes", word, n.ours)
			}
		}
	}
	for arg, words := range neighbourValues {
		if len(known[arg]) == 0 {
			t.Errorf("no block takes %q", arg)
		}
		for word := range words {
			if word != flat(word) {
				t.Errorf("%q is never found: values are compared as %q", word, flat(word))
			}
		}
	}
	for word, kind := range neighbourKinds {
		if word != flat(word) || emitKinds[kind] == nil {
			t.Errorf("%q leads to %q", word, kind)
		}
	}
}

// TestPlaces: the names that an empty configuration teaches are those that the examples use.
func TestPlaces(t *testing.T) {
	known := places()
	for name, in := range map[string]string{
		"state_dir": "agent", "region": "aws", "arn": "aws.assume_role", "paths": "flow.tail", "start": "flow.tail.multiline", "stream": "flow.emit",
		"max_rate": "flow.emit.dead_letter", "namespace": "metrics", "flow": "", "emit": "flow", "path": "flow.emit", "renamed_from": "flow",
	} {
		if !slices.Contains(known[name], in) {
			t.Errorf("%q is in %q, not in %q", name, known[name], in)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(known)) {
		if strings.ToLower(name) != name || strings.Contains(name, "-") {
			t.Errorf("%q is not written like the others", name)
		}
	}
}

// TestSuggestions: what people bring from elsewhere is told its name here.
func TestSuggestions(t *testing.T) {
	for _, c := range []struct{ block, name, want string }{
		{"tail", "include", `did you mean "paths"?`},
		{"tail", "file_path", `did you mean "paths"?`},
		{"tail", "Path", `did you mean "paths"?`},
		{"tail", "read_from", `did you mean "start_at"?`},
		{"tail", "startAt", `did you mean "start_at"?`},
		{"tail", "Multiline", `did you mean "multiline"?`},
		{"tail", "data_dir", `did you mean "state_dir"? It belongs in the agent block`},
		{"tail", "region", `it belongs in the aws block`},
		{"tail", "max_recrd_size", `did you mean "max_record_size"?`},
		{"emit", "delivery_stream", `did you mean "stream"?`},
		{"emit", "kinesisStream", `did you mean "stream"?`},
		{"emit", "role_arn", `did you mean "assume_role"? It belongs in the aws block of an emit block of a flow block`},
		{"emit", "region", `it belongs in the aws block of an emit block of a flow block`},
		{"emit", "paths", `it belongs in the tail block of a flow block`},
		{"emit", "flush_interval", `did you mean "max_wait"?`},
		{"emit", "zzzzzz", ""},
	} {
		src := "flow \"x\" {\n tail {\n paths = [\"/x\"]\n#tail\n}\n emit \"kinesis\" {\n stream = \"s\"\n#emit\n}\n}\n"
		_, diags := loadText(t, strings.Replace(src, "#"+c.block, c.name+" = 1", 1))
		if n, _ := diags.Count(); n != 1 {
			t.Errorf("%s in %s: %d errors", c.name, c.block, n)
			continue
		}
		x, _ := diags.List[0].Extra.(extra)
		if x.hint != c.want {
			t.Errorf("%s in %s: got hint %q, want %q", c.name, c.block, x.hint, c.want)
		}
	}
}
