// Package tailer follows log files as they grow and rotate and hands out batches of framed records with their byte
// positions. It knows nothing of what becomes of a record: whoever takes a batch acknowledges it, and the committed
// offset of a generation is the end of its unbroken acknowledged run.
package tailer
