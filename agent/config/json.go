package config

import (
	"encoding/json"
	"io"

	"github.com/hashicorp/hcl/v2"
)

type jsonReport struct {
	Valid       bool             `json:"valid"`
	Errors      int              `json:"errors"`
	Hints       int              `json:"hints"`
	Diagnostics []jsonDiagnostic `json:"diagnostics"`
}

type jsonDiagnostic struct {
	Severity string     `json:"severity"` // "error" | "hint"
	Summary  string     `json:"summary"`
	Hint     string     `json:"hint,omitempty"`
	Detail   string     `json:"detail,omitempty"`
	Fix      string     `json:"fix,omitempty"`
	At       *jsonPlace `json:"at,omitempty"`
	Other    *jsonPlace `json:"other,omitempty"`
}

// jsonPlace is a range of a file. Lines and columns count from 1, columns in characters; bytes count from 0.
type jsonPlace struct {
	File  string  `json:"file"`
	Start jsonPos `json:"start"`
	End   jsonPos `json:"end"` // behind the last character
	// In are the blocks around it: `flow "access", tail`.
	In string `json:"in,omitempty"`
	// Line is the text of the first line.
	Line string `json:"line,omitempty"`
}

type jsonPos struct {
	Line   int `json:"line"`
	Column int `json:"column"`
	Byte   int `json:"byte"`
}

// WriteJSON writes the diagnostics as one JSON object, for programs.
func (d *Diagnostics) WriteJSON(w io.Writer) error {
	report := jsonReport{Valid: !d.HasErrors(), Diagnostics: []jsonDiagnostic{}}
	report.Errors, report.Hints = d.Count()
	for _, diag := range d.List {
		x, _ := diag.Extra.(extra)
		out := jsonDiagnostic{Severity: "error", Summary: diag.Summary, Hint: x.hint, Detail: diag.Detail, Fix: x.fix}
		if diag.Severity == hcl.DiagWarning {
			out.Severity = "hint"
		}
		out.At, out.Other = d.place(diag.Subject), d.place(x.other)
		report.Diagnostics = append(report.Diagnostics, out)
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(report)
}

func (d *Diagnostics) place(at *hcl.Range) *jsonPlace {
	if at == nil {
		return nil
	}
	p := &jsonPlace{File: at.Filename, Start: jsonPos(at.Start), End: jsonPos(at.End), In: blocksAround(d.Files[at.Filename], *at)}
	if file := d.Files[at.Filename]; file != nil {
		p.Line, _ = lineAt(file.Bytes, at.Start.Byte)
	}
	return p
}
