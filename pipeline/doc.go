// Package pipeline turns batches of records into payloads: the steps of a flow in the order written, then an encoding for each
// destination. It sends nothing and acknowledges nothing; a record it refuses carries its refusal downstream.
package pipeline
