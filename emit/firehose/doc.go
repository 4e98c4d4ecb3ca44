// Package firehose sends to Amazon Data Firehose: it knows PutRecordBatch, its limits, and how lines are joined into records. Packing,
// retries and acknowledgement are those of package lane. Firehose keeps no order between records.
package firehose
