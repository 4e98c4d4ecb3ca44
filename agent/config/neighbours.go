package config

// neighbour is what a word of another agent is called here. With no name of ours there is only the explanation.
type neighbour struct{ ours, why string }

// neighbours are the words that people bring with them, without case, dashes and underscores: from Fluent Bit, Fluentd, Vector, the
// OpenTelemetry Collector, Filebeat, Promtail, the CloudWatch agent and the Java Kinesis agent. The first that exists where it was written is meant.
var neighbours = map[string][]neighbour{
	"include": {{ours: "paths"}},
}

// neighbourValues are words of others for the values of an argument.
var neighbourValues = map[string]map[string]string{
	"start_at": {
		"endoffile": "end", "startoffile": "beginning", "start": "beginning", "head": "beginning", "begin": "beginning",
		"latest": "end", "newest": "end", "tail": "end", "earliest": "beginning", "oldest": "beginning", "trimhorizon": "beginning",
	},
	"log_level":   {"warning": "warn", "trace": "debug", "verbose": "debug", "err": "error", "fatal": "error", "critical": "error"},
	"log_format":  {"logfmt": "text", "plain": "text", "console": "text"},
	"aggregate":   {"true": "kpl", "protobuf": "kpl", "newline": "lines", "line": "lines", "false": "none", "off": "none"},
	"format":      {"text": "raw", "plain": "raw", "none": "raw", "containerd": "cri", "crio": "cri", "jsonfile": "docker", "container": "auto"},
	"encoding":    {"utf8": "utf-8", "ascii": "utf-8", "usascii": "utf-8", "unicode": "utf-16", "utf16": "utf-16"},
	"on_oversize": {"cut": "truncate", "trim": "truncate", "deadletter": "dead_letter", "dlq": "dead_letter"},
	"on_full":     {"block": "wait", "pause": "wait", "discard": "drop", "dropnewest": "drop"},
	"order":       {"partitionkey": "key", "strict": "key", "true": "key", "false": "none", "off": "none"},
	"detail":      {"basic": "standard", "default": "standard", "all": "full", "detailed": "full"},
	"symlinks":    {"true": "all", "follow": "all", "false": "none", "never": "none", "off": "none"},
}

// neighbourKinds are others' names of the kinds of destinations.
var neighbourKinds = map[string]string{
	"kinesisstreams": "kinesis", "awskinesisstreams": "kinesis", "awskinesis": "kinesis", "kinesisdatastreams": "kinesis", "kds": "kinesis", "stream": "kinesis",
	"kinesisstream": "kinesis", "kinesisfirehose": "firehose", "awskinesisfirehose": "firehose", "awsfirehose": "firehose", "deliverystream": "firehose", "datafirehose": "firehose",
	"console": "stdout", "debug": "stdout", "print": "stdout", "logging": "stdout", "files": "file", "localfile": "file",
}
