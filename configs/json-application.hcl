# An application that writes a JSON object a line.

locals {
  levels = ["warn", "error", "fatal"]
}

flow "orders" {
  tail {
    paths = ["/srv/orders/log/*.json"]
  }

  parse "json" {
    timestamp_field  = "ts" # becomes "timestamp", in RFC 3339
    timestamp_format = "unix_ms"
    on_error         = "dead_letter" # anything else in these files is a mistake, and kept on the host
  }

  # Debug lines go only if something is wrong.
  set { wrong = contains(local.levels, record.level) || record.status >= 500 }
  filter { drop = !record.wrong && record.level == "debug" }

  redact { builtin = ["email", "card"] }
  flatten { fields = ["http"] } # http.method, http.path
  rename { msg = "message" }
  remove { fields = ["wrong", "stack_hash"] }

  emit "kinesis" {
    stream        = "orders"
    partition_key = coalesce(record.request_id, record.order, "none")
    aggregate     = "kpl"
  }
}

test "fields, flat, and without addresses" {
  input = [
    "{\"ts\":1795255200123,\"level\":\"info\",\"msg\":\"sent to a@example.com\",\"http\":{\"method\":\"GET\",\"path\":\"/orders/7\"},\"order\":\"o-7\",\"stack_hash\":1}",
  ]
  expect = [
    {
      level         = "info"
      message       = "sent to [email]"
      "http.method" = "GET"
      "http.path"   = "/orders/7"
      order         = "o-7"
      timestamp     = "2026-11-21T10:00:00.123Z"
    },
  ]
  expect_keys = ["o-7"]
}

test "debug is dropped unless something is wrong" {
  input = [
    "{\"ts\":1795255200123,\"level\":\"debug\",\"msg\":\"a\",\"status\":200}",
    "{\"ts\":1795255200123,\"level\":\"debug\",\"msg\":\"b\",\"status\":502}",
  ]
  partial        = true
  expect         = [{ message = "b" }]
  expect_dropped = 1
}

test "what is no JSON is a dead letter" {
  input               = ["panic: runtime error"]
  expect              = []
  expect_dead_letters = 1
}
