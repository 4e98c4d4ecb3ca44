// Package record is the shape of a record between the steps of a flow: a flat list of named values that alias the batch's bytes.
// It holds values and writes them as JSON; it knows no format, no expression and no destination.
package record
