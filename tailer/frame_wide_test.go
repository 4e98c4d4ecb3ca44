package tailer_test

import (
	"context"
	"encoding/binary"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/kinetail/kinetail/tailer"
	"github.com/kinetail/kinetail/tailer/frame"
)

// With start_at = "end", reading begins at a line of UTF-16, also where a half of a character looks like a line feed, and while a unit is half written.
func TestStartAtEndOfUTF16(t *testing.T) {
	for _, c := range []struct {
		name, encoding string
		order          binary.AppendByteOrder
		bom            string
	}{
		{"little", "utf-16le", binary.LittleEndian, ""},
		{"big", "utf-16be", binary.BigEndian, ""},
		{"marked little", "utf-16", binary.LittleEndian, "\ufeff"},
		{"marked big", "utf-16", binary.BigEndian, "\ufeff"},
	} {
		encode := func(s string) string {
			var b []byte
			for _, u := range utf16.Encode([]rune(s)) {
				b = c.order.AppendUint16(b, u)
			}
			return string(b)
		}
		for cut := range 4 {
			t.Run(c.name, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "a.log")
				whole := encode(c.bom + "old\n上\u0a41a\u010a上\n")
				at := len(whole) - 8 + cut + 2 // in the last line, or in its line end
				write(t, path, whole[:at])
				framer, err := frame.New(frame.Options{Encoding: c.encoding})
				if err != nil {
					t.Fatal(err)
				}
				f := follow(t, tailer.Options{Paths: []string{path}, Framer: framer})
				for f.Status().Counters.Sweeps == 0 {
					ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
					if b, err := f.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
						t.Fatal(b, err)
					}
					cancel()
				}
				write(t, path, whole[at:])
				if got, _ := read(t, f, true); strings.Join(got, "|") != "上\u0a41a\u010a上" {
					t.Errorf("cut at %d of %d: %q", at, len(whole), got)
				}
			})
		}
	}
}
