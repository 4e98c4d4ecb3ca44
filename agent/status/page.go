package status

import (
	"fmt"
	"html"
	"slices"
	"strings"
	"time"
)

// pageFiles is how many files of a flow are shown: those that lag most, or cannot be read.
const pageFiles = 20

// page is HTML in the making. Everything that comes from outside goes through text.
type page struct{ strings.Builder }

func (p *page) raw(s string)  { p.WriteString(s) }
func (p *page) text(s string) { p.WriteString(html.EscapeString(strings.ToValidUTF8(s, "\uFFFD"))) }

// tag writes <name class> text </name>.
func (p *page) tag(name, class, text string) {
	p.raw("<" + name)
	if class != "" {
		p.raw(` class="` + class + `"`)
	}
	p.raw(">")
	p.text(text)
	p.raw("</" + name + ">")
}

// Page is a snapshot, with what History knows of the last minutes, as a page that stands by itself. It shows no records.
func Page(s *Snapshot, h *History, host string, now time.Time) []byte {
	h.Fill(s, now)
	var p page
	p.begin("kinetail on " + host)
	p.raw("<header>")
	p.tag("h1", "", "kinetail")
	p.tag("span", "", host)
	p.tag("span", "", s.Version+", pid "+fmt.Sprint(s.PID)+", up "+Age(now.Sub(s.Started).Seconds()))
	p.tag("span", "when", "as of "+now.UTC().Format("15:04:05 UTC"))
	p.raw("</header>")
	p.problems(s, now)
	for i := range s.Flows {
		p.flow(i, &s.Flows[i], h, now)
	}
	p.raw("<footer>")
	p.text(footer(s))
	p.raw("</footer>")
	p.end()
	return []byte(p.String())
}

// PageError is a page that says why there is no other.
func PageError(err error) []byte {
	var p page
	p.begin("kinetail")
	p.raw(`<header><h1>kinetail</h1></header><div class="say wrong"><p><b>wrong</b>`)
	p.text(err.Error())
	p.raw("</p></div>")
	p.end()
	return []byte(p.String())
}

func (p *page) begin(title string) {
	p.raw(`<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">` +
		`<noscript><meta http-equiv="refresh" content="5"></noscript>`)
	p.tag("title", "", title)
	p.raw("<style>" + pageStyle + "</style></head><body><main>" +
		`<div id="gone" class="say wrong" hidden><p><b>stale</b>The agent does not answer: what is shown is old.</p></div><div id="live">`)
}

func (p *page) end() { p.raw("</div></main><script>" + pageScript + "</script></body></html>") }

func (p *page) problems(s *Snapshot, now time.Time) {
	all := s.Problems(now)
	for _, problem := range all {
		p.raw(`<div class="say ` + problem.Severity + `"><p>`)
		p.tag("b", "", problem.Severity)
		p.text(problem.What)
		p.raw("</p>")
		if problem.Next != "" {
			p.tag("p", "next", "Next: "+problem.Next)
		}
		p.raw("</div>")
	}
	if !slices.ContainsFunc(all, func(p Problem) bool { return p.Severity != Note }) {
		p.raw(`<div class="say well"><p><b>well</b>`)
		p.text(Well(s))
		p.raw("</p></div>")
	}
}

// Well says that nothing is wrong, and how far everything is.
func Well(s *Snapshot) string {
	var bytes int64
	var seconds float64
	files := 0
	for i := range s.Flows {
		bytes += s.Flows[i].LagBytes
		seconds = max(seconds, s.Flows[i].LagSeconds)
		files += s.Flows[i].FilesFollowed
	}
	text := Count(files, "file") + " in " + Count(len(s.Flows), "flow")
	if bytes == 0 {
		return text + ": everything is delivered."
	}
	return text + ": all but " + Size(bytes) + " is delivered; the oldest of it is " + Age(seconds) + " old."
}

// Count is a number of things in words.
func Count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return Grouped(int64(n)) + " " + what + "s"
}

func (p *page) flow(n int, f *Flow, h *History, now time.Time) {
	p.raw("<section><h2>")
	p.text(f.Name)
	p.tag("span", "soft", f.State)
	p.raw(`</h2><div class="road"><dl class="stop"><dt>`)
	p.text(Count(f.FilesFollowed, "file"))
	p.raw("</dt><dd>")
	if f.LagBytes == 0 {
		p.text("all delivered")
	} else {
		p.text(Size(f.LagBytes) + " ")
		p.tag("small", "", "left, "+Age(f.LagSeconds)+" old")
	}
	p.raw("</dd>")
	if f.LagSeconds >= lateAfter {
		p.tag("dd", "soft", f.trend())
	}
	if dropped := f.Dropped.Total(); dropped > 0 {
		p.tag("dd", "soft", Grouped(dropped)+" records dropped by steps")
	}
	p.raw(`</dl><div class="way"></div><ul class="ends">`)
	for i := range f.Destinations {
		p.destination(f, &f.Destinations[i])
	}
	p.raw(`</ul></div><div class="plots">`)
	p.plot("Lag", Age(f.LagSeconds), h.lag(f.Name, now), ageScale)
	for i := range f.Destinations {
		d := &f.Destinations[i]
		current := ""
		if d.Recent != nil {
			current = rate(d.Recent)
		}
		p.plot("To "+d.title(), current, h.throughput(f.Name, d.Name, now), rateScale)
	}
	p.raw("</div>")
	p.files(n, f)
	p.raw("</section>")
}

func rate(r *Recent) string { return Size(int64(float64(r.Bytes)/r.Seconds)) + "/s" }

func (p *page) destination(f *Flow, d *Destination) {
	class := "end"
	switch {
	case d.CircuitOpen:
		class += " shut"
	case d.Recent != nil && d.Recent.Throttled > 0 && f.LagSeconds >= lateAfter:
		class += " late"
	}
	p.raw(`<li class="` + class + `">`)
	p.tag("div", "name", d.title())
	p.raw(`<div class="facts">`)
	fact := func(value, what string) {
		p.raw("<span>")
		p.tag("i", "", value)
		p.text(" " + what)
		p.raw("</span>")
	}
	if d.CircuitOpen {
		fact("takes nothing", "")
	}
	if r := d.Recent; r != nil {
		fact(Grouped(int64(float64(r.Records)/r.Seconds+0.5)), "records/s")
		if r.P99 > 0 {
			fact(Age(float64(r.P50)/1000), "to deliver (p99 "+Age(float64(r.P99)/1000)+")")
		}
		if r.Throttled > 0 {
			fact(Grouped(r.Throttled), "throttled/min")
		}
		if r.Retried > 0 {
			fact(Grouped(r.Retried), "sent again/min")
		}
	}
	fact(Grouped(d.Counters["RecordsSent"]), "sent")
	if d.QueuedBytes > 0 {
		fact(Size(d.QueuedBytes), "queued")
	}
	if letters := d.Counters["RecordsDeadLettered"]; letters > 0 {
		fact(Grouped(letters), "dead letters")
	}
	p.raw("</div></li>")
}

func (p *page) files(n int, f *Flow) {
	files, rest := f.Interesting(pageFiles)
	if len(files) == 0 && rest == 0 && len(f.Skipped) == 0 {
		return
	}
	fmt.Fprintf(p, `<details id="files%d"><summary>`, n)
	p.text("Files")
	p.raw(`</summary><div class="wide"><table><tr><th>File</th><th class="n">Size</th><th class="n">Left</th><th class="n">Oldest</th><th>State</th></tr>`)
	for _, file := range files {
		p.raw("<tr>")
		p.tag("td", "path", file.Name())
		p.tag("td", "n", Size(file.Size))
		p.tag("td", "n", Size(file.Size-file.Committed))
		age := ""
		if file.LagSeconds > 0 {
			age = Age(file.LagSeconds)
		}
		p.tag("td", "n", age)
		class := ""
		if file.Broken() {
			class = "off"
		}
		p.tag("td", class, file.State)
		p.raw("</tr>")
	}
	for i, skipped := range f.Skipped {
		if i == pageFiles {
			break
		}
		p.raw("<tr>")
		p.tag("td", "path", skipped.Path)
		p.raw(`<td class="n"></td><td class="n"></td><td class="n"></td>`)
		p.tag("td", "off", "not read: "+skipped.Reason)
		p.raw("</tr>")
	}
	p.raw("</table></div>")
	if rest > 0 {
		p.tag("p", "soft", "and "+Count(rest, "more file")+", delivered")
	}
	p.raw("</details>")
}

// Name is where a generation is now.
func (f *File) Name() string {
	if len(f.Names) > 0 && !slices.Contains(f.Names, f.Path) {
		return f.Names[0]
	}
	return f.Path
}

// Interesting are the files that are worth looking at, at most so many, those that lag most first: what is left, or cannot be read. Where
// there is room, the others follow. rest is how many are not among them.
func (f *Flow) Interesting(most int) (files []*File, rest int) {
	var others []*File
	for i := range f.Files {
		file := &f.Files[i]
		if file.Broken() || file.Size > file.Committed {
			files = append(files, file)
		} else {
			others = append(others, file)
		}
	}
	slices.SortStableFunc(files, func(a, b *File) int {
		if a.Broken() != b.Broken() {
			return map[bool]int{true: -1, false: 1}[a.Broken()]
		}
		return int(b.LagSeconds*1000) - int(a.LagSeconds*1000)
	})
	if len(f.Files) <= most {
		files = append(files, others...)
	}
	files = files[:min(len(files), most)]
	return files, len(f.Files) - len(files)
}

func footer(s *Snapshot) string {
	text := "state in " + s.Store.Dir
	if s.Reload != nil {
		text += ", last reload " + s.Reload.Time.UTC().Format("2006-01-02 15:04:05 UTC")
	}
	if s.Metrics != nil {
		text += ", metrics in " + s.Metrics.Namespace
	}
	return text + ". Counters are since the start; rates are those of the last minute."
}
