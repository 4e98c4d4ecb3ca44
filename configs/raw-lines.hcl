# Access log lines as they are, packed for cheap delivery to Kinesis Data Streams. With no step in it, a flow looks at no line: this is the fastest way.
#
# logrotate may use create or copytruncate, compress or not: what was rotated before it was delivered is found and finished first.

agent {
  state_dir    = "/var/lib/kinetail"
  memory_limit = "64MiB"
}

aws {
  region = "eu-west-1"
}

flow "nginx-access" {
  tail {
    paths   = ["/var/log/nginx/*access.log"]
    rotated = ["/var/log/nginx/old/*access.log-*"] # only needed where logrotate has an olddir

    start_at        = "beginning" # on a host that has been running for a while, "end" (the default) skips what is there
    max_record_size = "64KiB"
    on_oversize     = "truncate"
  }

  emit "kinesis" {
    stream    = "web-access"
    aggregate = "kpl" # many lines in a record: about 120 times fewer PUT units for lines of 200 bytes
    max_wait  = "500ms"

    # Lines of one file stay in order, because they have one key. Leave it out to spread the lines evenly over the shards.
    partition_key = file.path
  }
}
