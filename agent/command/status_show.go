package command

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kinetail/kinetail/agent/status"
)

// shownFiles is how many files of a flow are shown without --all: those that have something left, or cannot be read.
const shownFiles = 10

// shownStatus is a status as text.
type shownStatus struct {
	strings.Builder
	width int // columns; 0 is without an end
	all   bool
	now   time.Time
}

func (p *shownStatus) print(out io.Writer, s *status.Snapshot) error {
	p.wrapped("", "", fmt.Sprintf("kinetail %s, pid %d, up %s", s.Version, s.PID, status.Age(p.now.Sub(s.Started).Seconds())))
	p.line("")
	problems := s.Problems(p.now)
	well := true
	for _, problem := range problems {
		well = well && problem.Severity == status.Note
	}
	if well {
		p.wrapped("WELL   ", "       ", status.Well(s))
	}
	for _, problem := range problems {
		p.wrapped(fmt.Sprintf("%-7s", strings.ToUpper(problem.Severity)), "       ", problem.What)
		if problem.Next != "" {
			p.wrapped("       Next: ", "       ", problem.Next)
		}
	}
	for i := range s.Flows {
		p.line("")
		p.flow(&s.Flows[i])
	}
	if r := s.Reload; r != nil {
		p.line("")
		p.reload(r)
	}
	_, err := io.WriteString(out, p.String())
	return err
}

func (p *shownStatus) flow(f *status.Flow) {
	lag := "all delivered"
	if f.LagBytes > 0 {
		lag = status.Size(f.LagBytes) + " left, the oldest of it " + status.Age(f.LagSeconds) + " old"
	}
	p.wrapped("flow ", "     ", f.Name+": "+f.State+", "+status.Count(f.FilesFollowed, "file")+", "+lag)
	to := table{{"TO", false}, {"RATE", true}, {"RECORDS/S", true}, {"P50", true}, {"P99", true}, {"SENT", true}, {"QUEUED", true}}
	var rows [][]string
	for i := range f.Destinations {
		d := &f.Destinations[i]
		row := []string{name(d), "", "", "", "", status.Grouped(d.Counters["RecordsSent"]), status.Size(d.QueuedBytes)}
		if r := d.Recent; r != nil {
			row[1] = status.Size(int64(float64(r.Bytes)/r.Seconds)) + "/s"
			row[2] = status.Grouped(int64(float64(r.Records)/r.Seconds + 0.5))
			if r.P99 > 0 {
				row[3], row[4] = status.Age(float64(r.P50)/1000), status.Age(float64(r.P99)/1000)
			}
		}
		rows = append(rows, row)
	}
	p.table(to, rows)
	for i := range f.Destinations {
		p.trouble(&f.Destinations[i])
	}
	p.counted(f)
	p.files(f)
}

// name is what a destination is called here.
func name(d *status.Destination) string {
	if _, stream, ok := strings.Cut(d.Metric, ":"); ok {
		return d.Name + " " + stream
	}
	return d.Name
}

// trouble is what went wrong with a destination, if anything did.
func (p *shownStatus) trouble(d *status.Destination) {
	var all []string
	for _, c := range []struct{ name, what string }{
		{"RecordsRetried", "sent again"},
		{"RecordsThrottled", "throttled"},
		{"UnknownOutcomes", "without an answer"},
		{"RecordsReordered", "overtaken"},
		{"RecordsDropped", "dropped"},
		{"RecordsDeadLettered", "dead letters"},
	} {
		if n := d.Counters[c.name]; n > 0 {
			all = append(all, status.Grouped(n)+" "+c.what)
		}
	}
	if len(all) > 0 {
		p.wrapped("  "+d.Name+", records: ", "    ", strings.Join(all, ", "))
	}
	if d.LastError != "" && d.LastErrorTime != nil {
		p.wrapped("  "+d.Name+", last error: ", "    ", status.Age(p.now.Sub(*d.LastErrorTime).Seconds())+" ago, "+d.LastError)
	}
}

// counted is what happened in a flow that may be worth knowing.
func (p *shownStatus) counted(f *status.Flow) {
	for _, c := range []struct {
		n    int64
		what string
	}{
		{f.Dropped.Filtered, "records dropped by filter"},
		{f.Dropped.Sampled, "records dropped by sample"},
		{f.Dropped.Limited, "records dropped by limit"},
		{f.Dropped.Unparsed, "records dropped by parse"},
		{f.ParseErrors, "lines that were not in their format"},
		{f.FilterUndecided, "records kept by a filter whose condition was null"},
		{f.RecordsTruncated, "records longer than max_record_size, which were cut"},
		{f.InvalidBytes, "bytes that were no UTF-8 and were replaced"},
		{f.KeysTruncated, "partition keys cut at 256 characters"},
		{f.LateBytes, "bytes that came to a file after a newer one had been started"},
		{f.FilesRefused, "files not read for the sake of safety"},
		{f.ReadErrors, "looks at files that failed and were tried again"},
	} {
		if c.n > 0 {
			p.wrapped("  ", "    ", c.what+": "+status.Grouped(c.n))
		}
	}
	if f.ExpressionErrors > 0 {
		p.wrapped("  ", "    ", "expressions that failed and were taken for null: "+status.Grouped(f.ExpressionErrors)+"; the last: "+f.LastExpressionError)
	}
}

func (p *shownStatus) files(f *status.Flow) {
	most := shownFiles
	columns := table{{"FILE", false}, {"SIZE", true}, {"LEFT", true}, {"OLDEST", true}, {"", false}}
	if p.all {
		most = len(f.Files)
		columns = append(columns, column{"DELIVERED", true}, column{"GENERATION", false})
	}
	files, rest := f.Interesting(most)
	var rows [][]string
	for _, file := range files {
		age := ""
		if file.LagSeconds > 0 {
			age = status.Age(file.LagSeconds)
		}
		state := file.State
		switch {
		case state == "following":
			state = ""
		case state == "drained":
			state = "rotated"
		case state != "final" && !p.all:
			state = "not readable" // what is wrong says why
		}
		row := []string{file.Name(), status.Size(file.Size), status.Size(file.Size - file.Committed), age, state}
		if p.all {
			row = append(row, fmt.Sprint(file.Committed), file.Generation)
		}
		rows = append(rows, row)
	}
	p.table(columns, rows)
	switch {
	case rest == 1:
		p.line("  and 1 more file, delivered")
	case rest > 0 && len(files) < most:
		p.line("  and " + status.Grouped(int64(rest)) + " more files, delivered (--all shows them)")
	case rest > 0:
		p.line("  and " + status.Grouped(int64(rest)) + " more files (--all shows them)")
	}
	for i, sk := range f.Skipped {
		if i == shownFiles && !p.all {
			p.line("  and " + status.Grouped(int64(len(f.Skipped)-i)) + " more that are not read (--all shows them)")
			break
		}
		p.wrapped("  not read: ", "    ", printable(sk.Path)+": "+sk.Reason)
	}
}

func (p *shownStatus) reload(r *status.Reload) {
	when := "last reload, " + status.Age(p.now.Sub(r.Time).Seconds()) + " ago: "
	if r.Error != "" {
		p.wrapped(when, "  ", "refused, and everything is as it was before")
		return
	}
	var all []string
	for _, c := range []struct {
		what  string
		flows []string
	}{{"kept", r.Kept}, {"restarted", r.Restarted}, {"added", r.Added}, {"removed", r.Removed}} {
		if len(c.flows) > 0 {
			all = append(all, c.what+" "+strings.Join(c.flows, ", "))
		}
	}
	p.wrapped(when, "  ", strings.Join(all, "; "))
}

func (p *shownStatus) line(text string) { p.WriteString(strings.TrimRight(text, " ") + "\n") }

// wrapped breaks a text between words so that it fits, and makes what comes from outside harmless on a terminal.
func (p *shownStatus) wrapped(first, other, text string) {
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		line = safe([]byte(strings.TrimRight(line, "\r ")))
		begin := other
		if i == 0 {
			begin = first
		}
		if p.width == 0 || !strings.Contains(line, " ") {
			p.line(begin + line)
			continue
		}
		used := begin
		for n, word := range strings.Split(line, " ") {
			if n > 0 && utf8.RuneCountInString(used)+1+utf8.RuneCountInString(word) > p.width && strings.TrimSpace(used) != "" {
				p.line(used)
				used = other + word
				continue
			}
			if n > 0 {
				used += " "
			}
			used += word
		}
		p.line(used)
	}
}

// column is one of a table: numbers are to the right.
type column struct {
	title string
	right bool
}

type table []column

// table shows rows below their titles. Where they are wider than the terminal the first column gives way: what is left of it is its end.
func (p *shownStatus) table(columns table, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	titles := make([]string, len(columns))
	for i, c := range columns {
		titles[i] = c.title
	}
	rows = append([][]string{titles}, rows...)
	widths := make([]int, len(columns))
	for r := range rows {
		for i := range rows[r] {
			rows[r][i] = printable(rows[r][i])
			widths[i] = max(widths[i], utf8.RuneCountInString(rows[r][i]))
		}
	}
	const margin, gap, leastPath = 2, 2, 16
	total := margin
	for _, w := range widths {
		total += w + gap
	}
	if over := total - gap - p.width; p.width > 0 && over > 0 {
		widths[0] = max(min(widths[0], leastPath), widths[0]-over)
	}
	for _, row := range rows {
		line := strings.Repeat(" ", margin)
		for i, text := range row {
			if n := utf8.RuneCountInString(text); n > widths[i] {
				runes := []rune(text)
				text = "…" + string(runes[n-widths[i]+1:])
			}
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text))
			if columns[i].right {
				line += pad + text
			} else {
				line += text + pad
			}
			if i < len(row)-1 {
				line += strings.Repeat(" ", gap)
			}
		}
		p.line(line)
	}
}
