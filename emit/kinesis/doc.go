// Package kinesis sends to Amazon Kinesis Data Streams: it knows PutRecords, its limits, and which shard a partition key falls into.
// Packing, retries and acknowledgement are those of package lane.
package kinesis
