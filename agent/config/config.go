package config

import (
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/kinetail/kinetail/pipeline/expr"
	"github.com/kinetail/kinetail/pipeline/record"
)

// Config is a whole configuration: what one file or all files of a directory say together, with the defaults filled in.
type Config struct {
	Agent   Agent
	AWS     AWS
	Metrics Metrics
	// Flows are in the order of the files' names, then in the order written.
	Flows []*Flow
	// Tests are the test blocks, in the same order.
	Tests []*Test
	// Locals are the values of the locals blocks: expressions see them as local.<name>.
	Locals map[string]cty.Value
	// Known is what tests say of their surroundings; nil unless the configuration was loaded for tests.
	Known *Known
	// Kubernetes is the kubernetes block.
	Kubernetes Kubernetes
	// Sources are the files that it was read from, tests left out, as they were then.
	Sources []Source
	roots   map[string]map[string]func() record.Value // as in Options
	pods    expr.Pods                                 // as in Options
}

// Source is a file of a configuration.
type Source struct {
	Name string // with its directory, if it was in one
	Text []byte
}

// Agent is the agent block.
type Agent struct {
	StateDir        string
	Listen          string // host:port; "off" turns it off
	Page            string // host:port; empty: there is none
	Control         string // "unix://" and an absolute path
	MemoryLimit     int64  // bytes
	ShutdownTimeout time.Duration
	LogLevel        string // "debug" | "info" | "warn" | "error"
	LogFormat       string // "text" | "json"
}

// AWS is an aws block; an inner one has been merged over the outer one, key by key. Empty means the SDK's own choice.
type AWS struct {
	Region        string
	Profile       string
	Endpoint      string // URL, for all services
	Endpoints     Endpoints
	FIPS          bool
	DualStack     bool
	Proxy         string // URL
	CAFile        string
	AllowInsecure bool // plain HTTP to other than loopback
	AssumeRole    *AssumeRole
}

// Endpoints are URLs per service; empty means the AWS block's Endpoint, else the SDK's.
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
	// HighResolution keeps values by the second.
	HighResolution bool
	AWS            AWS
}

// Kubernetes is the kubernetes block: how the API server is asked for pods. Empty fields mean what a pod finds in its cluster.
type Kubernetes struct {
	Node, APIServer, TokenFile, CAFile string
	Wait                               time.Duration // 0: never
}

// Flow is one flow block.
type Flow struct {
	Name        string
	RenamedFrom string
	Range       hcl.Range // of its header
	Tail        Tail
	Steps       []*Step // in the order in which they are applied
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
	// Header says that a step needs the last of the lines that are skipped.
	Header       bool
	IgnoreOlder  time.Duration // 0: never
	Symlinks     string        // "owner" | "all" | "none"
	HardLinks    string        // "owner" | "all"
	PollInterval time.Duration
	OnAmbiguous  string // "repeat" | "skip"
	ForgetAfter  time.Duration
	HoldDeleted  HoldDeleted
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
	Name  string // the kind, unless the block names itself
	Range hcl.Range

	Stream, StreamARN string
	Path              string         // kind "file"
	PartitionKey      hcl.Expression // native syntax, also where it was written in JSON; nil: spread evenly
	Format            string         // "raw" | "json" | "template"
	Template          hcl.Expression // native syntax; for format "template"
	InvalidUTF8       string         // "" | "replace" | "base64": bytes that JSON cannot hold
	Compression       string         // "" | "gzip" | "zstd": of each record by itself
	Delimiter         string
	Order             string // "none" | "key"
	MaxWait           time.Duration
	MaxRequests       int
	MaxUnacked        int64   // bytes
	ShardRateLimit    float64 // times the documented rate of a shard; 0: off
	Aggregate         string  // "none" | "kpl" | "lines"
	AggregateSize     int64   // bytes
	DeadLetter        DeadLetter
	AWS               AWS
}

// DeadLetter is an emit block's dead_letter block.
type DeadLetter struct {
	MaxSize int64  // bytes
	OnFull  string // "wait" | "drop"
	MaxRate int    // refusals a minute above which the circuit opens
}
