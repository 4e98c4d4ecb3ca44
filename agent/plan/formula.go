package plan

import "math"

// Units that the services bill and count by, in bytes (pricing pages of Kinesis Data Streams and Data Firehose).
const (
	putUnit      = 25 << 10 // a PUT payload unit, or a part of one
	onDemandUnit = 1 << 10  // on-demand ingestion rounds each record up to it
	firehoseUnit = 5 << 10  // Firehose rounds each record of a direct PUT up to it
)

// Month is what is reckoned as a month, in hours and in seconds.
const (
	MonthHours   = 730
	MonthSeconds = MonthHours * 3600
)

// shardRecords is how many records a second a shard takes.
const shardRecords = 1000

// Shards is how many shards a provisioned stream needs: by the documented formula (the developer guide, "Choosing the stream capacity") alone, and
// with the limit of 1,000 records a second and shard, which it leaves out. averageKB is the size of a record in KB (1,024 bytes), which the formula
// rounds up to whole ones.
func Shards(averageKB, recordsPerSecond float64, consumers int) (formula, needed int) {
	write := math.Ceil(averageKB-1e-9) * recordsPerSecond / 1024 // MB/s
	read := write * float64(consumers)
	formula = max(1, int(math.Ceil(max(write/1, read/2)-1e-9)))
	return formula, max(formula, int(math.Ceil(recordsPerSecond/shardRecords-1e-9)))
}

// up is n rounded up to whole units.
func up(n, unit int64) int64 { return (n + unit - 1) / unit }
