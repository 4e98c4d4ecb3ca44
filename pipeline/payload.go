package pipeline

import "github.com/kinetail/kinetail/tailer"

// Refusal says why a record will not be sent as it is. Emit writes it to the dead letters.
type Refusal struct {
	// Reason is a word for metrics: "oversize", "parse_error", ...
	Reason string
	// Detail is for people.
	Detail string
}

// Payload is one encoded record on its way to one destination.
type Payload struct {
	// Data is what is sent. It aliases the batch or the encoder's buffer: a destination copies what it packs.
	Data []byte
	// Key is the partition key, empty where the records are to be spread evenly. At most 256 characters.
	Key []byte
	// Record is the index of the record in the batch.
	Record int
	// Refusal is nil for a record that is to be sent.
	Refusal *Refusal
}

// Payloads are what an Encoder made of a batch for one destination. Records that the configuration drops are not among them.
type Payloads struct {
	Batch *tailer.Batch
	Items []Payload
}
