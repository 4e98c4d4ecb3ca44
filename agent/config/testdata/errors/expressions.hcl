# Names and functions in values.
locals {
  a       = local.b
  b       = local.a
  team    = env("TEAM")
  dir     = env("DIR", "/var/log")
  missing = file("no-such-file")
  odd     = upper(1, 2)
}

flow "a" {
  tail {
    paths    = ["${local.dirr}/a.log", "${local.team}/b.log"]
    exclude  = ["**/${record.host}"]
    start_at = var.start
  }
  emit "kinesis" {
    stream        = "logs-${env.STAGE}"
    partition_key = record.user-agent
  }
  emit "kinesis" {
    name          = "b"
    stream        = lowr("X")
    partition_key = client
  }
  emit "kinesis" {
    name          = "c"
    stream        = "x"
    partition_key = "${env("X")}-${record.a}"
  }
  emit "kinesis" {
    name          = "d"
    stream        = "x"
    partition_key = record.a + "x"
  }
  emit "kinesis" {
    name          = "e"
    stream        = "x"
    partition_key = lowercase(record.a)
  }
}
