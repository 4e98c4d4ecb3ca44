// Package bounds measures what the real program takes while there is little to do and while things go wrong: processor time and memory beside
// many idle files, the wake-ups of a quiet host, the time from start to the first record, and what a dead destination does to another flow. It
// holds tests only (build tag bounds; `make bounds`): they take minutes, and what they find depends on the machine.
package bounds
