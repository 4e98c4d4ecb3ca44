package convert

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"sort"
	"strings"
)

// Verdict is what became of a key.
type Verdict string

// The verdicts, in the order in which a report shows them.
const (
	NoCounterpart Verdict = "no counterpart"
	Different     Verdict = "different here"
	Better        Verdict = "better here"
	TakenOver     Verdict = "taken over"
	NotNeeded     Verdict = "not needed"
)

var verdicts = []Verdict{NoCounterpart, Different, Better, TakenOver, NotNeeded}

// Line is one line of the report.
type Line struct {
	Verdict Verdict `json:"verdict"`
	// Key is where the key is, as "flows[0].filePattern", with the file before it if that is not the first; "(default)" for what the Java agent does
	// where a key is not there.
	Key string `json:"key"`
	// Value is as it was written, "" for a secret.
	Value string `json:"value,omitempty"`
	// Text says what became of it.
	Text string `json:"text"`
}

// Report says what became of every key.
type Report []Line

// Count is how many lines have a verdict.
func (r Report) Count(v Verdict) int {
	n := 0
	for _, l := range r {
		if l.Verdict == v {
			n++
		}
	}
	return n
}

// WriteText writes the report for people, in lines of about width columns; what needs a look comes first.
func (r Report) WriteText(w io.Writer, width int) error {
	var b strings.Builder
	r = r.grouped()
	column := 0
	for _, l := range r {
		column = max(column, len(l.Key))
	}
	column = min(column, max(16, width/3))
	for _, v := range verdicts {
		if r.Count(v) == 0 {
			continue
		}
		fmt.Fprintf(&b, "%s (%s)\n", v, about[v])
		for _, l := range r {
			if l.Verdict != v {
				continue
			}
			text := l.Text
			if l.Value != "" {
				text = l.Value + ": " + text
			}
			lines := wrap(text, max(30, width-column-4))
			if len(l.Key) > column {
				fmt.Fprintf(&b, "  %s\n", l.Key)
			} else {
				fmt.Fprintf(&b, "  %-*s  %s\n", column, l.Key, lines[0])
				lines = lines[1:]
			}
			for _, line := range lines {
				fmt.Fprintf(&b, "  %-*s  %s\n", column, "", line)
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

var flowOfKey = regexp.MustCompile(`^\(default\) flows\[[0-9]+\]`)

// grouped says once for all flows what holds for several of them because a key is not there.
func (r Report) grouped() Report {
	const every = "(default) flows[*]"
	count := map[Line]int{}
	general := func(l Line) Line {
		if i := strings.Index(l.Key, "(default) flows["); i > 0 { // a file of agent.d
			l.Key = l.Key[i:]
		}
		l.Key = flowOfKey.ReplaceAllString(l.Key, every)
		return l
	}
	for _, l := range r {
		count[general(l)]++
	}
	var out Report
	for _, l := range r {
		switch g := general(l); {
		case g.Key == l.Key || count[g] == 1:
			out = append(out, l)
		case count[g] > 1:
			out = append(out, g)
			count[g] = 0
		}
	}
	return out
}

var about = map[Verdict]string{
	NoCounterpart: "kinetail cannot do this: look here first",
	Different:     "decide whether it matters to you",
	Better:        "nothing to do; some can be had by a change",
	TakenOver:     "the same here",
	NotNeeded:     "it has no meaning here",
}

func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	if line != "" || len(lines) == 0 {
		lines = append(lines, line)
	}
	return lines
}

// Sorted is the report in the order in which it is shown.
func (r Report) Sorted() Report {
	out := slices.Clone(r)
	sort.SliceStable(out, func(i, j int) bool {
		return slices.Index(verdicts, out[i].Verdict) < slices.Index(verdicts, out[j].Verdict)
	})
	return out
}
