package emit

import (
	"context"

	"github.com/kinetail/kinetail/pipeline"
)

// Destination is where an emit block of one flow sends.
//
// A destination acknowledges each payload exactly once, with p.Batch.Ack.Done, when the service has it durably or it is in the
// dead-letter file, and never before. It sends again, without end and with backoff, what was not accepted.
type Destination interface {
	// Put takes the payloads over: it holds p.Batch.Ack once for each item before it returns, and copies what it keeps, for
	// p and the batch are used again by the caller. It blocks while the flow's memory is used up, until ctx ends; then it
	// returns ctx's error and has taken over nothing that it has not held. Called by one goroutine at a time.
	Put(ctx context.Context, p *pipeline.Payloads) error
	// Flush sends what still waits for max_wait and returns when everything put before is acknowledged, or with ctx's error.
	Flush(ctx context.Context) error
	// Close ends the destination's goroutines. What is not acknowledged stays so. It does not wait for answers
	// longer than it takes to cancel the requests.
	Close() error
	// Status is a snapshot for people and metrics. Safe for concurrent use.
	Status() Status
}
