package cloudwatch

import "github.com/kinetail/kinetail/emit/awscall"

// kind says how a metric's readings become data.
type kind uint8

const (
	counter      kind = iota // cumulative; the interval's growth is published, summed over sources
	sum                      // a gauge; summed over sources
	worst                    // a gauge; the largest of the sources
	distribution             // cumulative counts per value; the interval's growth is published
)

// metric is one line of the table of what is published.
type metric struct {
	name string
	kind kind
	unit awscall.StandardUnit
	// full marks what only detail = "full" publishes.
	full bool
	// rare marks counters that are published from their first event on: custom metrics are billed one by one, and most
	// of these never happen.
	rare bool
	// second marks what has a second series with the configured dimensions.
	second bool
}

// metrics is the table. The first five are those of amazon-kinesis-agent, name, unit and dimension.
var metrics = []metric{
	{name: "RecordSendAttempts", kind: counter, unit: awscall.StandardUnitCount},
	{name: "RecordSendErrors", kind: counter, unit: awscall.StandardUnitCount},
	{name: "RecordsSent", kind: counter, unit: awscall.StandardUnitCount},
	{name: "BytesSent", kind: counter, unit: awscall.StandardUnitBytes},
	{name: "ServiceErrors", kind: counter, unit: awscall.StandardUnitCount},
	{name: "RecordsRetried", kind: counter, unit: awscall.StandardUnitCount},
	{name: "RecordsDropped", kind: counter, unit: awscall.StandardUnitCount, rare: true},
	{name: "RecordsDeadLettered", kind: counter, unit: awscall.StandardUnitCount, rare: true, second: true},
	{name: "GapBytes", kind: counter, unit: awscall.StandardUnitBytes, rare: true, second: true},
	{name: "CheckpointErrors", kind: counter, unit: awscall.StandardUnitCount, rare: true},
	{name: "FilesRefused", kind: counter, unit: awscall.StandardUnitCount, rare: true},
	{name: "ConfigErrors", kind: sum, unit: awscall.StandardUnitCount},
	{name: "LagBytes", kind: sum, unit: awscall.StandardUnitBytes},
	{name: "LagSeconds", kind: worst, unit: awscall.StandardUnitSeconds, second: true},

	{name: "RecordsThrottled", kind: counter, unit: awscall.StandardUnitCount, full: true},
	{name: "RecordsReordered", kind: counter, unit: awscall.StandardUnitCount, full: true},
	{name: "RecordsTruncated", kind: counter, unit: awscall.StandardUnitCount, full: true},
	{name: "UnknownOutcomes", kind: counter, unit: awscall.StandardUnitCount, full: true},
	{name: "LateBytes", kind: counter, unit: awscall.StandardUnitBytes, full: true},
	{name: "FilterUndecided", kind: counter, unit: awscall.StandardUnitCount, full: true},
	{name: "FilesFollowed", kind: sum, unit: awscall.StandardUnitCount, full: true},
	{name: "FileGaps", kind: counter, unit: awscall.StandardUnitCount, full: true},
	{name: "RecordsPerKinesisRecord", kind: distribution, unit: awscall.StandardUnitCount, full: true},
	{name: "SendLatency", kind: distribution, unit: awscall.StandardUnitMilliseconds, full: true},
	{name: "DeliveryLatency", kind: distribution, unit: awscall.StandardUnitMilliseconds, full: true},
}

// agentsRunning is 1 per agent and interval, without dimensions: the sum is how many hosts live.
var agentsRunning = metric{name: "AgentsRunning", kind: counter, unit: awscall.StandardUnitCount}

// Reading is what one source shows at one moment.
type Reading struct {
	// Source tells readings apart over time, for example flow and emit block. Growth is counted per source; a value below the
	// one before means that the source began anew.
	Source string
	// Destination is the value of the dimension: "KinesisStream:<name>" or "DeliveryStream:<name>". Empty for what concerns the
	// agent as a whole: then there are no dimensions. Readings of one destination are added up.
	Destination string
	// Values are by the metric's name: counters since the source began, gauges as they are now. Names that are not
	// published are passed over, so a destination's counters can be given as they are.
	Values map[string]float64
	// Distributions are by the metric's name, counted since the source began.
	Distributions map[string][]Bucket
}

// Bucket says how often a value occurred.
type Bucket struct{ Value, Count float64 }
