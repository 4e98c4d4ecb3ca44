package md5

//go:generate go run gen.go

import "golang.org/x/sys/cpu"

// wide says whether the processor has the lanes.
var wide = cpu.X86.HasAVX2

// blocks hashes n blocks, one at least, of each of the eight lanes.
//
//go:noescape
func blocks(state *[4][width]uint32, lanes *[width]*byte, n int)
