// Package emit brings payloads to their destinations and the acknowledgement back. It alone writes dead letters. It never gives a
// record up: what is not acknowledged here is read again from its file after a restart.
package emit
