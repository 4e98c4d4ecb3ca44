package config

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

var stateDirBlocks = &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{{Type: "agent"}}}

// StateDir is the state_dir that a configuration names, as far as that can be told of one that may be full of mistakes; else the
// default. A program that falls back to what it remembers must know where it remembers.
func StateDir(path string, opts Options) string {
	opts = opts.filled()
	dir := defaultAgent(opts).StateDir
	sources, _ := readSources(path)
	for _, src := range sources.files {
		file, _ := parse(src)
		if file == nil {
			continue
		}
		content, _, _ := file.Body.PartialContent(stateDirBlocks)
		if content == nil {
			continue
		}
		for _, blk := range content.Blocks {
			attrs, _ := blk.Body.JustAttributes()
			attr := attrs["state_dir"]
			if attr == nil {
				continue
			}
			v, diags := attr.Expr.Value(nil)
			if !diags.HasErrors() && v.Type() == cty.String && v.IsKnown() && !v.IsNull() {
				dir = v.AsString()
			}
		}
	}
	return dir
}
