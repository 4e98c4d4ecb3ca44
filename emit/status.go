package emit

import (
	"sync/atomic"
	"time"
)

// Counters are what a destination counts, since the start of the process. The names are those of the CloudWatch metrics.
// Safe for concurrent use.
type Counters struct {
	RecordSendAttempts  atomic.Int64 // records in requests, repeats included
	RecordSendErrors    atomic.Int64 // records that a request did not deliver
	RecordsSent         atomic.Int64 // records accepted
	BytesSent           atomic.Int64 // bytes of accepted records, without framing
	ServiceErrors       atomic.Int64 // requests that failed as a whole
	RecordsRetried      atomic.Int64 // records put into another request after a failed one
	RecordsThrottled    atomic.Int64 // records refused for the rate
	RecordsReordered    atomic.Int64 // records accepted after a later one of their key (order = "none")
	RecordsDropped      atomic.Int64 // records dropped because the configuration says so
	RecordsDeadLettered atomic.Int64
	UnknownOutcomes     atomic.Int64 // records in requests whose answer never came: each may be a duplicate
	Requests            atomic.Int64
	KinesisRecords      atomic.Int64 // records as the service counts them: aggregates count once

	SendLatency             Distribution // of requests, whatever became of them, in milliseconds
	DeliveryLatency         Distribution // of records, from when they were read to their acknowledgement, in milliseconds
	RecordsPerKinesisRecord Distribution // of accepted records as the service counts them
}

// Circuit says whether a destination sends.
type Circuit struct {
	Open   bool
	Since  time.Time
	Reason string // what the service said and what to do about it
	// Held says that it stays open until somebody says that it is to go on, or the service accepts what it refused.
	Held bool
}

// Status is a snapshot of a destination.
type Status struct {
	// Kind is "kinesis", "firehose", "stdout" or "file".
	Kind string
	// Name is the emit block's name, or its kind.
	Name string
	// Metric is the value of the CloudWatch dimension Destination: "KinesisStream:<name>" or "DeliveryStream:<name>".
	// Empty for stdout and file.
	Metric string
	// Counters are live: read them with Load.
	Counters *Counters
	// QueuedRecords and QueuedBytes wait to be sent or answered.
	QueuedRecords, QueuedBytes int64
	Circuit                    Circuit
	// Waits is why dead letters cannot be written, while the flow waits for that; else empty.
	Waits string
	// Failing is since when no request gets through, though the circuit is not open: it is tried again. Zero: the last one did.
	Failing       time.Time
	LastError     string
	LastErrorTime time.Time
}
