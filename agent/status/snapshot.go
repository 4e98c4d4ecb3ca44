package status

import "time"

// Snapshot is the state of an agent at one moment. A summary is one whose flows have only those Files that cannot be
// read.
type Snapshot struct {
	Version string    `json:"version"`
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	// ConfigError says why the configuration in force is not the one on disk; empty if it is.
	ConfigError string `json:"config_error,omitempty"`
	Flows       []Flow `json:"flows"`
	Store       Store  `json:"store"`
	// Reload is the last one; nil before the first.
	Reload *Reload `json:"reload,omitempty"`
	// Metrics is nil where nothing is published to CloudWatch.
	Metrics *Metrics `json:"metrics,omitempty"`
}

// Reload is what became of a reload. With an Error everything is as it was before.
type Reload struct {
	Time      time.Time `json:"time"`
	Error     string    `json:"error,omitempty"`
	Kept      []string  `json:"kept,omitempty"` // names of flows
	Restarted []string  `json:"restarted,omitempty"`
	Added     []string  `json:"added,omitempty"`
	Removed   []string  `json:"removed,omitempty"`
}

// Metrics is how CloudWatch takes the metrics.
type Metrics struct {
	Namespace string     `json:"namespace"`
	Sent      int64      `json:"sent"`    // values accepted
	Pending   int        `json:"pending"` // values that wait
	Dropped   int64      `json:"dropped"` // values that were never accepted
	Calls     int64      `json:"calls"`   // of PutMetricData
	Denied    string     `json:"denied,omitempty"`
	LastError string     `json:"last_error,omitempty"`
	LastSent  *time.Time `json:"last_sent,omitempty"`
}

// Store is the state directory's part of a Snapshot.
type Store struct {
	Dir    string `json:"dir"`
	Errors int64  `json:"errors"`          // commits that failed
	Error  string `json:"error,omitempty"` // why the last one did; empty when it worked
}

// What a flow is doing.
const (
	StateStarting = "starting"
	StateRunning  = "running"
	StateFailed   = "failed" // waits to be started again
	StateStopped  = "stopped"
)

// Flow is one flow's part of a Snapshot.
type Flow struct {
	Name  string `json:"name"`
	State string `json:"state"`
	Error string `json:"error,omitempty"` // why it failed
	// FilesFollowed is the number of Files, also in a summary.
	FilesFollowed int           `json:"files_followed"`
	Files         []File        `json:"files"`
	Skipped       []Skipped     `json:"skipped,omitempty"`
	Destinations  []Destination `json:"destinations"`

	LagBytes   int64   `json:"lag_bytes"`   // not yet acknowledged by all destinations
	LagSeconds float64 `json:"lag_seconds"` // age of the oldest of them
	// LagTrend is how many bytes a second LagBytes has grown by in the last minute; below 0 it falls.
	LagTrend float64 `json:"lag_trend"`
	// Counters since the process started.
	GapBytes     int64 `json:"gap_bytes"`
	FileGaps     int64 `json:"file_gaps"`
	LateBytes    int64 `json:"late_bytes"`
	FilesRefused int64 `json:"files_refused"`
	ReadErrors   int64 `json:"read_errors"`
	// Looks counts looks at the file system; 0 in a flow without files. It grows while the flow is alive.
	Looks int64 `json:"looks"`
	// What the steps did; all 0 in a flow without steps.
	Dropped             Dropped `json:"dropped"`
	FilterUndecided     int64   `json:"filter_undecided"` // kept by a filter whose condition was null
	ParseErrors         int64   `json:"parse_errors"`     // lines that were not in the format, whatever became of them
	Redacted            int64   `json:"redacted"`         // matches that were replaced
	ExpressionErrors    int64   `json:"expression_errors"`
	LastExpressionError string  `json:"last_expression_error,omitempty"`
	InvalidBytes        int64   `json:"invalid_bytes"`  // no UTF-8, replaced in JSON
	KeysTruncated       int64   `json:"keys_truncated"` // partition keys longer than 256 characters
	// RecordsTruncated were longer than max_record_size and cut.
	RecordsTruncated int64 `json:"records_truncated"`
}

// Dropped are the records that the configuration said to drop, by the step that did.
type Dropped struct {
	Filtered int64 `json:"filtered"`
	Sampled  int64 `json:"sampled"`
	Limited  int64 `json:"limited"`
	Unparsed int64 `json:"unparsed"` // parse with on_error = "drop"
}

// Total is the number of dropped records, whatever the reason.
func (d Dropped) Total() int64 { return d.Filtered + d.Sampled + d.Limited + d.Unparsed }

// StateGone is that of a file whose body is not to be seen any more, as for a moment in some rotations.
const StateGone = "not to be found"

// File is one generation of a followed path.
type File struct {
	Path       string   `json:"path"`
	Names      []string `json:"names,omitempty"` // the names it has now, where they differ from Path
	Generation string   `json:"generation"`
	Size       int64    `json:"size"`
	Committed  int64    `json:"committed"`
	LagSeconds float64  `json:"lag_seconds"`
	State      string   `json:"state"` // "following", "drained", "final", or why it is not read
}

// Skipped is a path that matches a pattern and is not followed.
type Skipped struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
	// Failed: it could not be looked at, so what it holds is missing. Else it is nothing to follow.
	Failed bool `json:"failed,omitempty"`
}

// Destination is one emit block's part of a Snapshot. The counters are those of emit.Counters, since the process started.
type Destination struct {
	Name     string           `json:"name"`
	Kind     string           `json:"kind"`
	Metric   string           `json:"metric,omitempty"`
	Counters map[string]int64 `json:"counters"`
	// Distributions are by their metric's name, since the process started; those without a value are left out.
	Distributions map[string]Distribution `json:"distributions,omitempty"`
	QueuedRecords int64                   `json:"queued_records"`
	QueuedBytes   int64                   `json:"queued_bytes"`
	CircuitOpen   bool                    `json:"circuit_open"`
	CircuitHeld   bool                    `json:"circuit_held,omitempty"` // until it is told to go on
	CircuitReason string                  `json:"circuit_reason,omitempty"`
	CircuitSince  *time.Time              `json:"circuit_since,omitempty"`
	// Waits is why dead letters cannot be written, while the flow waits for that.
	Waits string `json:"waits,omitempty"`
	// FailingSince is when the first of the requests failed of which none has got through since.
	FailingSince  *time.Time `json:"failing_since,omitempty"`
	LastError     string     `json:"last_error,omitempty"`
	LastErrorTime *time.Time `json:"last_error_time,omitempty"`
	// Recent is nil right after the start.
	Recent *Recent `json:"recent,omitempty"`
}
