# Ten mistakes, one of each sort. What kinetail says about them is in ten-mistakes.txt.

agent {
  data_dir     = "/var/lib/kinetail"
  memory_limit = 64
}

locals {
  team = env("KINETAIL_TEAM")
}

flow "nginx" {
  tail {
    paths    = "/var/log/nginx/*.log"
    exclude  = ["*.gz"]
    start_at = "begining"

    multiline {
      start   = "^(\\d{4}-\\d{2}-\\d{2}"
      timeout = "2 sec"
    }
  }

  emit "kinesis" {
    partition_key = file.name
  }
}

flow "nginx" {
  tail {
    paths = ["/var/log/app.log"]
  }
  emit "firehose" {
    stream = "archive"
  }
}
