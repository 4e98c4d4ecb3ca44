package config

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

// neighbours are the words that people bring with them, without case, dots, dashes and underscores: from Fluent Bit and Fluentd, Vector,
// the OpenTelemetry Collector, Filebeat, Promtail and Alloy, the CloudWatch agent, the KPL and the Java Kinesis agent. The first that exists
// where the word was written is meant; else the first that exists anywhere.
var neighbours = map[string][]neighbour{
	// blocks
	"source": {{ours: "tail"}}, "sources": {{ours: "tail"}}, "input": {{ours: "tail"}}, "inputs": {{ours: "tail"}}, "file": {{ours: "tail"}, {ours: "paths"}},
	"files": {{ours: "paths"}, {ours: "tail"}}, "filelog": {{ours: "tail"}}, "follow": {{ours: "tail"}}, "collect": {{ours: "tail"}}, "receiver": {{ours: "tail"}}, "receivers": {{ours: "tail"}},
	"sink": {{ours: "emit"}}, "sinks": {{ours: "emit"}}, "output": {{ours: "emit"}}, "outputs": {{ours: "emit"}}, "destination": {{ours: "emit"}}, "exporter": {{ours: "emit"}},
	"exporters": {{ours: "emit"}}, "target": {{ours: "emit"}}, "send": {{ours: "emit"}}, "forward": {{ours: "emit"}}, "kinesis": {{ours: "emit", why: "Write emit \"kinesis\" { ... }."}},
	"firehose": {{ours: "emit", why: "Write emit \"firehose\" { ... }."}}, "stdout": {{ours: "emit", why: "Write emit \"stdout\" { ... }."}},
	"pipeline": {{ours: "flow"}}, "pipelines": {{ours: "flow"}}, "flows": {{ours: "flow", why: "Each flow is a block of its own: flow \"name\" { ... }."}}, "route": {{ours: "flow"}}, "job": {{ours: "flow"}},
	"service": {{ours: "agent"}}, "global": {{ours: "agent"}}, "server": {{ours: "agent"}}, "settings": {{ours: "agent"}}, "system": {{ours: "agent"}}, "options": {{ours: "agent"}},
	"variable": {{ours: "locals"}}, "variables": {{ours: "locals"}}, "vars": {{ours: "locals"}}, "local": {{ours: "locals", why: "The block is called locals; its values are used as local.<name>."}},
	"cloudwatch": {{ours: "metrics", why: "Write metrics \"cloudwatch\" { ... }."}, {ours: "cloudwatch"}}, "telemetry": {{ours: "metrics"}}, "monitoring": {{ours: "metrics"}},
	"auth": {{ours: "assume_role"}, {ours: "aws"}}, "role": {{ours: "assume_role", why: roleBlock}}, "rolearn": {{ours: "assume_role", why: roleBlock}, {ours: "arn"}}, "assumerolearn": {{ours: "assume_role", why: roleBlock}, {ours: "arn"}},
	"assumerole": {{ours: "assume_role"}}, "externalid": {{ours: "external_id"}}, "assumeroleexternalid": {{ours: "external_id"}}, "rolesessionname": {{ours: "session_name"}}, "assumerolesessionname": {{ours: "session_name"}},
	"dlq": {{ours: "dead_letter"}}, "deadletterqueue": {{ours: "dead_letter"}}, "deadletters": {{ours: "dead_letter"}}, "rejected": {{ours: "dead_letter"}},

	// files
	"path": {{ours: "paths"}}, "include": {{ours: "paths"}}, "includes": {{ours: "paths"}}, "includepaths": {{ours: "paths"}}, "filepath": {{ours: "paths"}, {ours: "path"}}, "filepattern": {{ours: "paths"}}, "filename": {{ours: "paths"}, {ours: "path"}},
	"glob": {{ours: "paths"}}, "globs": {{ours: "paths"}}, "pathtargets": {{ours: "paths"}}, "logfile": {{ours: "paths"}}, "logs": {{ours: "paths"}},
	"excludes": {{ours: "exclude"}}, "excludepath": {{ours: "exclude"}}, "excludepaths": {{ours: "exclude"}}, "excludefiles": {{ours: "exclude"}}, "pathexclude": {{ours: "exclude"}}, "ignore": {{ours: "exclude"}}, "blacklist": {{ours: "exclude"}},
	"pipe": {{ours: "pipes"}}, "fifo": {{ours: "pipes"}}, "rotatedfiles": {{ours: "rotated"}}, "archives": {{ours: "rotated"}}, "olddir": {{ours: "rotated"}},
	"readfrom": {{ours: "start_at"}}, "readfromhead": {{ours: "start_at", why: "It is \"beginning\" or \"end\"."}}, "initialposition": {{ours: "start_at"}}, "startposition": {{ours: "start_at"}}, "tailfiles": {{ours: "start_at", why: "It is \"beginning\" or \"end\"."}},
	"frombeginning": {{ours: "start_at", why: "It is \"beginning\" or \"end\"."}}, "position": {{ours: "start_at"}}, "seek": {{ours: "start_at"}},
	"ignoreoldersecs": {{ours: "ignore_older", why: withUnit}}, "excludeolderthan": {{ours: "ignore_older"}}, "limitrecentlymodified": {{ours: "ignore_older"}}, "maxage": {{ours: "ignore_older"}},
	"refreshinterval": {{ours: "poll_interval"}}, "scanfrequency": {{ours: "poll_interval"}}, "globminimumcooldownms": {{ours: "poll_interval", why: withUnit}}, "pollingwait": {{ours: "poll_interval"}}, "checkinterval": {{ours: "poll_interval"}},
	"maxlinesize": {{ours: "max_record_size"}}, "maxlinebytes": {{ours: "max_record_size", why: sizeUnit}}, "maxlogsize": {{ours: "max_record_size"}}, "maxbytes": {{ours: "max_record_size", why: sizeUnit}, {ours: "max_bytes"}}, "buffermaxsize": {{ours: "max_record_size"}},
	"maxmessagesize": {{ours: "max_record_size"}}, "linelimit": {{ours: "max_record_size"}}, "maxeventsize": {{ours: "max_record_size"}}, "skiplonglines": {{ours: "on_oversize", why: "It is \"truncate\", \"split\" or \"dead_letter\"."}}, "truncatedrecordterminator": {{ours: "on_oversize"}},
	"skipheader": {{ours: "skip_header_lines"}}, "headerlines": {{ours: "skip_header_lines"}}, "skiplines": {{ours: "skip_header_lines"}}, "charset": {{ours: "encoding"}}, "codec": {{ours: "format"}, {ours: "encoding"}}, "followsymlinks": {{ours: "symlinks", why: "It is \"owner\", \"all\" or \"none\"."}},
	"multilinestartpattern": {{ours: "multiline", why: "It is written multiline { start = \"...\" }."}, {ours: "start"}}, "multilinemode": {{ours: "multiline"}}, "parserfirstline": {{ours: "multiline", why: "It is written multiline { start = \"...\" }."}},
	"multilineparser": {{ours: "multiline"}}, "multilineflush": {{ours: "timeout"}, {ours: "multiline"}}, "firstline": {{ours: "start"}}, "startpattern": {{ours: "start"}}, "linestartpattern": {{ours: "start"}}, "pattern": {{ours: "start"}}, "formatfirstline": {{ours: "start"}}, "begin": {{ours: "start"}},
	"conditionpattern": {{ours: "continue"}}, "continuepattern": {{ours: "continue"}}, "continuation": {{ours: "continue"}}, "endpattern": {{ours: "end"}}, "lineendpattern": {{ours: "end"}}, "timeoutms": {{ours: "timeout", why: withUnit}}, "flushtimeout": {{ours: "timeout"}},
	"maxwaittime": {{ours: "timeout"}, {ours: "max_wait"}}, "forceflushperiod": {{ours: "timeout"}}, "flushinterval": {{ours: "max_wait"}, {ours: "timeout"}}, "linedelimiter": {{ours: "delimiter"}}, "docker": {{ours: "format"}}, "container": {{ours: "format"}}, "cri": {{ours: "format"}},
	"rotatewait": {{why: noClosing}}, "closeinactive": {{why: noClosing}}, "closetimeout": {{why: noClosing}}, "closeremoved": {{why: noClosing}}, "closerenamed": {{why: noClosing}}, "closeeof": {{why: noClosing}}, "harvesterlimit": {{why: noClosing}},
	"maxconcurrentfiles": {{why: noClosing}}, "cleanremoved": {{ours: "forget_after"}}, "cleaninactive": {{ours: "forget_after"}}, "fingerprint": {{why: noDigests}}, "fingerprintsize": {{why: noDigests}}, "fileidentity": {{why: noDigests}}, "inotifywatcher": {{why: noDigests}},
	"db": {{why: noCheckpoint}}, "posfile": {{why: noCheckpoint}}, "positions": {{why: noCheckpoint}}, "positionsfile": {{why: noCheckpoint}}, "checkpointfile": {{ours: "state_dir", why: noCheckpoint}}, "storage": {{ours: "state_dir", why: noCheckpoint}},
	"removeafter": {{why: "Files are never deleted by this program."}}, "deleteafterread": {{why: "Files are never deleted by this program."}}, "autoremoval": {{why: "Files are never deleted by this program."}},
	"tag": {{why: noTags}}, "match": {{why: noTags}}, "tags": {{why: noTags}}, "type": {{why: "What an emit block is stands behind the word: emit \"kinesis\" { ... }."}}, "name": {{why: "A flow's name stands behind the word: flow \"nginx\" { ... }."}},

	// destinations
	"streamname": {{ours: "stream"}}, "kinesisstream": {{ours: "stream", why: "It is written emit \"kinesis\" { stream = \"...\" }."}, {ours: "emit", why: "It is written emit \"kinesis\" { stream = \"...\" }."}}, "deliverystream": {{ours: "stream", why: "It is written emit \"firehose\" { stream = \"...\" }."}, {ours: "emit", why: "It is written emit \"firehose\" { stream = \"...\" }."}},
	"deliverystreamname": {{ours: "stream"}}, "arn": {{ours: "stream_arn"}}, "partitionkeyfield": {{ours: "partition_key", why: "It is an expression: partition_key = record.<field>."}}, "partitionkeyoption": {{ours: "partition_key", why: "Left out, records are spread evenly; otherwise it is an expression such as record.client."}},
	"key": {{ours: "partition_key"}}, "randompartitionkey": {{ours: "partition_key", why: "Left out, records are spread evenly."}}, "aggregation": {{ours: "aggregate", why: "It is \"none\", \"kpl\" or \"lines\"."}}, "aggregationenabled": {{ours: "aggregate", why: "It is \"none\", \"kpl\" or \"lines\"."}}, "kpl": {{ours: "aggregate"}},
	"aggregationmaxsize": {{ours: "aggregate_size", why: sizeUnit}}, "aggregatedrecordsizebytes": {{ours: "aggregate_size", why: sizeUnit + " aggregate = \"lines\" turns it on."}}, "ordering": {{ours: "order"}}, "ordered": {{ours: "order"}},
	"maxbufferagemillis": {{ours: "max_wait", why: withUnit}}, "recordmaxbufferedtime": {{ours: "max_wait", why: withUnit}}, "flush": {{ours: "max_wait"}}, "timeoutsecs": {{ours: "max_wait", why: withUnit}}, "linger": {{ours: "max_wait"}}, "lingerms": {{ours: "max_wait", why: withUnit}}, "batchtimeout": {{ours: "max_wait"}},
	"maxconnections": {{ours: "max_requests"}}, "concurrency": {{ours: "max_requests"}}, "workers": {{ours: "max_requests"}}, "threads": {{ours: "max_requests"}}, "maxinflight": {{ours: "max_requests"}}, "ratelimit": {{ours: "shard_rate_limit", why: asPercent}},
	"maxbuffersizerecords": {{why: byRead}}, "maxbuffersizebytes": {{why: byRead}}, "batchsize": {{why: byRead}}, "batch": {{why: byRead}}, "maxrecordsperbatch": {{why: byRead}}, "collectionmaxcount": {{why: byRead}}, "collectionmaxsize": {{why: byRead}}, "aggregationmaxcount": {{why: byRead}},
	"buffer": {{why: noBuffer}}, "membuflimit": {{ours: "memory_limit"}}, "retry": {{why: noBuffer}}, "retryonfailure": {{why: noBuffer}}, "retrylimit": {{why: noBuffer}}, "maxretries": {{why: noBuffer}}, "autoretryrequests": {{why: noBuffer}}, "recordttl": {{why: noBuffer}}, "sendingqueue": {{why: noBuffer}}, "queue": {{why: noBuffer}},
	"acknowledgements": {{why: "Acknowledgement is not an option: a position is stored only when every destination has the records before it."}}, "healthcheck": {{why: "Health is served at the agent's listen address."}},
	"newline": {{ours: "delimiter"}}, "separator": {{ours: "delimiter"}}, "appendnewline": {{ours: "delimiter", why: "delimiter = \"\\n\" ends each record with a newline."}}, "outputformat": {{ours: "format"}}, "maxunackedbytes": {{ours: "max_unacked"}},

	// AWS
	"awsregion": {{ours: "region"}}, "awsprofile": {{ours: "profile"}}, "kinesisregion": {{ours: "region"}}, "endpointurl": {{ours: "endpoint"}}, "url": {{ours: "endpoint"}}, "kinesisendpoint": {{ours: "endpoints", why: "It is written endpoints { kinesis = \"...\" }."}}, "firehoseendpoint": {{ours: "endpoints", why: "It is written endpoints { firehose = \"...\" }."}},
	"cloudwatchendpoint": {{ours: "endpoints", why: "It is written endpoints { cloudwatch = \"...\" }."}}, "stsendpoint": {{ours: "endpoints", why: "It is written endpoints { sts = \"...\" }."}}, "usefips": {{ours: "fips"}}, "usefipsendpoint": {{ours: "fips"}}, "dualstack": {{ours: "dual_stack"}}, "usedualstack": {{ours: "dual_stack"}},
	"httpproxy": {{ours: "proxy"}}, "httpsproxy": {{ours: "proxy"}}, "proxyurl": {{ours: "proxy"}}, "cacert": {{ours: "ca_file"}}, "cabundle": {{ours: "ca_file"}}, "tlscafile": {{ours: "ca_file"}}, "insecure": {{ours: "allow_insecure"}}, "tls": {{ours: "ca_file"}}, "tlsverify": {{ours: "ca_file", why: "Certificates are always checked; add the authority that signed the endpoint's."}},
	"accesskeyid": {{why: noKeys}}, "secretaccesskey": {{why: noKeys}}, "awsaccesskeyid": {{why: noKeys}}, "awssecretaccesskey": {{why: noKeys}}, "accesskey": {{why: noKeys}}, "secretkey": {{why: noKeys}}, "sessiontoken": {{why: noKeys}}, "credentials": {{why: noKeys}}, "usercredentials": {{why: noKeys}},

	// agent and metrics
	"datadir": {{ours: "state_dir"}}, "pathdata": {{ours: "state_dir"}}, "statepath": {{ours: "state_dir"}}, "storagepath": {{ours: "state_dir"}}, "workdir": {{ours: "state_dir"}}, "directory": {{ours: "state_dir"}}, "loglevel": {{ours: "log_level"}}, "level": {{ours: "log_level"}}, "verbosity": {{ours: "log_level"}},
	"httplisten": {{ours: "listen"}}, "httpport": {{ours: "listen", why: "It is written \"127.0.0.1:9464\"."}}, "httpserver": {{ours: "listen"}}, "port": {{ours: "listen", why: "It is written \"127.0.0.1:9464\"."}, {ours: "endpoint"}}, "address": {{ours: "listen"}}, "bind": {{ours: "listen"}}, "prometheus": {{ours: "listen", why: "Metrics for Prometheus are served there without being asked for."}},
	"grace": {{ours: "shutdown_timeout"}}, "graceperiod": {{ours: "shutdown_timeout"}}, "maxmemory": {{ours: "memory_limit"}}, "memlimit": {{ours: "memory_limit"}}, "limitmib": {{ours: "memory_limit", why: sizeUnit}}, "socket": {{ours: "control"}}, "controlsocket": {{ours: "control"}},
	"emitmetrics": {{ours: "enabled"}, {ours: "metrics", why: "They are on by default; metrics \"cloudwatch\" { enabled = false } turns them off."}}, "cloudwatchemitmetrics": {{ours: "metrics", why: "They are on by default; metrics \"cloudwatch\" { enabled = false } turns them off."}}, "cloudwatchnamespace": {{ours: "metrics", why: "It is written metrics \"cloudwatch\" { namespace = \"...\" }."}},
	"metricsnamespace": {{ours: "namespace"}}, "metricslevel": {{ours: "detail"}}, "cloudwatchtaginstance": {{ours: "dimensions"}}, "taginstance": {{ours: "dimensions"}}, "metricscollectioninterval": {{ours: "interval", why: withUnit}}, "appenddimensions": {{ours: "dimensions"}}, "period": {{ours: "interval"}},
	"disabled": {{ours: "enabled"}}, "disable": {{ours: "enabled"}}, "oldname": {{ours: "renamed_from"}}, "previousname": {{ours: "renamed_from"}}, "policy": {{ours: "on_full"}}, "whenfull": {{ours: "on_full"}}, "overflow": {{ours: "on_full"}},
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
