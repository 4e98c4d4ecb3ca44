// Package wire writes the bodies and reads the answers of the two calls that carry records, PutRecords and PutRecordBatch, in place of the
// SDK's serialiser, which allocates eight times the body. PutRecords it also sends, for the SDK's way to a call costs more than 500 lines do. What a
// request looks like otherwise, and what an error means, is the SDK's to say.
package wire
