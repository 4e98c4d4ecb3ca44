package config

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// TextOptions say how diagnostics are written for people.
type TextOptions struct {
	Color bool
	// Width is the width of the terminal in columns; text is broken to fit. 0: 100.
	Width int
}

// maxShown is how many diagnostics are written for people: nobody reads on.
const maxShown = 100

// WriteText writes the diagnostics for people: what is wrong, where, the line with a mark under the place, and what would be right.
func (d *Diagnostics) WriteText(w io.Writer, opts TextOptions) error {
	if opts.Width <= 0 {
		opts.Width = 100
	}
	t := &textWriter{files: d.Files, opts: opts}
	for i, diag := range d.List {
		if i == maxShown {
			fmt.Fprintf(&t.out, "And %d more.\n", len(d.List)-maxShown)
			break
		}
		t.diagnostic(diag)
	}
	_, err := w.Write(t.out.Bytes())
	return err
}

// WritePlace writes a place of a file as a diagnostic shows it: where it is, and the line with a mark under the place.
func (d *Diagnostics) WritePlace(w io.Writer, at hcl.Range, hint string, opts TextOptions) error {
	if opts.Width <= 0 {
		opts.Width = 100
	}
	t := &textWriter{files: d.Files, opts: opts}
	t.place(at, hint, red)
	_, err := w.Write(t.out.Bytes())
	return err
}

type textWriter struct {
	files map[string]*hcl.File
	opts  TextOptions
	out   bytes.Buffer
}

// The parts of a diagnostic that have a colour.
const (
	red    = "\x1b[31;1m"
	yellow = "\x1b[33;1m"
	blue   = "\x1b[34m"
	bold   = "\x1b[1m"
	green  = "\x1b[32m"
	plain  = "\x1b[0m"
)

func (t *textWriter) paint(color, s string) string {
	if !t.opts.Color || s == "" {
		return s
	}
	return color + s + plain
}

func (t *textWriter) diagnostic(diag *hcl.Diagnostic) {
	word, color := "Error", red
	if diag.Severity == hcl.DiagWarning {
		word, color = "Hint", yellow
	}
	x, _ := diag.Extra.(extra)
	fmt.Fprintf(&t.out, "%s %s\n", t.paint(color, word+":"), t.paint(bold, clean(diag.Summary)))
	if diag.Subject != nil {
		t.place(*diag.Subject, x.hint, color)
		if x.other != nil {
			t.place(*x.other, x.otherHint, blue)
		}
	}
	if diag.Detail != "" {
		t.paragraph(diag.Detail)
	}
	if x.fix != "" {
		t.out.WriteString("\n")
		for _, line := range strings.Split(strings.TrimRight(x.fix, "\n"), "\n") {
			fmt.Fprintf(&t.out, "      %s\n", t.paint(green, clean(line)))
		}
	}
	t.out.WriteString("\n")
}

// place shows where something is: the file, the line, and the line itself with a mark under the place.
func (t *textWriter) place(at hcl.Range, hint, color string) {
	where := fmt.Sprintf("%s:%d:%d", clean(at.Filename), at.Start.Line, at.Start.Column)
	if in := blocksAround(t.files[at.Filename], at); in != "" {
		where += ", in " + in
	}
	fmt.Fprintf(&t.out, "  %s\n", t.paint(blue, where))
	line, from, to, ok := excerpt(t.files[at.Filename], at)
	if !ok {
		if hint != "" {
			fmt.Fprintf(&t.out, "  %s\n", t.paint(color, clean(hint)))
		}
		return
	}
	number := fmt.Sprintf("%4d", at.Start.Line)
	bar := t.paint(blue, "|")
	before, marked, after := clip(line, from, to, t.opts.Width-len(number)-3)
	fmt.Fprintf(&t.out, "%s %s %s\n", t.paint(blue, number), bar, before+t.paint(color, marked)+after)
	mark := strings.Repeat("^", max(1, utf8.RuneCountInString(marked)))
	indent := strings.Repeat(" ", utf8.RuneCountInString(before))
	hint = clean(hint)
	if hint != "" && utf8.RuneCountInString(indent+mark+hint)+len(number)+4 > t.opts.Width {
		// No room to the right of the mark: the hint gets a line of its own.
		fmt.Fprintf(&t.out, "     %s %s%s\n", bar, indent, t.paint(color, mark))
		left := max(0, min(len(indent), t.opts.Width-utf8.RuneCountInString(hint)-len(number)-3))
		fmt.Fprintf(&t.out, "     %s %s%s\n", bar, indent[:left], t.paint(color, hint))
		return
	}
	if hint != "" {
		mark += " " + hint
	}
	fmt.Fprintf(&t.out, "     %s %s%s\n", bar, indent, t.paint(color, mark))
}

// paragraph writes text broken at spaces, under the snippet.
func (t *textWriter) paragraph(text string) {
	const indent = "  "
	for _, par := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		n := 0
		t.out.WriteString(indent)
		for _, word := range strings.Fields(clean(par)) {
			size := utf8.RuneCountInString(word)
			if n > 0 && n+1+size > t.opts.Width-len(indent) {
				t.out.WriteString("\n" + indent)
				n = 0
			}
			if n > 0 {
				t.out.WriteString(" ")
				n++
			}
			t.out.WriteString(word)
			n += size
		}
		t.out.WriteString("\n")
	}
}

// excerpt is the first line of a range, with tabs as spaces, and which of its characters are in the range.
func excerpt(file *hcl.File, at hcl.Range) (line string, from, to int, ok bool) {
	if file == nil || at.Start.Byte > len(file.Bytes) {
		return "", 0, 0, false
	}
	text := file.Bytes
	start := bytes.LastIndexByte(text[:at.Start.Byte], '\n') + 1
	end := len(text)
	if i := bytes.IndexByte(text[at.Start.Byte:], '\n'); i >= 0 {
		end = at.Start.Byte + i
	}
	stop := min(max(at.End.Byte, at.Start.Byte), end)
	before, marked, after := string(text[start:at.Start.Byte]), string(text[at.Start.Byte:stop]), string(text[stop:end])
	before, marked, after = clean(before), clean(marked), clean(strings.TrimRight(after, "\r"))
	from = utf8.RuneCountInString(before)
	return before + marked + after, from, from + utf8.RuneCountInString(marked), true
}

// clip cuts a long line so that the marked part can be seen in width columns.
func clip(line string, from, to, width int) (before, marked, after string) {
	r := []rune(line)
	width = max(width, 20)
	if len(r) <= width {
		return string(r[:from]), string(r[from:to]), string(r[to:])
	}
	start := 0
	if from > width/2 {
		start = from - width/4
	}
	end := min(len(r), start+width)
	to = min(to, end)
	before, marked, after = string(r[start:from]), string(r[from:to]), string(r[to:end])
	if start > 0 {
		before = "..." + string([]rune(before)[min(3, len([]rune(before))):])
	}
	if end < len(r) && len([]rune(after)) >= 3 {
		after = string([]rune(after)[:len([]rune(after))-3]) + "..."
	}
	return before, marked, after
}

// clean makes text from files harmless for a terminal: control characters become visible.
func clean(s string) string {
	s = strings.ReplaceAll(s, "\t", "    ")
	return strings.Map(func(r rune) rune {
		switch {
		case r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0:
			return '\uFFFD'
		case r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069: // direction overrides
			return '\uFFFD'
		}
		return r
	}, s)
}

// blocksAround says in which blocks a place is: `flow "access", tail`.
func blocksAround(file *hcl.File, at hcl.Range) string {
	if file == nil {
		return ""
	}
	body, ok := file.Body.(*hclsyntax.Body)
	if !ok {
		return ""
	}
	var names []string
	for blk := blockAround(body, at); blk != nil; blk = blockAround(blk.Body, at) {
		name := blk.Type
		for _, l := range blk.Labels {
			name += fmt.Sprintf(" %q", l)
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}
