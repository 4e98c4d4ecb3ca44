package config

import "strings"

// neighbour is what a word of another agent is called here. With no name of ours there is only the explanation.
type neighbour struct{ ours, why string }

// These explain where the same thing is said differently.
const (
	byRead       = "There is nothing to choose: requests are filled up to the service's limits, and max_wait says how long a record may wait for that."
	noKeys       = "Keys are not written into the configuration. They are taken from the environment, the shared AWS files (see profile), or the role of the instance, task or pod."
	noBuffer     = "There is no buffer to configure: the files are the buffer. Positions are kept in state_dir, memory is bounded by memory_limit, and nothing is given up after a number of tries."
	noClosing    = "Files are closed by themselves, when they are delivered and replaced; nothing with bytes left to read is given up by a timer."
	noTags       = "There are no tags or routes: the tail block of a flow says which files it follows, and its emit blocks where they go."
	noCheckpoint = "Positions are kept in the agent's state_dir, for all flows."
	noDigests    = "Files are told apart by device, inode, birth time and content; there is nothing to configure."
	roleBlock    = "It is written assume_role { arn = \"...\" } inside an aws block."
	withUnit     = "Times are written with their unit, as in \"500ms\" or \"1m\"."
	sizeUnit     = "Sizes are written with their unit, as in \"512KiB\" or \"1MiB\"."
	asPercent    = "It is written as a percentage of what a shard takes: \"150%\", or \"off\"."
)

// neighbourRows are the words that people bring with them, without case, dots, dashes and underscores: from Fluent Bit and Fluentd,
// Vector, the OpenTelemetry Collector, Filebeat, Promtail and Alloy, the CloudWatch agent, the KPL and the Java Kinesis agent. Of several
// meanings of a word the first that exists where it was written is taken; else the first that exists anywhere.
var neighbourRows = []struct {
	neighbour
	words string
}{
	// blocks
	{neighbour{ours: "tail"}, "source sources input inputs file filelog follow collect receiver receivers"},
	{neighbour{ours: "paths"}, "files"},
	{neighbour{ours: "emit"}, "sink sinks output outputs destination exporter exporters target send forward"},
	{neighbour{ours: "emit", why: "Write emit \"kinesis\" { ... }."}, "kinesis"},
	{neighbour{ours: "emit", why: "Write emit \"firehose\" { ... }."}, "firehose"},
	{neighbour{ours: "emit", why: "Write emit \"stdout\" { ... }."}, "stdout"},
	{neighbour{ours: "flow"}, "pipeline pipelines route job"},
	{neighbour{ours: "flow", why: "Each flow is a block of its own: flow \"name\" { ... }."}, "flows"},
	{neighbour{ours: "agent"}, "service global server settings system options"},
	{neighbour{ours: "locals"}, "variable variables vars"},
	{neighbour{ours: "locals", why: "The block is called locals; its values are used as local.<name>."}, "local"},
	{neighbour{ours: "metrics", why: "Write metrics \"cloudwatch\" { ... }."}, "cloudwatch"},
	{neighbour{ours: "metrics"}, "telemetry monitoring"},
	{neighbour{ours: "assume_role"}, "auth assumerole"},
	{neighbour{ours: "assume_role", why: roleBlock}, "role rolearn assumerolearn"},
	{neighbour{ours: "external_id"}, "externalid assumeroleexternalid"},
	{neighbour{ours: "session_name"}, "rolesessionname assumerolesessionname"},
	{neighbour{ours: "dead_letter"}, "dlq deadletterqueue deadletters rejected"},

	// files
	{neighbour{ours: "paths"}, "path include includes includepaths filepath filepattern filename glob globs pathtargets logfile logs"},
	{neighbour{ours: "exclude"}, "excludes excludepath excludepaths excludefiles pathexclude ignore blacklist"},
	{neighbour{ours: "pipes"}, "pipe fifo"},
	{neighbour{ours: "rotated"}, "rotatedfiles archives olddir"},
	{neighbour{ours: "start_at"}, "readfrom initialposition startposition position seek"},
	{neighbour{ours: "start_at", why: "It is \"beginning\" or \"end\"."}, "readfromhead tailfiles frombeginning"},
	{neighbour{ours: "ignore_older", why: withUnit}, "ignoreoldersecs"},
	{neighbour{ours: "ignore_older"}, "excludeolderthan limitrecentlymodified maxage"},
	{neighbour{ours: "poll_interval"}, "refreshinterval scanfrequency pollingwait checkinterval"},
	{neighbour{ours: "poll_interval", why: withUnit}, "globminimumcooldownms"},
	{neighbour{ours: "max_record_size"}, "maxlinesize maxlogsize buffermaxsize maxmessagesize linelimit maxeventsize"},
	{neighbour{ours: "max_record_size", why: sizeUnit}, "maxlinebytes maxbytes"},
	{neighbour{ours: "on_oversize", why: "It is \"truncate\", \"split\" or \"dead_letter\"."}, "skiplonglines"},
	{neighbour{ours: "on_oversize"}, "truncatedrecordterminator"},
	{neighbour{ours: "skip_header_lines"}, "skipheader headerlines skiplines"},
	{neighbour{ours: "encoding"}, "charset"},
	{neighbour{ours: "format"}, "codec docker container cri"},
	{neighbour{ours: "symlinks", why: "It is \"owner\", \"all\" or \"none\"."}, "followsymlinks"},
	{neighbour{ours: "multiline", why: "It is written multiline { start = \"...\" }."}, "multilinestartpattern parserfirstline"},
	{neighbour{ours: "multiline"}, "multilinemode multilineparser"},
	{neighbour{ours: "timeout"}, "multilineflush flushtimeout maxwaittime forceflushperiod"},
	{neighbour{ours: "start"}, "firstline startpattern linestartpattern pattern formatfirstline begin"},
	{neighbour{ours: "continue"}, "conditionpattern continuepattern continuation"},
	{neighbour{ours: "end"}, "endpattern lineendpattern"},
	{neighbour{ours: "timeout", why: withUnit}, "timeoutms"},
	{neighbour{ours: "max_wait"}, "flushinterval"},
	{neighbour{ours: "delimiter"}, "linedelimiter"},
	{neighbour{why: noClosing}, "rotatewait closeinactive closetimeout closeremoved closerenamed closeeof harvesterlimit maxconcurrentfiles"},
	{neighbour{ours: "forget_after"}, "cleanremoved cleaninactive"},
	{neighbour{why: noDigests}, "fingerprint fingerprintsize fileidentity inotifywatcher"},
	{neighbour{why: noCheckpoint}, "db posfile positions positionsfile"},
	{neighbour{ours: "state_dir", why: noCheckpoint}, "checkpointfile storage"},
	{neighbour{why: "Files are never deleted by this program."}, "removeafter deleteafterread autoremoval"},
	{neighbour{why: noTags}, "tag match tags"},
	{neighbour{why: "What an emit block is stands behind the word: emit \"kinesis\" { ... }."}, "type"},
	{neighbour{why: "A flow's name stands behind the word: flow \"nginx\" { ... }."}, "name"},

	{neighbour{ours: "kubernetes"}, "k8s kube kubernetesmetadata k8sattributes"},
	{neighbour{ours: "node"}, "nodename host hostname"},
	{neighbour{ours: "api_server"}, "kubeurl kubernetesurl apiserverurl server apiserveraddress"},
	{neighbour{ours: "token_file"}, "kubetokenfile bearertokenfile token serviceaccounttoken"},
	{neighbour{ours: "ca_file"}, "kubecafile cacert ca"},
	{neighbour{ours: "wait"}, "waitformetadatatimeout metadatatimeout"},

	// steps
	{neighbour{ours: "parse"}, "parser decode"},
	{neighbour{ours: "parse", why: "Write parse \"grok\" { pattern = \"...\" }."}, "grok"},
	{neighbour{ours: "parse", why: "Write parse \"json\" {}."}, "json jsonparser decodejson decodejsonfields logtojson"},
	{neighbour{ours: "parse", why: "Write parse \"csv\" { columns = [...] }."}, "csv csvtojson"},
	{neighbour{ours: "parse", why: "Write parse \"regex\" { pattern = \"...\" }."}, "regex regexparser"},
	{neighbour{ours: "parse", why: "Write parse \"syslog\" {}."}, "syslog"},
	{neighbour{ours: "parse", why: "Write parse \"kv\" {}, or parse \"logfmt\" {}."}, "kv keyvalue logfmt"},
	{neighbour{ours: "parse", why: "Each step is a block of the flow, in the order in which they apply: parse, filter, set, rename, remove, keep_fields, redact, flatten, sample, limit."}, "transform transforms process processor processors processing steps stages operators dataprocessingoptions mutate remap"},
	{neighbour{ours: "filter"}, "where filters"},
	{neighbour{ours: "filter", why: "Write filter { drop = <condition> }."}, "dropevent discard exclude droplines"},
	{neighbour{ours: "filter", why: "Write filter { keep = <condition> }."}, "includelines grep"},
	{neighbour{ours: "keep"}, "when condition if where expr expression includelines regex require"},
	{neighbour{ours: "drop"}, "excludelines unless"},
	{neighbour{ours: "set"}, "add addfields addfield addmetadata addlabels enrich recordtransformer modify recordmodifier attributes"},
	{neighbour{ours: "remove"}, "removefields dropfields delete removekey deletefields unset removefield"},
	{neighbour{ours: "keep_fields"}, "keep includefields allowlist prune onlyfields whitelistkey pick select"},
	{neighbour{ours: "rename"}, "renamefields move"},
	{neighbour{ours: "redact"}, "mask masking scrub anonymize sanitize obfuscate gsub"},
	{neighbour{ours: "sample"}, "sampling sampler probabilisticsampler"},
	{neighbour{ours: "limit"}, "throttle ratelimit ratelimiter"},
	{neighbour{ours: "flatten"}, "unnest expand"},
	{neighbour{ours: "fields"}, "field keys names columns list fieldnames"},
	{neighbour{ours: "field"}, "source keyname parsefrom from sourcefield"},
	{neighbour{ours: "into"}, "target parseto reservedata destination"},
	{neighbour{ours: "on_error"}, "onparseerror reservefailure ignorefailure onfailure dropinvalid"},
	{neighbour{ours: "pattern"}, "regex regexp match expression matchpattern format"},
	{neighbour{ours: "with"}, "replacement replace replacewith mask"},
	{neighbour{ours: "builtin"}, "builtins patterns presets types"},
	{neighbour{ours: "patterns"}, "patterndefinitions custompatterns"},
	{neighbour{ours: "columns"}, "customfieldnames names fields keys"},
	{neighbour{ours: "delimiter"}, "sep fieldseparator"},
	{neighbour{ours: "pair_separator"}, "pairseparator pairdelimiter fielddelimiter fieldsplit delimiter separator"},
	{neighbour{ours: "value_separator"}, "keyvaluedelimiter valuesplit valuedelimiter"},
	{neighbour{ours: "timestamp_field"}, "timekey timefield"},
	{neighbour{ours: "timestamp_format"}, "timeformat layout timelayout datetimeformat"},
	{neighbour{ours: "timezone"}, "tz location timeoffset"},
	{neighbour{ours: "strings", why: "Numbers and booleans are recognised; strings = true leaves all values text."}, "types convert inferschema"},
	{neighbour{ours: "share", why: "It is a percentage: share = \"10%\"."}, "percent percentage ratio samplingpercentage probability"},
	{neighbour{ours: "rate", why: "It is in records a second."}, "eventspersecond limit threshold maxevents"},
	{neighbour{ours: "key"}, "groupby keyfield keyedby by per"},
	{neighbour{ours: "separator"}, "delimiter joiner"},
	{neighbour{ours: "compression"}, "compress compressiontype gzip"},
	{neighbour{ours: "template"}, "linetemplate lineformat outputtemplate"},

	// destinations
	{neighbour{ours: "stream"}, "streamname deliverystreamname"},
	{neighbour{ours: "stream", why: "It is written emit \"kinesis\" { stream = \"...\" }."}, "kinesisstream"},
	{neighbour{ours: "stream", why: "It is written emit \"firehose\" { stream = \"...\" }."}, "deliverystream"},
	{neighbour{ours: "stream_arn"}, "arn"},
	{neighbour{ours: "partition_key", why: "It is an expression: partition_key = record.<field>."}, "partitionkeyfield"},
	{neighbour{ours: "partition_key", why: "Left out, records are spread evenly; otherwise it is an expression such as record.client."}, "partitionkeyoption"},
	{neighbour{ours: "partition_key"}, "key"},
	{neighbour{ours: "partition_key", why: "Left out, records are spread evenly."}, "randompartitionkey"},
	{neighbour{ours: "aggregate", why: "It is \"none\", \"kpl\" or \"lines\"."}, "aggregation aggregationenabled"},
	{neighbour{ours: "aggregate"}, "kpl"},
	{neighbour{ours: "aggregate_size", why: sizeUnit}, "aggregationmaxsize"},
	{neighbour{ours: "aggregate_size", why: sizeUnit + " aggregate = \"lines\" turns it on."}, "aggregatedrecordsizebytes"},
	{neighbour{ours: "order"}, "ordering ordered"},
	{neighbour{ours: "max_wait", why: withUnit}, "maxbufferagemillis recordmaxbufferedtime timeoutsecs lingerms"},
	{neighbour{ours: "max_wait"}, "flush linger batchtimeout"},
	{neighbour{ours: "max_requests"}, "maxconnections concurrency workers threads maxinflight"},
	{neighbour{ours: "shard_rate_limit", why: asPercent}, "ratelimit"},
	{neighbour{why: byRead}, "maxbuffersizerecords maxbuffersizebytes batchsize batch maxrecordsperbatch collectionmaxcount collectionmaxsize aggregationmaxcount"},
	{neighbour{why: noBuffer}, "buffer retry retryonfailure retrylimit maxretries autoretryrequests recordttl sendingqueue queue"},
	{neighbour{ours: "memory_limit"}, "membuflimit"},
	{neighbour{why: "Acknowledgement is not an option: a position is stored only when every destination has the records before it."}, "acknowledgements"},
	{neighbour{why: "Health is served at the agent's listen address."}, "healthcheck"},
	{neighbour{ours: "delimiter"}, "newline separator"},
	{neighbour{ours: "delimiter", why: "delimiter = \"\\n\" ends each record with a newline."}, "appendnewline"},
	{neighbour{ours: "format"}, "outputformat"},
	{neighbour{ours: "max_unacked"}, "maxunackedbytes"},

	// AWS
	{neighbour{ours: "region"}, "awsregion kinesisregion"},
	{neighbour{ours: "profile"}, "awsprofile"},
	{neighbour{ours: "endpoint"}, "endpointurl url"},
	{neighbour{ours: "endpoints", why: "It is written endpoints { kinesis = \"...\" }."}, "kinesisendpoint"},
	{neighbour{ours: "endpoints", why: "It is written endpoints { firehose = \"...\" }."}, "firehoseendpoint"},
	{neighbour{ours: "endpoints", why: "It is written endpoints { cloudwatch = \"...\" }."}, "cloudwatchendpoint"},
	{neighbour{ours: "endpoints", why: "It is written endpoints { sts = \"...\" }."}, "stsendpoint"},
	{neighbour{ours: "fips"}, "usefips usefipsendpoint"},
	{neighbour{ours: "dual_stack"}, "dualstack usedualstack"},
	{neighbour{ours: "proxy"}, "httpproxy httpsproxy proxyurl"},
	{neighbour{ours: "ca_file"}, "cacert cabundle tlscafile tls"},
	{neighbour{ours: "allow_insecure"}, "insecure"},
	{neighbour{ours: "ca_file", why: "Certificates are always checked; add the authority that signed the endpoint's."}, "tlsverify"},
	{neighbour{why: noKeys}, "accesskeyid secretaccesskey awsaccesskeyid awssecretaccesskey accesskey secretkey sessiontoken credentials usercredentials"},

	// agent and metrics
	{neighbour{ours: "state_dir"}, "datadir pathdata statepath storagepath workdir directory"},
	{neighbour{ours: "log_level"}, "loglevel level verbosity"},
	{neighbour{ours: "listen"}, "httplisten httpserver address bind"},
	{neighbour{ours: "listen", why: "It is written \"127.0.0.1:9464\"."}, "httpport port"},
	{neighbour{ours: "listen", why: "Metrics for Prometheus are served there without being asked for."}, "prometheus"},
	{neighbour{ours: "shutdown_timeout"}, "grace graceperiod"},
	{neighbour{ours: "memory_limit"}, "maxmemory memlimit"},
	{neighbour{ours: "memory_limit", why: sizeUnit}, "limitmib"},
	{neighbour{ours: "control"}, "socket controlsocket"},
	{neighbour{ours: "enabled"}, "emitmetrics disabled disable"},
	{neighbour{ours: "metrics", why: "They are on by default; metrics \"cloudwatch\" { enabled = false } turns them off."}, "cloudwatchemitmetrics"},
	{neighbour{ours: "metrics", why: "It is written metrics \"cloudwatch\" { namespace = \"...\" }."}, "cloudwatchnamespace"},
	{neighbour{ours: "namespace"}, "metricsnamespace"},
	{neighbour{ours: "detail"}, "metricslevel"},
	{neighbour{ours: "dimensions"}, "cloudwatchtaginstance taginstance appenddimensions"},
	{neighbour{ours: "interval", why: withUnit}, "metricscollectioninterval"},
	{neighbour{ours: "interval"}, "period"},
	{neighbour{ours: "renamed_from"}, "oldname previousname"},
	{neighbour{ours: "on_full"}, "policy whenfull overflow"},

	// what a word means where the first meaning does not exist
	{neighbour{ours: "paths"}, "file"},
	{neighbour{ours: "tail"}, "files"},
	{neighbour{ours: "cloudwatch"}, "cloudwatch"},
	{neighbour{ours: "aws"}, "auth"},
	{neighbour{ours: "arn"}, "rolearn assumerolearn"},
	{neighbour{ours: "path"}, "filepath filename"},
	{neighbour{ours: "max_bytes"}, "maxbytes"},
	{neighbour{ours: "encoding"}, "codec"},
	{neighbour{ours: "start"}, "multilinestartpattern"},
	{neighbour{ours: "multiline"}, "multilineflush"},
	{neighbour{ours: "max_wait"}, "maxwaittime"},
	{neighbour{ours: "timeout"}, "flushinterval"},
	{neighbour{ours: "emit", why: "It is written emit \"kinesis\" { stream = \"...\" }."}, "kinesisstream"},
	{neighbour{ours: "emit", why: "It is written emit \"firehose\" { stream = \"...\" }."}, "deliverystream"},
	{neighbour{ours: "endpoint"}, "port"},
	{neighbour{ours: "metrics", why: "They are on by default; metrics \"cloudwatch\" { enabled = false } turns them off."}, "emitmetrics"},
}

// neighbours are the rows by word.
var neighbours = func() map[string][]neighbour {
	byWord := map[string][]neighbour{}
	for _, row := range neighbourRows {
		for _, word := range strings.Fields(row.words) {
			byWord[word] = append(byWord[word], row.neighbour)
		}
	}
	return byWord
}()

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

// refusedValues say why a value that is right elsewhere is not taken by one block; by the block's name, the argument and the value.
var refusedValues = map[string]string{
	`emit "firehose" aggregate kpl`: "Firehose does not take the KPL's format apart when records are sent to it: it would store it as it is.",
}

// neighbourKinds are others' names of the kinds of destinations.
var neighbourKinds = map[string]string{
	"kinesisstreams": "kinesis", "awskinesisstreams": "kinesis", "awskinesis": "kinesis", "kinesisdatastreams": "kinesis", "kds": "kinesis", "stream": "kinesis",
	"kinesisstream": "kinesis", "kinesisfirehose": "firehose", "awskinesisfirehose": "firehose", "awsfirehose": "firehose", "deliverystream": "firehose", "datafirehose": "firehose",
	"console": "stdout", "debug": "stdout", "print": "stdout", "logging": "stdout", "files": "file", "localfile": "file",
}
