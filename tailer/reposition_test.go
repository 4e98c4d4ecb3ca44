package tailer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kinetail/kinetail/tailer/checkpoint"
)

func TestReposition(t *testing.T) {
	dir := t.TempDir()
	live, old := filepath.Join(dir, "a.log"), filepath.Join(dir, "a.log.1")
	text := strings.Repeat("a line of text\n", 40) // 600 bytes
	if err := os.WriteFile(old, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(live, []byte("another\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	rec := checkpoint.Generation{
		ID: "g", Path: live, Names: []string{live, old}, Head: checkpoint.Sum([]byte(text)), Offset: 600, Size: 600, Drained: true, Final: true,
	}
	moved, m, err := Reposition(rec, 100, "owner")
	if err != nil || m.Path != old || m.From != 600 || m.To != 90 || m.Lines != 34 || !m.Exact || m.Size != 600 {
		t.Fatalf("%v %+v", err, m)
	}
	if want := checkpoint.Sum([]byte(text[90-markerSize : 90])); moved.Marker != want || moved.Offset != 90 || moved.Drained || moved.Final {
		t.Errorf("%+v", moved)
	}
	if again, m, err := Reposition(moved, AtEnd, "owner"); err != nil || again.Offset != 600 || m.Lines != 34 || again.CaughtUp.IsZero() {
		t.Errorf("%v %+v %+v", err, m, again)
	}
	rec.Head = checkpoint.Sum([]byte("anoth")) // too little to know it by: the number has to agree
	if _, _, err := Reposition(rec, 0, "owner"); err == nil || !strings.Contains(err.Error(), ErrNoBody.Error()) {
		t.Errorf("a position of another body: %v", err)
	}
}
