# Mistakes in the steps of a flow.

locals {
  codes = { "@code" = record.status }
}

flow "formats" {
  tail { paths = ["/x"] }
  parse "combine" {}
  parse "apache" {}
  parse "docker" {}
  parse "json" {
    columns  = ["a"]
    on_error = "skip"
  }
  parse "csv" {
    delimiter = ";;"
  }
  parse "csv" {
    columns = ["a", "b", "a"]
  }
  parse "regex" {
    pattern = "^(?P<level>[A-Z]+ (?P<text>.*)$"
  }
  parse "regex" {
    pattern = "^[A-Z]+ (.*)$"
  }
  parse "regex" {
    pattern = "(?P<a>x)(?!y)"
  }
  parse "grok" {
    pattern = "%%{IPADDRESS:client} %%{GREEDYDATA:text}"
  }
  parse "grok" {}
  parse "syslog" {
    timezone = "Berlin"
  }
  parse "logfmt" {
    timestamp_field = "ts"
    timezone        = "Europe/Berlin"
  }
  parse "kv" {
    timestamp_field  = "ts"
    timestamp_format = "yyyy-mm-dd"
  }
  parse "json" {
    timezone = "UTC"
  }
  parse {}
  emit "stdout" {
    format = "raw"
  }
}

flow "choosing" {
  tail { paths = ["/x"] }
  filter {
    keep = record.status >= 400
    drop = record.path == "/health"
  }
  filter {}
  filter { when = record.a }
  filter { keep = "error" }
  filter { keep = startswth(record.path, "/api") }
  filter { keep = status >= 400 }
  filter { keep = contains(["a"], env("X")) && record.a }
  sample { share = 10 }
  sample {}
  sample { share = "half" }
  limit { rate = "100/s" }
  limit {
    rate     = 0
    max_keys = 5
  }
  emit "stdout" {}
}

flow "fields" {
  tail { paths = ["/x"] }
  set {}
  set {
    host   = host.nam
    fields = { "@timestamp" = record.timestamp, "" = 1 }
  }
  set {
    a      = 1
    fields = { a = 2 }
  }
  rename { client_ip = record.client }
  rename { client = 7 }
  remove { field = "a" }
  remove { fields = "a" }
  keep_fields { fields = [] }
  redact {
    fields  = ["query"]
    pattern = "token=.*"
    builtin = ["email"]
  }
  redact { fields = ["query"] }
  redact { builtin = ["mail", "ssn"] }
  redact { pattern = "x*" }
  flatten { seperator = "_" }
  transform {}
  emit "stdout" {
    template = record.message
    format   = "json"
  }
  filter { keep = true }
}

flow "output" {
  tail { paths = ["/x"] }
  emit "kinesis" {
    stream      = "s"
    format      = "template"
    compression = "lz4"
  }
  emit "firehose" {
    stream      = "s"
    aggregate   = "lines"
    compression = "gzip"
  }
  emit "stdout" {
    template    = "${record.a-b}"
    compression = "gzip"
  }
}
