package doctor

import (
	"fmt"
	"io"
	"strings"
)

// Level is how bad a finding is.
type Level string

// The levels.
const (
	OK      Level = "ok"
	Note    Level = "note"    // worth knowing, nothing to do
	Warning Level = "warning" // may become a problem
	Problem Level = "problem" // keeps something from being delivered
)

// Finding is the outcome of one check.
type Finding struct {
	// Area is what was looked at: "configuration", "files of flow nginx", "network" ...
	Area  string `json:"area"`
	Level Level  `json:"level"`
	Text  string `json:"text"`
	// Do is what to do about it; empty where nothing is to be done or nobody knows.
	Do string `json:"do,omitempty"`
}

// Report collects findings, and hands each to Show as it comes.
type Report struct {
	Show     func(Finding) // may be nil
	Findings []Finding
}

func (r *Report) add(area string, level Level, do, format string, args ...any) {
	r.Add(area, level, do, fmt.Sprintf(format, args...))
}

// Add reports a finding.
func (r *Report) Add(area string, level Level, do, text string) {
	f := Finding{Area: area, Level: level, Text: text, Do: do}
	r.Findings = append(r.Findings, f)
	if r.Show != nil {
		r.Show(f)
	}
}

// Count is the number of findings of a level.
func (r *Report) Count(level Level) int {
	n := 0
	for _, f := range r.Findings {
		if f.Level == level {
			n++
		}
	}
	return n
}

// Printer writes findings for people, a heading for each area.
type Printer struct {
	W     io.Writer
	Color bool
	area  string
}

var marks = map[Level]struct{ mark, color string }{
	OK: {"✔", "32"}, Note: {"·", "36"}, Warning: {"!", "33"}, Problem: {"✘", "31"},
}

// Print writes one.
func (p *Printer) Print(f Finding) {
	var b strings.Builder
	if f.Area != p.area {
		if p.area != "" {
			b.WriteByte('\n')
		}
		b.WriteString(f.Area + "\n")
		p.area = f.Area
	}
	m := marks[f.Level]
	mark := m.mark
	if p.Color {
		mark = "\x1b[" + m.color + "m" + mark + "\x1b[0m"
	}
	fmt.Fprintf(&b, "  %s %s\n", mark, indent(f.Text))
	if f.Do != "" {
		fmt.Fprintf(&b, "    → %s\n", indent(f.Do))
	}
	_, _ = io.WriteString(p.W, b.String())
}

// indent keeps further lines of a text below its first.
func indent(s string) string { return strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n    ") }
