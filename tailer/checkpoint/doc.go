// Package checkpoint remembers durably which generations each flow knows and how far each is delivered. Everything is served from
// memory and committed to a bbolt database about once a second; a broken, full or read-only disk is an alarm, never a
// reason to stop. It interprets nothing: what a generation is, and when its offset may move, is the tailer's.
package checkpoint
