package config

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/json"
)

// redefined is what hcl calls a second argument of the same name. The rest of the file is understood all the same.
const redefined = "Attribute redefined"

// parse reads the syntax of a file. Of its syntax errors the first is returned, because the others mostly follow from it.
func parse(src source) (*hcl.File, hcl.Diagnostics) {
	var file *hcl.File
	var diags hcl.Diagnostics
	if strings.HasSuffix(src.name, ".json") {
		file, diags = json.Parse(src.text, src.name)
	} else {
		file, diags = hclsyntax.ParseConfig(src.text, src.name, hcl.InitialPos)
	}
	if file == nil {
		file = &hcl.File{Bytes: src.text}
	}
	var out hcl.Diagnostics
	first := true
	for _, diag := range diags {
		if diag.Summary == redefined {
			out = append(out, diag)
		} else if first {
			out = append(out, diag)
			first = false
		}
	}
	return file, out
}

// fatal says whether a file's syntax is so wrong that its blocks can't be read.
func fatal(diags hcl.Diagnostics) bool {
	for _, d := range diags {
		if d.Severity == hcl.DiagError && d.Summary != redefined {
			return true
		}
	}
	return false
}
