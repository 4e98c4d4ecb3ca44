# Names that do not exist here: slips, other agents' words, the right word in the wrong place.
agent {
  log_lvl   = "info"
  region    = "eu-west-1"
  http_port = 2020
}

aws {
  role_arn          = "arn:aws:iam::123456789012:role/logs"
  access_key_id     = "AKIA"
  roleArn           = "x"
  kinesis_endpoint  = "https://localhost:4567"
}

output "kinesis" {
}

stream = "web"

metrics "prometheus" {
}

flow "a" {
  filter {
    keep = true
  }
  tail {
    filePattern             = ["/var/log/a.log"]
    initialPosition         = "END_OF_FILE"
    multiLineStartPattern   = "^x"
    skip_headerlines        = 1
    rotate_wait             = "5s"
    quux                    = 1
    stream                  = "x"
    hold_deleted            = "1h"
    paths {
    }
  }
  emit "kinesis" {
    stream_name        = "x"
    maxBufferAgeMillis = 1000
    batch_size         = 500
    dlq {
    }
    assume_role {
      arn = "arn:aws:iam::123456789012:role/logs"
    }
  }
  emit "kinesis_firehose" {
    delivery_stream = "x"
  }
  emit {
    stream = "x"
  }
  tail "nginx" {
  }
}
