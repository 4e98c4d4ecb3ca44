package agent

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"

	"github.com/kinetail/kinetail/agent/config"
	"github.com/kinetail/kinetail/emit"
	"github.com/kinetail/kinetail/pipeline"
)

// dryRun prints what a destination would be sent. It implements emit.Destination.
type dryRun struct {
	out    io.Writer
	target string
	kind   string
	name   string
	// delimiter ends each record and is not shown.
	delimiter string
	counters  emit.Counters
	line      []byte
}

func newDryRun(out io.Writer, flow string, e *config.Emit) *dryRun {
	target := e.Kind
	switch {
	case e.Stream != "":
		target += " " + e.Stream
	case e.StreamARN != "":
		target += " " + e.StreamARN
	case e.Path != "":
		target += " " + e.Path
	}
	return &dryRun{out: out, target: flow + " -> " + target, kind: e.Kind, name: e.Name, delimiter: e.Delimiter}
}

// Put prints a line per record.
func (d *dryRun) Put(_ context.Context, p *pipeline.Payloads) error {
	for i := range p.Items {
		item := &p.Items[i]
		d.line = append(d.line[:0], d.target...)
		if len(item.Key) > 0 {
			d.line = append(d.line, " key="...)
			d.line = appendShown(d.line, item.Key)
		}
		if item.Refusal != nil {
			d.line = append(d.line, " dead letter ("...)
			d.line = append(d.line, item.Refusal.Reason...)
			d.line = append(d.line, ')')
			d.counters.RecordsDeadLettered.Add(1)
		} else {
			d.counters.RecordsSent.Add(1)
			d.counters.BytesSent.Add(int64(len(item.Data)))
		}
		d.line = append(d.line, ": "...)
		d.line = appendShown(d.line, bytes.TrimSuffix(item.Data, []byte(d.delimiter)))
		d.line = append(d.line, '\n')
		if _, err := d.out.Write(d.line); err != nil {
			return fmt.Errorf("print: %w", err)
		}
	}
	return nil
}

// appendShown appends text as it is, or quoted where it could do something to a terminal.
func appendShown(dst, text []byte) []byte {
	for rest := text; len(rest) > 0; {
		r, n := utf8.DecodeRune(rest)
		if r == utf8.RuneError && n == 1 || r != '\t' && !strconv.IsPrint(r) {
			return strconv.AppendQuote(dst, string(text))
		}
		rest = rest[n:]
	}
	return append(dst, text...)
}

// Flush has nothing to wait for.
func (d *dryRun) Flush(context.Context) error { return nil }

// Close has nothing to close.
func (d *dryRun) Close() error { return nil }

// Status is what was printed.
func (d *dryRun) Status() emit.Status {
	return emit.Status{Kind: d.kind, Name: d.name, Counters: &d.counters}
}
