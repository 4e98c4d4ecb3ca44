# Values of the wrong type, or that the argument does not take.
agent {
  state_dir        = "var/lib"
  listen           = "9464"
  control          = "/run/kinetail.sock"
  memory_limit     = "64M"
  shutdown_timeout = "5 minutes"
  log_level        = "warning"
  log_format       = 1
}

aws {
  region   = "EU (Ireland)"
  endpoint = "kinesis.internal:4567"
  proxy    = "ftp://x"
  ca_file  = "ca.pem"
  fips     = "yes"
  assume_role {
    arn          = "logs"
    external_id  = "x"
    session_name = "with space"
  }
}

metrics "cloudwatch" {
  interval   = "500ms"
  detail     = "all"
  dimensions = { Destination = "x" }
  namespace  = "AWS/Kinesis"
}

flow "my flow!" {
  tail {
    paths           = ["/var/log/a.log", "", "logs/*.log", "~/x", "/var/log/[", "/var/log/", "/var/**x/y", "/a/../b", 5]
    pipes           = ["/run/*.pipe"]
    start_at        = end
    max_record_size = "1GiB"
    on_oversize     = "cut"
    encoding        = "latin1"
    keep_cr         = "true"
    symlinks        = true
    ignore_older    = "a week"
    multiline {
      start    = "(?<=x)y"
      continue = "^\\s"
    }
  }
  emit "kinesis" {
    stream           = "arn:aws:kinesis:eu-west-1:123456789012:stream/x"
    shard_rate_limit = 1.5
    aggregate        = "KPL"
    aggregate_size   = "100 MB"
    max_requests     = 0
    max_wait         = 500
    order            = "strict"
    dead_letter {
      max_size = 100
      on_full  = "block"
      max_rate = 1.5
    }
  }
}
