# Each argument is right by itself; together they make no sense.
agent {
  memory_limit = "8MiB"
}

aws {
  endpoint = "https://kinesis.internal"
  assume_role {
    external_id = "partner"
  }
}

flow "a" {
  renamed_from = "b"
  tail {
    paths    = ["/var/log/a.log"]
    format   = "cri"
    encoding = "utf-16"
    multiline {
      timeout = "1s"
    }
  }
  emit "kinesis" {
    stream     = "x"
    stream_arn = "arn:aws:kinesis:eu-west-1:123456789012:stream/x"
    order      = "key"
    aws {
      region = "eu-central-1"
      fips   = true
    }
  }
  emit "kinesis" {
    stream         = "y"
    aggregate_size = "50KiB"
  }
  emit "firehose" {
    stream        = "z"
    aggregate     = "kpl"
    partition_key = record.client
  }
  emit "firehose" {
    name      = "kinesis"
    stream    = "z"
    aggregate = "lines"
    delimiter = ""
  }
}

flow "b" {
  tail {
    paths = ["/var/log/out/*.log"]
  }
  emit "stdout" {
    partition_key = record.client
    stream        = "x"
  }
  emit "file" {
    path = "/var/log/out/b.log"
  }
}

flow "c" {
  tail {
    paths = ["/var/log/c.log"]
  }
  tail {
    paths = ["/var/log/d.log"]
  }
}

flow "d" {
  emit "file" {
    path  = "/var/log/out/b.log"
    path  = "/var/log/out/c.log"
    order = "key"
  }
}
