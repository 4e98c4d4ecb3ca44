package wire

import "golang.org/x/sys/cpu"

// wide says whether the processor can encode 24 bytes at once.
var wide = cpu.X86.HasAVX2

// encode24 makes 32 characters of each 24 bytes, n times, at least once. Four bytes more than these are read.
//
//go:noescape
func encode24(out, data *byte, n int)
