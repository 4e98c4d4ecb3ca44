//go:build !amd64

package wire

// wide says whether the processor can encode 24 bytes at once.
const wide = false

func encode24(*byte, *byte, int) { panic("wire: there are no wide registers") }
