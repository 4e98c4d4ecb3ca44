package command

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kinetail/kinetail/tailer/checkpoint"
)

// numbered are lines from..to-1, 10 bytes each.
func numbered(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "line %04d\n", i)
	}
	return b.String()
}

// delivered are the records of one file since the last call.
func (p *place) delivered(key string, seen *int) []string {
	p.t.Helper()
	all := p.stream()[key]
	fresh := all[*seen:]
	*seen = len(all)
	return fresh
}

func TestOffsets(t *testing.T) {
	p := newPlace(t, 1, keyedFlow)
	out, _ := p.run(0, "offsets", "list")
	has(t, out, "nothing is remembered in")
	_, errOut := p.run(1, "offsets", "set", "access", "a.log", "end")
	has(t, errOut, "nothing is remembered in")
	if _, err := os.Stat(p.path("state")); err == nil {
		t.Error("looking has made a state directory")
	}
	log := p.write("a.log", numbered(0, 10)+"par")
	p.run(0, "run", "--once")
	seen := 0
	if got := p.delivered("a.log", &seen); len(got) != 10 {
		t.Fatalf("%q", got)
	}
	out, _ = p.run(0, "offsets", "list", "access", "-o", "json")
	var list []shownOffset
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list) != 1 || list[0].Offset != 100 || list[0].Size != 103 || list[0].State != "following" || list[0].Path != log {
		t.Fatalf("%v %s", err, out)
	}
	out, _ = p.run(0, "offsets", "list")
	has(t, out, log, " 103 ", " 100 ", list[0].Generation)

	for _, c := range []struct {
		position string
		want     string // what is said
		next     []string
	}{
		{"57", "byte 57 is inside a line, which begins at 50", []string{"line 0005", "line 0006", "line 0007", "line 0008", "line 0009"}},
		{"80", "REPEATS 20 bytes (2 lines)", []string{"line 0008", "line 0009"}},
		{"beginning", "REPEATS 100 bytes (10 lines)", strings.Fields(strings.ReplaceAll(numbered(0, 10), "line ", "line_"))},
		{"end", "it is there already", nil},
	} {
		out, _ := p.run(0, "offsets", "set", "access", log, c.position, "--yes")
		has(t, out, c.want)
		p.run(0, "run", "--once")
		got := p.delivered("a.log", &seen)
		if strings.ReplaceAll(fmt.Sprint(got), "line_", "line ") != strings.ReplaceAll(fmt.Sprint(c.next), "line_", "line ") {
			t.Errorf("after %s: %q, want %q", c.position, got, c.next)
		}
	}
	p.add("a.log", "tial\n"+numbered(11, 14)+"more")
	out, _ = p.answer("n\n", 1, "offsets", "set", "access", log, "end")
	has(t, out, "SKIPS 38 bytes (4 lines)", "[y/N]")
	p.answer("", 1, "offsets", "set", "access", log, "end") // nobody answers
	p.answer("yes\n", 0, "offsets", "set", "access", log, "end")
	p.add("a.log", "\n")
	p.run(0, "run", "--once")
	if got := p.delivered("a.log", &seen); fmt.Sprint(got) != "[more]" {
		t.Errorf("after the end: %q", got)
	}
	p.run(2, "offsets", "set", "access", log, "-1")
	p.run(2, "offsets", "set", "access", log, "middle")
	p.run(2, "offsets", "set", "access", log)
	_, errOut = p.run(1, "offsets", "set", "access", log, "1000", "--yes")
	has(t, errOut, "there is no byte 1000")
	_, errOut = p.run(1, "offsets", "set", "access", p.path("b.log"), "end", "--yes")
	has(t, errOut, "remembers nothing of", "it does of "+log)
	_, errOut = p.run(1, "offsets", "set", "acess", log, "end", "--yes")
	has(t, errOut, "nothing is remembered of flow acess; there is something of: access")

	audit, err := os.ReadFile(filepath.Join(p.path("state"), auditLog))
	if err != nil || strings.Count(string(audit), "\n") != 4 {
		t.Errorf("%v, audit log:\n%s", err, audit)
	}
	has(t, string(audit), `"from":100,"to":50,"skipped_bytes":0,"repeated_bytes":50`, `"skipped_bytes":38`)
}

func TestOffsetsBesideAnAgent(t *testing.T) {
	p := newPlace(t, 1, keyedFlow)
	log := p.write("a.log", numbered(0, 3))
	p.run(0, "run", "--once")
	store, err := checkpoint.Open(p.path("state"), checkpoint.Options{})
	if err != nil {
		t.Fatal(err)
	}
	out, _ := p.run(0, "offsets", "list")
	has(t, out, log)
	for _, args := range [][]string{{"set", "access", log, "end"}, {"forget", "access"}} {
		_, errOut := p.run(1, append([]string{"offsets"}, append(args, "--yes")...)...)
		has(t, errOut, "only while no agent runs", fmt.Sprintf("kinetail with pid %d", os.Getpid()))
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestOffsetsForget(t *testing.T) {
	p := newPlace(t, 1, keyedFlow)
	log := p.write("a.log", numbered(0, 4))
	p.write("b.log", numbered(0, 2))
	p.run(0, "run", "--once")
	a, b := 0, 0
	p.delivered("a.log", &a)
	p.delivered("b.log", &b)
	out, _ := p.run(0, "offsets", "forget", "access", log, "-y")
	has(t, out, "REPEATS 40 bytes")
	p.run(0, "run", "--once")
	if n, m := len(p.delivered("a.log", &a)), len(p.delivered("b.log", &b)); n != 4 || m != 0 {
		t.Errorf("%d and %d lines were repeated, want 4 and 0", n, m)
	}
	p.add("a.log", numbered(4, 6))
	p.configure(strings.ReplaceAll(keyedFlow, `"beginning"`, `"end"`))
	out, _ = p.run(0, "offsets", "forget", "access", "-y")
	has(t, out, "2 files, 60 bytes delivered, 20 bytes not yet", "SKIPS 20 bytes")
	out, _ = p.run(0, "offsets", "list", "access")
	has(t, out, "nothing is remembered of flow access")
	p.configure(keyedFlow)
	p.run(0, "run", "--once")
	p.configure(strings.ReplaceAll(keyedFlow, `"access"`, `"renamed"`))
	out, _ = p.run(0, "offsets", "forget", "access", "-y")
	has(t, out, "the configuration has no such flow")
}

// A rotated and compressed body: positions are those of its content.
func TestOffsetsCompressed(t *testing.T) {
	p := newPlace(t, 1, keyedFlow)
	log := p.write("a.log", numbered(0, 100))
	p.run(0, "run", "--once")
	seen := 0
	p.delivered("a.log", &seen)
	f, err := os.Create(p.path("a.log.1.gz"))
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(f)
	_, _ = z.Write([]byte(numbered(0, 110)))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(log); err != nil {
		t.Fatal(err)
	}
	p.run(0, "run", "--once") // finds the content again
	if got := p.delivered("a.log", &seen); len(got) != 10 {
		t.Fatalf("%d lines out of the compressed body", len(got))
	}
	out, _ := p.run(0, "offsets", "set", "access", p.path("a.log.1.gz"), "1055", "--yes")
	has(t, out, "begins at 1050", "REPEATS 50 bytes (5 lines)")
	p.run(0, "run", "--once")
	if got := p.delivered("a.log", &seen); len(got) != 5 {
		t.Errorf("%q", got)
	}
	if err := os.Remove(p.path("a.log.1.gz")); err != nil {
		t.Fatal(err)
	}
	_, errOut := p.run(1, "offsets", "set", "access", p.path("a.log.1.gz"), "end", "--yes")
	has(t, errOut, "no file has the content any more", "kinetail offsets forget")
}
