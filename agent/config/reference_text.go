package config

// sectionOrder is the order of the reference.
var sectionOrder = []string{
	"agent", "aws", "aws.endpoints", "aws.assume_role", "metrics \"cloudwatch\"", "kubernetes", "flow", "flow.tail", "flow.tail.multiline", "flow.tail.hold_deleted",
	"flow.parse", "flow.filter", "flow.set", "flow.rename", "flow.remove", "flow.keep_fields", "flow.redact", "flow.flatten", "flow.sample", "flow.limit",
	"flow.emit \"kinesis\"", "flow.emit \"firehose\"", "flow.emit \"stdout\"", "flow.emit \"file\"", "flow.emit.dead_letter", "test",
}

// oneOf are needed only as long as another argument does not take their place; their descriptions say which.
var oneOf = []string{
	"flow.tail.paths", "flow.tail.multiline.start", "flow.emit \"kinesis\".stream", "flow.filter.keep", "flow.redact.pattern", "flow.set.fields",
	"flow.rename.fields", "test.expect", "test.input", "test.flow",
}

const referenceHead = `# Configuration reference

This page is generated from the code that reads the configuration (` + "`go test ./agent/config -update`" + ` writes it anew); a test keeps it current.

The configuration is one file or a directory whose ` + "`*.hcl` and `*.hcl.json`" + ` files are read together, in [HCL's syntax](https://github.com/hashicorp/hcl/blob/main/hclsyntax/spec.md).
Sizes and times are written in quotes with their unit: ` + "`\"64MiB\"`, `\"500ms\"`, `\"7d\"`" + `. A block on one line holds one argument. ` + "`kinetail validate`" + ` shows every mistake.
Values with a name are defined in ` + "`locals`" + ` blocks and used as ` + "`local.<name>`" + `; there ` + "`env(\"NAME\", \"default\")` and `file(\"path\")`" + ` can be called.
`

const referenceExpressions = `
## Expressions

Filters, ` + "`set`, `template`, `partition_key`, `key`" + ` are computed for each record. They may use

| name | |
|---|---|
| ` + "`record.<field>`" + ` | a field of the record, ` + "`record[\"a-b\"]`" + ` where its name is no identifier. Before any step there is ` + "`record.message`" + `, the line, and with a container format ` + "`record.stream` and `record.time`" + ` |
| ` + "`file.path`, `file.name`, `file.dir`" + ` | the followed path, its last component, and the rest |
| ` + "`host.name`" + ` | this host's name |
| ` + "`k8s.namespace`, `k8s.pod`, `k8s.container`, `k8s.uid`, `k8s.restart`, `k8s.container_id`" + ` | what the path of a container's log under ` + "`/var/log/pods` or `/var/log/containers`" + ` says; null elsewhere |
| ` + "`k8s.labels`, `k8s.annotations`" + ` | what the API server says of that pod, as objects: ` + "`k8s.labels[\"app.kubernetes.io/name\"]`" + `; null where it says nothing (see the ` + "`kubernetes`" + ` block) |
| ` + "`ec2.instance_id`, `ec2.instance_type`, `ec2.availability_zone`, `ec2.region`, `ec2.account_id`, `ec2.image_id`, `ec2.private_ip`, `ec2.tags`" + ` | what the instance metadata service says, tags only where the instance shows them there (` + "`InstanceMetadataTags`" + `); null elsewhere, and until it has answered |
| ` + "`ecs.cluster`, `ecs.service`, `ecs.family`, `ecs.revision`, `ecs.task_arn`, `ecs.task_id`, `ecs.container`, `ecs.container_arn`, `ecs.image`, `ecs.availability_zone`, `ecs.launch_type`" + ` | what ECS says of kinetail's own task (task metadata version 4); null elsewhere, and until it has answered |
| ` + "`now.rfc3339`, `now.unix_ms`" + ` | the time now, in UTC, to the millisecond |
| ` + "`local.<name>`" + ` | a value of a locals block |

A missing field is null. ` + "`==` and `!=`" + ` take null as a value; ordering and arithmetic with null yield null, and so does an operation that fails, which is counted. A filter whose
condition is null keeps the record, and counts it.

## Functions

They may be called in any expression. ` + "`env` and `file`" + ` exist at load time only: use them in locals.
`

// descriptions are by section and argument; a test says if one is missing or of nothing.
var descriptions = map[string]string{
	"kubernetes":            "How `k8s.labels` and `k8s.annotations` are asked of the API server: only if an expression reads them, and only for the pods of this node. Values of up to 4 KiB are kept, and 16 KiB of a pod. In a pod the defaults are right, but for `NODE_NAME`, which its specification has to set from `spec.nodeName`.",
	"kubernetes.node":       "Whose pods are watched. By default `$NODE_NAME`.",
	"kubernetes.api_server": "By default that of the cluster.",
	"kubernetes.token_file": "By default the service account's. Read anew for each connection.",
	"kubernetes.ca_file":    "By default the service account's. Read anew for each connection.",
	"kubernetes.wait":       "How long a record may wait for a pod that nothing is known of yet, once for each; after a wait in vain nobody waits for ten times as long. `\"0s\"` never waits.",

	"agent":                  "The program as a whole; one block.",
	"agent.state_dir":        "Where offsets, dead letters and the last configuration that ran are kept. One agent at a time.",
	"agent.page":             "Address of a page that shows what `kinetail status` does, with plots of the last 15 minutes; without it there is none. It has no login and shows no records: `127.0.0.1:9465` is for this host alone.",
	"agent.listen":           "Address of `/healthz`, `/readyz` and `/metrics`, or `\"off\"`.",
	"agent.control":          "Socket of `kinetail status`. By default below `$RUNTIME_DIRECTORY` if that is set, else in `state_dir`.",
	"agent.memory_limit":     "What read blocks, queues and encoded records may take together.",
	"agent.shutdown_timeout": "How long stopping may take to deliver what was read.",
	"agent.log_level":        "The least severe messages that are logged.",
	"agent.log_format":       "Of the agent's own log.",

	"aws":                "Defaults for all emit blocks and metrics. An `aws` block inside of them replaces it key by key. What is left out is the AWS SDK's own choice.",
	"aws.region":         "For example `\"eu-west-1\"`.",
	"aws.profile":        "A profile of the shared AWS files.",
	"aws.endpoint":       "URL for all services, for a local stand-in or a private endpoint.",
	"aws.fips":           "Use the FIPS endpoints.",
	"aws.dual_stack":     "Use the dual-stack (IPv6) endpoints.",
	"aws.proxy":          "URL of an HTTP, HTTPS or SOCKS5 proxy.",
	"aws.ca_file":        "Certificates of authorities to trust besides the system's, in PEM.",
	"aws.allow_insecure": "Take plain HTTP endpoints on other hosts than this one.",

	"aws.endpoints":            "URLs of single services.",
	"aws.endpoints.kinesis":    "",
	"aws.endpoints.firehose":   "",
	"aws.endpoints.cloudwatch": "",
	"aws.endpoints.sts":        "",

	"aws.assume_role":              "A role to assume.",
	"aws.assume_role.enabled":      "`false` takes away a role that an outer block names.",
	"aws.assume_role.arn":          "The role.",
	"aws.assume_role.external_id":  "As the role's trust policy demands it.",
	"aws.assume_role.session_name": "Shown in CloudTrail.",

	"metrics \"cloudwatch\"":                 "CloudWatch metrics. They are on by default when a flow sends to AWS itself.",
	"metrics \"cloudwatch\".enabled":         "Turn them on or off, whatever the flows do.",
	"metrics \"cloudwatch\".namespace":       "With `compat = \"kinesis-agent\"` it is `AWSKinesisAgent`.",
	"metrics \"cloudwatch\".interval":        "Whole seconds.",
	"metrics \"cloudwatch\".detail":          "How many metrics there are: each is billed.",
	"metrics \"cloudwatch\".high_resolution": "Let CloudWatch keep values by the second (StorageResolution 1) rather than by the minute, for an `interval` below a minute. Each call of PutMetricData is billed.",
	"metrics \"cloudwatch\".compat":          "Namespace and names of the Java agent, for dashboards that exist.",
	"metrics \"cloudwatch\".dimensions":      "More dimensions for a second series of LagSeconds, GapBytes and RecordsDeadLettered.",

	"flow":              "One way from files to destinations: a `tail` block, steps in the order in which they apply, and `emit` blocks.",
	"flow.renamed_from": "The flow's former name, whose positions it takes over.",

	"flow.tail":                   "Which files are followed, and how records are found in them.",
	"flow.tail.paths":             "Absolute paths and patterns: `*` in a component, `**` between slashes for any directories. This or `pipes` is needed.",
	"flow.tail.exclude":           "Patterns of paths that are not followed.",
	"flow.tail.rotated":           "Where rotated files go, if that is not beside the live file with a usual suffix.",
	"flow.tail.pipes":             "Named pipes. A pipe has no positions.",
	"flow.tail.start_at":          "Where files start that are there at the first scan.",
	"flow.tail.max_record_size":   "Of a line or joined event.",
	"flow.tail.on_oversize":       "What becomes of a longer line.",
	"flow.tail.format":            "The framing of a container runtime, which is taken off.",
	"flow.tail.encoding":          "Of the file.",
	"flow.tail.keep_cr":           "Keep a carriage return before the line feed.",
	"flow.tail.skip_header_lines": "Lines at the start of each file that are no records.",
	"flow.tail.ignore_older":      "Do not start with files that were last changed longer ago.",
	"flow.tail.symlinks":          "Which symbolic links are followed: those of the file's owner, all, or none.",
	"flow.tail.hard_links":        "Whether a file is read that may be a hard link to somebody else's: those of the directory's owner, or all.",
	"flow.tail.poll_interval":     "How often a busy file is looked at.",
	"flow.tail.on_ambiguous":      "What to do where a file cannot be told from another: read it again, or skip it.",
	"flow.tail.forget_after":      "How long the position of a file that is gone is remembered.",

	"flow.tail.multiline":          "Joins lines to one event. One of `start`, `continue` and `indent` is needed.",
	"flow.tail.multiline.start":    "Matches the first line of an event.",
	"flow.tail.multiline.continue": "Matches each further line of an event.",
	"flow.tail.multiline.indent":   "Lines that begin with a space or tab belong to the line before.",
	"flow.tail.multiline.end":      "Matches the last line of an event.",
	"flow.tail.multiline.timeout":  "An event that has not grown for this long is closed.",

	"flow.tail.hold_deleted":           "Caps what is held of files that were deleted before they were delivered. What is given up is reported as a gap.",
	"flow.tail.hold_deleted.max_age":   "By default there is no limit.",
	"flow.tail.hold_deleted.max_bytes": "By default a tenth of the file system.",

	"flow.parse":                  "Makes fields of text: `parse \"<format>\" { ... }`. The fields take the place of the field that is parsed.",
	"flow.parse.field":            "What is parsed. `message` is the line.",
	"flow.parse.on_error":         "What becomes of a record that is not in the format: `keep` leaves it as it is and adds `parse_error`.",
	"flow.parse.into":             "The field that gets the result, as an object.",
	"flow.parse.strings":          "Leave all values text: by default numbers and booleans are recognised.",
	"flow.parse.names":            "Field names and values of the Java agent's LOGTOJSON.",
	"flow.parse.timezone":         "Of time stamps that have none: a name of the tz database, or `Local`. By default UTC.",
	"flow.parse.columns":          "The names of the columns, in their order; `\"\"` leaves one out. In regex, the names of the groups, if they have none in the pattern.",
	"flow.parse.header":           "Take the names of the columns from the first line of each file, or the last of `skip_header_lines`; of 16 KiB at most.",
	"flow.parse.separator":        "Matches what is between the parts. By default white space.",
	"flow.parse.null_value":       "A text that stands for nothing, such as `\"-\"`: it becomes null, and so does a group of the pattern that took no part, which is left out otherwise.",
	"flow.parse.delimiter":        "The character between columns.",
	"flow.parse.pattern":          "With named groups, `(?P<name>...)`; in grok `%%{PATTERN:field}`, `%%{PATTERN:field:int}`. A heredoc keeps backslashes as they are.",
	"flow.parse.patterns":         "More named patterns.",
	"flow.parse.pair_separator":   "Between pairs.",
	"flow.parse.value_separator":  "Between name and value.",
	"flow.parse.timestamp_field":  "The field that says when it happened. It becomes `timestamp`, in RFC 3339.",
	"flow.parse.timestamp_format": "`rfc3339`, `unix`, `unix_ms`, `unix_us`, `unix_ns`, or the time `Mon Jan 2 15:04:05 2006` in the field's own format.",

	"flow.filter":      "Drops records. One of the two is needed. A record for which the condition is null is kept, and counted.",
	"flow.filter.keep": "Records for which it is false are dropped.",
	"flow.filter.drop": "Records for which it is true are dropped.",

	"flow.set":        "Gives fields values: `name = <expression>`, one after the other. A new field is appended.",
	"flow.set.fields": "For names that are no identifiers.",

	"flow.rename":        "Gives fields other names: `old_name = \"new_name\"`.",
	"flow.rename.fields": "For names that are no identifiers.",

	"flow.remove":             "Takes fields out.",
	"flow.remove.fields":      "Their names.",
	"flow.keep_fields":        "Takes all other fields out. `parse_error`, and `message` beside it, and `set_error` stay.",
	"flow.keep_fields.fields": "The names of those that stay.",

	"flow.redact":         "Replaces what matches, also in `message` of a record that could not be parsed, and in dead letters. `pattern` or `builtin` is needed.",
	"flow.redact.fields":  "Where. By default in all fields.",
	"flow.redact.pattern": "What is replaced.",
	"flow.redact.with":    "By what; `$1` and `$${name}` are groups. By default `pattern` takes out what matches; of `builtin`, addresses lose their last bits, and the others become their name in brackets.",
	"flow.redact.builtin": "`email`, `card` (numbers that pass the Luhn check), `ipv4` (24 bits stay), `ipv6` (48 bits stay), `jwt`, `aws_key`.",

	"flow.flatten":           "Makes the members of objects fields of the record.",
	"flow.flatten.fields":    "Which. By default all.",
	"flow.flatten.separator": "Between the names.",
	"flow.flatten.lists":     "Lists too, with the position as the name.",

	"flow.sample":       "Keeps a share of the records.",
	"flow.sample.share": "How many are kept.",
	"flow.sample.key":   "All records of one value are kept, or none, on all hosts alike.",

	"flow.limit":          "Drops what is over a rate.",
	"flow.limit.rate":     "Records a second, for each key.",
	"flow.limit.burst":    "How many may pass at once after a quiet time. By default the rate.",
	"flow.limit.key":      "Divides the records. By default there is one limit for all.",
	"flow.limit.max_keys": "How many keys are remembered; the one that was quiet longest is forgotten first.",

	"flow.emit \"kinesis\"":                  "Sends to a stream of Kinesis Data Streams.",
	"flow.emit \"firehose\"":                 "Sends to a delivery stream of Amazon Data Firehose.",
	"flow.emit \"stdout\"":                   "Writes to standard output.",
	"flow.emit \"file\"":                     "Writes to a file on this host.",
	"flow.emit.name":                         "Tells two blocks of one kind apart.",
	"flow.emit.format":                       "What a record looks like. By default `json` where a step shapes the record, else `raw`: the line as it came.",
	"flow.emit.template":                     "The text of each record. A record for which it is null is a dead letter.",
	"flow.emit.invalid_utf8":                 "What `json` makes of bytes that are no UTF-8: U+FFFD (default), or the field in base64 with `_base64` behind its name.",
	"flow.emit.delimiter":                    "Appended to each record.",
	"flow.emit.compression":                  "Of each record by itself.",
	"flow.emit.aggregate":                    "`kpl` packs many records into one, in the KPL's format; `lines` joins them with the delimiter.",
	"flow.emit.aggregate_size":               "The largest packed record.",
	"flow.emit.max_wait":                     "The longest that a record waits to be packed, from the writing of its line: poll_interval, up to half of max_wait, is taken off, for a busy file is looked at that often.",
	"flow.emit.max_requests":                 "Requests at one time.",
	"flow.emit.max_unacked":                  "How much of the flow's files may be read and not yet acknowledged.",
	"flow.emit \"kinesis\".stream":           "Its name. This or `stream_arn` is needed.",
	"flow.emit \"kinesis\".stream_arn":       "For a stream of another account or region.",
	"flow.emit \"kinesis\".partition_key":    "Chooses the shard. Left out, records are spread evenly.",
	"flow.emit \"kinesis\".order":            "`key` keeps file order for each partition key. It is the default with `aggregate = \"kpl\"` and a `partition_key`.",
	"flow.emit \"kinesis\".shard_rate_limit": "Of what a shard takes.",
	"flow.emit \"firehose\".aggregate":       "`lines` joins records with the delimiter; Firehose bills each record rounded up to 5 KB.",
	"flow.emit \"firehose\".stream":          "The delivery stream's name.",
	"flow.emit \"file\".path":                "The file.",

	"flow.emit.dead_letter":          "Where records go that the destination will never accept: a file in `state_dir`.",
	"flow.emit.dead_letter.max_size": "Of that file.",
	"flow.emit.dead_letter.on_full":  "Wait, so that nothing is lost, or drop and count.",
	"flow.emit.dead_letter.max_rate": "Refusals a minute above which nothing is sent until it is looked at.",

	"test":                     "What `kinetail test` checks, in the configuration or in `*_test.hcl` files beside it. Something must be expected.",
	"test.flow":                "The flow. It may be left out where there is one.",
	"test.emit":                "Whose records are looked at. By default the flow's first.",
	"test.input":               "Lines of a file. This or `input_file` is needed.",
	"test.input_file":          "A file, relative to the configuration.",
	"test.path":                "`file.path` in expressions. By default the flow's first path.",
	"test.host":                "`host.name` in expressions.",
	"test.ec2":                 "What `ec2.*` is: `{ instance_id = \"i-1\" }`. By default null, and so are the next two.",
	"test.ecs":                 "What `ecs.*` is.",
	"test.k8s":                 "What the API server says of the pod: `{ labels = { app = \"web\" } }`. The rest of `k8s.*` is read from `path`.",
	"test.now":                 "The time, for time stamps without a year and for limits.",
	"test.expect":              "All records that are sent: objects for JSON, text for others.",
	"test.partial":             "Compare only the fields that `expect` names.",
	"test.expect_count":        "How many are sent.",
	"test.expect_dropped":      "How many the steps drop.",
	"test.expect_dead_letters": "How many are refused. By default any is a failure.",
	"test.expect_keys":         "The partition keys.",

	"format json":         "An object a line. Nested objects are kept, and numbers as they are written.",
	"format logfmt":       "`name=value` pairs with spaces between them.",
	"format common":       "The Common Log Format of web servers.",
	"format combined":     "The format of nginx and Apache with referer and agent. What stands behind the agent is in `extra`; a virtual host with its port in front of the client, as Debian's Apache writes into `other_vhosts_access.log`, in `vhost`. What is `-` or empty is left out, and a request that is none is in `request` as it came.",
	"format nginx_error":  "nginx's error log. What it appends to a message (`client`, `server`, `request`, `upstream`, `host`, `referrer` ...) become fields of these names.",
	"format apache_error": "Apache's error log, 2.2 and 2.4.",
	"format syslog":       "RFC 3164 and RFC 5424, told apart by themselves, with or without a priority in front, and what rsyslog writes into files. `-` is left out; structured data is an object of objects. A time without a year is the one nearest to now.",
	"format split":        "Parts with anything between them, without quotes. Space around a part is taken off. Columns that a line does not have are null, and empty parts at its end count as such; what is behind the last column is left out.",
	"format csv":          "Columns, quoted as in RFC 4180. A line with another number of columns is not in the format; an empty column without quotes is left out. A line break in quotes needs `multiline` in the tail block. With `header = true`, a column without a name is called `column_3` by its place, and a second one of a name `name_2`.",
	"format regex":        "The named groups of a regular expression (RE2's syntax; the time is linear in the length of the line).",
	"format grok":         "Named patterns under Logstash's names, without those that need look-around. `:int` and `:float` are taken as numbers anyway; `:string` leaves text.",
	"format kv":           "Pairs with any separators.",

	"function can": "Says whether the expression can be computed: false where a field is missing or an operation fails.",
	"function try": "The first of the expressions that can be computed.",
}
