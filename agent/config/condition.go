package config

import (
	"errors"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kinetail/kinetail/pipeline/expr"
)

// Condition compiles a condition that is not part of the configuration but may use its locals. name says where text is from; the error is
// what validate would print.
func (c *Config) Condition(name, text string) (*expr.Program, error) {
	e, problems := hclsyntax.ParseExpression([]byte(text), name, hcl.InitialPos)
	d := &decoder{opts: Options{Roots: c.roots, Pods: c.pods}, locals: c.Locals}
	if d.add(problems...); d.errors == 0 {
		if p := d.compile(e); p != nil {
			return p, nil
		}
	}
	diags := &Diagnostics{List: tidy(d.diags), Files: map[string]*hcl.File{name: {Bytes: []byte(text)}}}
	var out strings.Builder
	if err := diags.WriteText(&out, TextOptions{}); err != nil {
		return nil, err
	}
	return nil, errors.New(strings.TrimSpace(out.String()))
}
