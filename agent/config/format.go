package config

import "github.com/hashicorp/hcl/v2/hclwrite"

// Format lays HCL text out in the usual way. It changes spaces only, and formatting twice is the same as once.
func Format(src []byte) []byte { return hclwrite.Format(src) }
