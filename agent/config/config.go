package config

import (
	"time"

	"github.com/hashicorp/hcl/v2"
)

// Config is a whole configuration: what one file or all files of a directory say together, with the defaults filled in.
type Config struct {
	Agent   Agent
	AWS     AWS
	Metrics Metrics
	Flows   []*Flow
}

// Agent is the agent block.
type Agent struct {
	StateDir        string
	Listen          string // "off" turns it off
	Control         string
	MemoryLimit     int64 // bytes
	ShutdownTimeout time.Duration
	LogLevel        string
	LogFormat       string
}

// AWS is an aws block; the inner one of an emit block has been merged over the outer one.
type AWS struct {
	Region        string
	Profile       string
	Endpoint      string // for all services
	Endpoints     Endpoints
	FIPS          bool
	DualStack     bool
	Proxy         string
	CAFile        string
	AllowInsecure bool // plain HTTP to other than loopback
	AssumeRole    *AssumeRole
}

// Endpoints are per service; empty means the AWS block's Endpoint, else the SDK's.
type Endpoints struct{ Kinesis, Firehose, CloudWatch, STS string }

// AssumeRole names a role to assume.
type AssumeRole struct{ ARN, ExternalID, SessionName string }

// Metrics is the metrics "cloudwatch" block.
type Metrics struct {
	Enabled    *bool // nil: on when a flow sends to AWS itself
	Namespace  string
	Interval   time.Duration
	Detail     string // "standard" | "full"
	Compat     string // "none" | "kinesis-agent"
	Dimensions map[string]string
	AWS        AWS
}

// Flow is one flow block.
type Flow struct {
	Name        string
	RenamedFrom string
	Range       hcl.Range
	Tail        Tail
	Emits       []*Emit
	// Digest changes when anything of the flow, or of what it inherits, changes: reload restarts only those flows.
	Digest string
}

// Tail is the tail block.
type Tail struct {
	Paths, Exclude, Rotated, Pipes []string
	StartAt                        string // "end" | "beginning"
	MaxRecordSize                  int64  // bytes
	OnOversize                     string // "truncate" | "split" | "dead_letter"
	Multiline                      *Multiline
	Format                         string // "", "cri", "docker", "auto"
	Encoding                       string // "utf-8", "utf-16", "utf-16le", "utf-16be"
	KeepCR                         bool
	SkipHeaderLines                int
	IgnoreOlder                    time.Duration // 0: never
	Symlinks                       string        // "owner" | "all" | "none"
	PollInterval                   time.Duration
	OnAmbiguous                    string // "repeat" | "skip"
	ForgetAfter                    time.Duration
	HoldDeleted                    HoldDeleted
}

// Multiline is tail's multiline block; exactly one of Start, Continue, Indent is set.
type Multiline struct {
	Start, Continue, End string // regular expressions
	Indent               bool
	Timeout              time.Duration
}

// HoldDeleted caps what is held of bodies that have lost all names; 0 means no age, and the default size.
type HoldDeleted struct {
	MaxAge   time.Duration
	MaxBytes int64
}

// Emit is one emit block.
type Emit struct {
	Kind  string // "kinesis" | "firehose" | "stdout" | "file"
	Name  string
	Range hcl.Range

	Stream, StreamARN string
	Path              string         // kind "file"
	PartitionKey      hcl.Expression // nil: spread evenly
	Format            string         // "raw" | "json"
	Delimiter         string
	Order             string // "none" | "key"
	MaxWait           time.Duration
	MaxRequests       int
	MaxUnacked        int64   // bytes
	ShardRateLimit    float64 // times the documented rate of a shard; 0: off
	Aggregate         string  // "none" | "kpl" | "lines"
	AggregateSize     int64   // bytes
	AWS               AWS
}
