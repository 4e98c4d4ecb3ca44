package plan

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// WriteText writes the plan of a flow for people, in lines of at most width columns.
func (f *Flow) WriteText(w io.Writer, o *Options, width int) error {
	var b strings.Builder
	fmt.Fprintf(&b, "flow %s\n", f.Name)
	fmt.Fprintf(&b, "  sample       %s lines, %s, of %s\n", humanize.Comma(f.Lines), humanize.IBytes(uint64(f.Bytes)), plural(len(f.Files), "file")) // #nosec G115 -- a size
	from := f.Rate.From
	if f.Rate.Span > 0 {
		from += ", over " + Duration(f.Rate.Span)
	}
	fmt.Fprintf(&b, "  each host    %s lines/s, %s/s\n", number(f.Rate.Lines), humanize.IBytes(uint64(f.BytesPerSecond))) // #nosec G115 -- as above
	fmt.Fprintf(&b, "               known from: %s\n", from)
	for i := range f.Emits {
		f.Emits[i].write(&b, o, width)
	}
	if len(f.Emits) == 0 {
		b.WriteString("  it sends to no stream: there is nothing to plan\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (e *Emit) write(b *strings.Builder, o *Options, width int) {
	fmt.Fprintf(b, "\n  emit %q to %s from %s", e.Kind, e.Stream, plural(o.Hosts, "host"))
	if e.Kind == "kinesis" {
		fmt.Fprintf(b, ", read by %s", plural(o.Consumers, "consumer"))
	}
	fmt.Fprintf(b, "\n  a record is %s before packing", humanize.IBytes(uint64(math.Ceil(e.RecordBytes)))) // #nosec G115 -- a size
	if e.Kept < 0.9995 {
		fmt.Fprintf(b, "; the steps leave %.1f %% of the lines", 100*e.Kept)
	}
	b.WriteString("\n\n")
	if e.Kind == "kinesis" {
		e.kinesis(b, width)
	} else {
		e.firehose(b, width)
	}
	e.verdict(b)
}

// barWidth is how wide a bar may be; 0 where there is no room for one.
func barWidth(width, used int) int {
	if room := width - used - 2; room >= 12 {
		return min(room, 30)
	}
	return 0
}

func (e *Emit) kinesis(b *strings.Builder, width int) {
	const layout = "  %s %-13s %4s %7s %8s %6s %9s %11s %10s%s\n"
	bars := barWidth(width, 78)
	e.head(b, layout, "", "", "", "records", "average", "", "PUT units", "provisioned", "on demand", "")
	e.head(b, layout, "", "aggregate", "wait", "per s", "record", "shards", "a month", "$ a month", "$ a month", "")
	for _, v := range e.Variants {
		fmt.Fprintf(b, layout, mark(v.Configured), v.name(), wait(v.MaxWait), number(v.RecordsPerSecond), size(v.AverageBytes), humanize.Comma(int64(v.Shards)),
			si(v.Month.PutUnits), money(v.Month.Provisioned), money(v.Month.OnDemand), e.bar(v, bars))
	}
}

func (e *Emit) firehose(b *strings.Builder, width int) {
	const layout = "  %s %-13s %4s %7s %8s %10s %10s %10s%s\n"
	bars := barWidth(width, 68)
	e.head(b, layout, "", "", "", "records", "average", "GB", "billed GB", "", "")
	e.head(b, layout, "", "aggregate", "wait", "per s", "record", "a month", "a month", "$ a month", "")
	for _, v := range e.Variants {
		fmt.Fprintf(b, layout, mark(v.Configured), v.name(), wait(v.MaxWait), number(v.RecordsPerSecond), size(v.AverageBytes),
			number(v.Month.GB), number(v.Month.BilledGB), money(v.Month.Firehose), e.bar(v, bars))
	}
}

// head writes a line of headings.
func (e *Emit) head(b *strings.Builder, layout string, titles ...any) {
	if titles[0] == "" {
		titles[0] = " "
	}
	b.WriteString(strings.TrimRight(fmt.Sprintf(layout, titles...), " \n") + "\n")
}

func wait(seconds float64) string {
	return strings.TrimSuffix(time.Duration(seconds*float64(time.Second)).String(), "m0s") + map[bool]string{true: "m"}[seconds >= 60 && math.Mod(seconds, 60) == 0]
}

// bar shows a price beside the others.
func (e *Emit) bar(v Variant, width int) string {
	if width == 0 {
		return ""
	}
	most := 0.0
	for i := range e.Variants {
		most = max(most, e.Variants[i].Month.Cost())
	}
	if most == 0 {
		return ""
	}
	eighths := int(math.Round(v.Month.Cost() / most * float64(8*width)))
	bar := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		bar += string([]rune("▏▎▍▌▋▊▉")[rest-1])
	}
	return "  " + bar
}

// verdict says in words what would be best.
func (e *Emit) verdict(b *strings.Builder) {
	best := 0
	for i := range e.Variants {
		if e.Variants[i].Month.Saved > e.Variants[best].Month.Saved+0.005 {
			best = i
		}
	}
	now, v := &e.Variants[0], &e.Variants[best]
	b.WriteString("\n")
	mode := ""
	if e.Kind == "kinesis" {
		mode = "provisioned"
		if v.Month.OnDemand < v.Month.Provisioned {
			mode = "on demand"
		}
		mode = " (" + mode + ")"
		if now.ShardsFormula != now.Shards {
			fmt.Fprintf(b, "  The formula alone gives %s; %s records/s need %s.\n", plural(now.ShardsFormula, "shard"), number(now.RecordsPerSecond), humanize.Comma(int64(now.Shards)))
		}
	}
	if best == 0 {
		fmt.Fprintf(b, "  * What is configured is the cheapest here: $%s a month%s.\n", money(now.Month.Cost()), mode)
		return
	}
	fmt.Fprintf(b, "  * is configured. The cheapest%s saves $%s a month, %.0f %%:\n    %s\n", mode, money(v.Month.Saved),
		100*v.Month.Saved/now.Month.Cost(), v.how())
	if v.Aggregate == "kpl" && now.Aggregate != "kpl" {
		b.WriteString("  Consumers must then take the KPL's format apart, as the KCL does.\n")
	} else if v.Aggregate == "lines" && now.Aggregate != "lines" && e.Kind == "kinesis" {
		b.WriteString("  Consumers then get several lines in a record.\n")
	}
}

func (v *Variant) name() string {
	if v.Aggregate == "none" {
		return "none"
	}
	return fmt.Sprintf("%-5s %s", v.Aggregate, short(v.Size))
}

func (v *Variant) how() string {
	if v.Aggregate == "none" {
		return `aggregate = "none"`
	}
	return fmt.Sprintf("aggregate = %q, aggregate_size = %q, max_wait = %q", v.Aggregate, strings.ReplaceAll(short(v.Size), " ", ""), wait(v.MaxWait))
}

func mark(configured bool) string {
	if configured {
		return "*"
	}
	return " "
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return humanize.Comma(int64(n)) + " " + what + "s"
}

func short(n int64) string { return strings.Replace(humanize.IBytes(uint64(n)), ".0 ", " ", 1) } // #nosec G115 -- a size

func size(n float64) string { return short(int64(math.Round(n))) }

// number writes a number with as many digits as people read.
func number(n float64) string {
	switch {
	case n == 0:
		return "0"
	case n < 0.1:
		return fmt.Sprintf("%.3f", n)
	case n < 10:
		return fmt.Sprintf("%.1f", n)
	case n < 1e6:
		return humanize.Comma(int64(math.Round(n)))
	}
	return si(n)
}

func si(n float64) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{1e12, " T"}, {1e9, " G"}, {1e6, " M"}, {1e3, " k"}} {
		if n >= unit.size {
			return fmt.Sprintf("%.3g", n/unit.size) + unit.name
		}
	}
	return fmt.Sprintf("%.0f", n)
}

func money(n float64) string {
	if n >= 1e6 {
		return si(n)
	}
	if n >= 1000 {
		return humanize.Comma(int64(math.Round(n)))
	}
	return fmt.Sprintf("%.2f", n)
}
