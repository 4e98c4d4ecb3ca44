// Package wire writes the bodies and reads the answers of the two calls that carry records, PutRecords and PutRecordBatch, in place of the
// SDK's serialiser, which allocates eight times the body. Everything else of a call stays the SDK's: endpoint, signature, clock, errors.
package wire
