//go:build !race

package parse

// raced says that the race detector is on: then time says nothing.
const raced = false
