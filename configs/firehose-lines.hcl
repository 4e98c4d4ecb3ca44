# Lines packed into Firehose records of up to 50 KiB. Firehose bills each record rounded up to 5 KB, so packing 200-byte lines saves
# about 25 times the volume; the objects in S3 look the same.

aws {
  region = "eu-central-1"
}

flow "app" {
  tail {
    paths = ["/var/log/app/*.log"]

    # A stack trace belongs to the line before it.
    multiline {
      start   = "^\\d{4}-\\d{2}-\\d{2}"
      timeout = "2s"
    }
  }

  emit "firehose" {
    stream         = "app-archive"
    aggregate      = "lines"
    aggregate_size = "50KiB"
    delimiter      = "\n"
    max_wait       = "5s"

    dead_letter {
      max_size = "1GiB"
      on_full  = "wait"
    }
  }
}
