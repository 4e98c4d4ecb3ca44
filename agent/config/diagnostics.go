package config

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
)

// Diagnostics are what was found in a configuration, with the text of its files, so that they can be shown.
type Diagnostics struct {
	// List has errors first, then hints, each in the order of the files' names and lines.
	List hcl.Diagnostics
	// Files are by the names that the diagnostics use.
	Files map[string]*hcl.File
}

// HasErrors says whether the configuration can't be used.
func (d *Diagnostics) HasErrors() bool { return d.List.HasErrors() }

// Count is the number of errors and of hints.
func (d *Diagnostics) Count() (errors, hints int) {
	for _, diag := range d.List {
		if diag.Severity == hcl.DiagError {
			errors++
		} else {
			hints++
		}
	}
	return errors, hints
}

// Error is one line for a log: the first error, and how many there are.
func (d *Diagnostics) Error() string {
	n, _ := d.Count()
	if n == 0 {
		return "no errors"
	}
	first := d.List[0]
	text := first.Summary
	if first.Subject != nil {
		text = fmt.Sprintf("%s:%d: %s", first.Subject.Filename, first.Subject.Start.Line, text)
	}
	switch {
	case n == 2:
		text += " (and 1 more error)"
	case n > 2:
		text += fmt.Sprintf(" (and %d more errors)", n-1)
	}
	return text
}
