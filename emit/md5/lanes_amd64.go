package md5

//go:generate go run gen.go

import "golang.org/x/sys/cpu"

// wider says whether it has AVX-512's instructions for them.
var wider = cpu.X86.HasAVX512F && cpu.X86.HasAVX512VL

// wide says whether the processor has the lanes.
var wide = cpu.X86.HasAVX2

// hash hashes n blocks, one at least, of each of the eight lanes.
func hash(state *[4][width]uint32, lanes *[width]*byte, n int) {
	if wider {
		blocks512(state, lanes, n)
		return
	}
	blocks(state, lanes, n)
}

//
//go:noescape
func blocks(state *[4][width]uint32, lanes *[width]*byte, n int)

//go:noescape
func blocks512(state *[4][width]uint32, lanes *[width]*byte, n int)
