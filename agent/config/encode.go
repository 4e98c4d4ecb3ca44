package config

import (
	"github.com/hashicorp/hcl/v2"

	"github.com/kinetail/kinetail/pipeline"
	"github.com/kinetail/kinetail/pipeline/expr"
)

// NewEncoder makes what writes the records of an emit block. host is host.name in its expressions.
func (c *Config) NewEncoder(e *Emit, host string) (*pipeline.Encoder, error) {
	o := pipeline.EncoderOptions{Format: e.Format, Delimiter: e.Delimiter, InvalidUTF8: e.InvalidUTF8, Compression: e.Compression, Host: host}
	for _, x := range []struct {
		from hcl.Expression
		to   **expr.Program
	}{{e.PartitionKey, &o.PartitionKey}, {e.Template, &o.Template}} {
		if x.from == nil {
			continue
		}
		program, diags := expr.Compile(x.from, &expr.Scope{Locals: c.Locals, Roots: c.roots, Pods: c.pods})
		if diags.HasErrors() {
			return nil, diags
		}
		*x.to = program
	}
	return pipeline.NewEncoder(o)
}
