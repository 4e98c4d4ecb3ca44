package config

import (
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
)

// maxRecord is the largest max_record_size: the most that a stream takes in one record (10,240 KiB), in bytes.
const maxRecord = 10 << 20

// usualMaxRecord is the default, in bytes: what is cut there is still taken by Firehose (1,000 KiB with the delimiter) and by any stream (1 MiB with the key).
const usualMaxRecord = 999 << 10

func defaultTail() Tail {
	return Tail{
		StartAt:       "end",
		MaxRecordSize: usualMaxRecord,
		OnOversize:    "truncate",
		Encoding:      "utf-8",
		Symlinks:      "owner",
		HardLinks:     "owner",
		PollInterval:  50 * time.Millisecond,
		OnAmbiguous:   "repeat",
		ForgetAfter:   30 * 24 * time.Hour,
	}
}

func (b *body) tail() Tail {
	t := defaultTail()
	b.strs("paths", &t.Paths, b.d.pathPattern("paths"))
	b.strs("exclude", &t.Exclude, excludePattern)
	b.strs("rotated", &t.Rotated, b.d.pathPattern("rotated"))
	b.strs("pipes", &t.Pipes, b.d.pipePath)
	b.enum("start_at", &t.StartAt, "end", "beginning")
	b.size("max_record_size", &t.MaxRecordSize, 64, maxRecord)
	b.enum("on_oversize", &t.OnOversize, "truncate", "split", "dead_letter")
	format := b.enum("format", &t.Format, "cri", "docker", "auto")
	encoding := b.enum("encoding", &t.Encoding, "utf-8", "utf-16", "utf-16le", "utf-16be")
	b.flag("keep_cr", &t.KeepCR)
	b.integer("skip_header_lines", &t.SkipHeaderLines, 0, 1_000_000)
	b.duration("ignore_older", &t.IgnoreOlder, time.Second, 10*365*24*time.Hour)
	b.enum("symlinks", &t.Symlinks, "owner", "all", "none")
	b.enum("hard_links", &t.HardLinks, "owner", "all")
	b.duration("poll_interval", &t.PollInterval, 10*time.Millisecond, time.Hour)
	b.enum("on_ambiguous", &t.OnAmbiguous, "repeat", "skip")
	b.duration("forget_after", &t.ForgetAfter, time.Minute, 10*365*24*time.Hour)
	b.one("multiline", func(b *body) { t.Multiline = b.multiline() })
	b.one("hold_deleted", func(b *body) {
		b.duration("max_age", &t.HoldDeleted.MaxAge, time.Second, 10*365*24*time.Hour)
		b.size("max_bytes", &t.HoldDeleted.MaxBytes, 1<<20, 1<<50)
		b.done()
	})
	if !b.has("paths") && !b.has("pipes") {
		b.need("paths", "paths", `paths = ["/var/log/..."]`)
	}
	b.done()
	if format != nil && encoding != nil && t.Encoding != "utf-8" {
		b.d.error(encoding.Range, problem{
			summary: fmt.Sprintf("A %s log is always UTF-8", t.Format),
			detail:  "Container runtimes write UTF-8, whatever the program inside wrote. Leave encoding out.",
		})
	}
	b.checkExcluded(t)
	return t
}

// multiline reads a multiline block; exactly one of start, continue and indent says where a record begins.
func (b *body) multiline() *Multiline {
	m := &Multiline{Timeout: 2 * time.Second}
	b.regexp("start", &m.Start)
	b.regexp("continue", &m.Continue)
	indent := b.flag("indent", &m.Indent)
	b.regexp("end", &m.End)
	b.duration("timeout", &m.Timeout, 10*time.Millisecond, time.Hour)
	var ways []*hcl.Attribute
	for _, n := range []string{"start", "continue", "indent"} {
		if a := b.written[n]; a != nil && (n != "indent" || indent == nil || m.Indent) {
			ways = append(ways, a)
		}
	}
	switch {
	case len(ways) == 0:
		b.need("start", "start, continue or indent", `start = "^\\d{4}-"`)
	case len(ways) > 1:
		b.d.conflict(problem{
			summary: fmt.Sprintf("%s and %s in one multiline block", ways[0].Name, ways[1].Name), hint: "this says which lines belong together",
			detail: "Choose one of start, continue and indent.",
		}, ways[1].NameRange, "and so does this", ways[0].NameRange)
	}
	b.done()
	return m
}

// checkExcluded finds paths of which exclude leaves nothing.
func (b *body) checkExcluded(t Tail) {
	for _, p := range t.Paths {
		for _, x := range t.Exclude {
			if p == x || !strings.ContainsAny(p, globMeta) && globMatches(x, p) {
				a := b.written["exclude"]
				b.d.warning(a.Range, problem{summary: fmt.Sprintf("Everything that %q could match is excluded", p), hint: fmt.Sprintf("%q excludes it", x)})
			}
		}
	}
}
