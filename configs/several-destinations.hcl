# One log to several places: a stream in another account, an archive, and a file for a look on the host.
#
# The destinations of a flow advance together: while one cannot be reached, the others wait for it. The audit log below is a flow of
# its own, so it waits for nobody.

locals {
  stage = env("STAGE", "dev")
}

aws {
  region = "eu-west-1"

  assume_role {
    arn         = "arn:aws:iam::123456789012:role/log-writer"
    external_id = "partner"
  }
}

metrics "cloudwatch" {
  dimensions = { Stage = local.stage }
}

flow "orders" {
  tail {
    paths   = ["/srv/orders/log/**/*.log"]
    exclude = ["**/debug.log"]
  }

  emit "kinesis" {
    name          = "live"
    stream        = "orders-${local.stage}"
    partition_key = file.name
    aggregate     = "kpl"
  }

  emit "kinesis" {
    name       = "partner"
    stream_arn = "arn:aws:kinesis:us-east-1:210987654321:stream/orders"

    aws {
      region = "us-east-1"
      assume_role {
        arn = "arn:aws:iam::210987654321:role/orders-writer" # the external_id above stays
      }
    }
  }

  emit "firehose" {
    stream    = "orders-archive"
    aggregate = "lines"

    aws {
      assume_role { enabled = false } # with the host's own role
    }
  }
}

flow "audit" {
  tail { paths = ["/var/log/audit/audit.log"] }
  emit "file" { path = "/srv/audit/audit.log" }
}
