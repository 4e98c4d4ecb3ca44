// Package read reads a Kinesis stream for people: it opens aggregated and compressed records, follows splits and merges, and remembers how
// far it came. It is for looking at a stream and for proving what is in it, in small; it shares no work with other readers.
package read
