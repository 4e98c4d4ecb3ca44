package pipeline

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kinetail/kinetail/tailer"
	"github.com/kinetail/kinetail/tailer/frame"
)

const generation = "18c1f7a2b3c4d5e6a1b2c3d4e5f60718"

// ids frames the text from so many bytes on, as after a restart, and gives record.id and what it is of, by a flow without steps.
func ids(t *testing.T, o frame.Options, text string, from int) []string {
	t.Helper()
	f, err := frame.New(o)
	if err != nil {
		t.Fatal(err)
	}
	e := encoder(t, EncoderOptions{PartitionKey: program(t, `record.id`)})
	var all []string
	for from < len(text) {
		b := &tailer.Batch{Source: &tailer.Source{Generation: generation}}
		n := f.Frame(b, []byte(text[from:]), int64(from), tailer.CloseAll)
		if n == 0 {
			t.Fatalf("nothing is framed at %d", from)
		}
		if b.Data == nil {
			b.Data = []byte(text[from:])
		}
		from += n
		var out Payloads
		e.Encode(b, &out)
		for _, p := range out.Items {
			all = append(all, strings.TrimPrefix(string(p.Key), generation+":")+" "+string(p.Data))
		}
	}
	return all
}

// TestRecordID: the same record has the same id, from wherever its file is read on, and one that is framed otherwise has another.
func TestRecordID(t *testing.T) {
	const text = "one\n two\nthree\n\nfour or more\n"
	known := map[string]string{} // id -> text
	for _, c := range []struct {
		name string
		o    frame.Options
		want []string
	}{
		{"lines", frame.Options{}, []string{"0-4 one", "4-9  two", "9-15 three", "15-16 ", "16-29 four or more"}},
		{"joined", frame.Options{Multiline: &frame.Multiline{Indent: true}}, []string{"0-9 one\n two", "9-15 three", "15-16 ", "16-29 four or more"}},
		{"split", frame.Options{MaxRecordSize: 5, OnOversize: "split"}, []string{"0-4 one", "4-9  two", "9-15 three", "15-16 ", "16-21.1 four ", "21-26.2 or mo", "26-29.3 re"}},
		{"truncate", frame.Options{MaxRecordSize: 5}, []string{"0-4 one", "4-9  two", "9-15 three", "15-16 ", "16-21 four "}},
		{"truncate later", frame.Options{MaxRecordSize: 6}, []string{"0-4 one", "4-9  two", "9-15 three", "15-16 ", "16-22 four o"}},
	} {
		got := ids(t, c.o, text, 0)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		for _, from := range []int{9, 16} {
			if again := ids(t, c.o, text, from); len(again) == 0 || !slices.Equal(again, got[len(got)-len(again):]) {
				t.Errorf("%s from %d on: %q", c.name, from, again)
			}
		}
		for _, r := range got {
			id, what, _ := strings.Cut(r, " ")
			if before, ok := known[id]; ok && before != what {
				t.Errorf("%s: %s is %q, and was %q", c.name, id, what, before)
			}
			known[id] = what
		}
	}
}

// TestRecordIDIsNoField: a line cannot choose its id, and a field of that name is still to be had.
func TestRecordIDIsNoField(t *testing.T) {
	set := must(t)(NewSet([]Assignment{{Name: "own", Value: program(t, `record.id`)}, {Name: "theirs", Value: program(t, `record["id"]`)}}))
	p := pipelineOf(t, EncoderOptions{Format: "template", Template: program(t, `"${record.own} ${record.theirs} ${record.id}"`)}, parseStepOf(t, "json", ""), set)
	b := batchOf(`{"id":"mine"}` + "\n")
	b.Source = &tailer.Source{Generation: generation}
	id := fmt.Sprintf("%s:%d-%d", generation, b.Records[0].Start, b.Records[0].End)
	if got, want := run(p, b), id+" mine "+id; len(got) != 1 || got[0] != want {
		t.Errorf("%q, want %q", got, want)
	}
	b.Source = nil
	if got := run(p, b); len(got) != 1 || !strings.HasPrefix(got[0], "!template_null") {
		t.Errorf("a record from nowhere gives %q", got)
	}
}
