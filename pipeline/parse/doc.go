// Package parse reads log lines of known formats into records. A parser takes any bytes in linear time, never panics, and says that a line
// is not in its format rather than guess; values alias the line wherever they can.
package parse
