package config

import "github.com/kinetail/kinetail/tailer/frame"

// Framing are the options of what finds the records in the files.
func (t *Tail) Framing() frame.Options {
	o := frame.Options{
		MaxRecordSize: t.MaxRecordSize, OnOversize: t.OnOversize, KeepCR: t.KeepCR, Format: t.Format, Encoding: t.Encoding,
		SkipHeaderLines: t.SkipHeaderLines,
	}
	if m := t.Multiline; m != nil {
		o.Multiline = &frame.Multiline{Start: m.Start, Continue: m.Continue, End: m.End, Indent: m.Indent, Timeout: m.Timeout}
	}
	return o
}
