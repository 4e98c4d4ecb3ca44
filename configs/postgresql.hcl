# PostgreSQL with logging_collector = on and log_line_prefix = '%m [%p] %q%u@%d ', which is Debian's.

flow "postgresql" {
  tail {
    paths = ["/var/log/postgresql/*.log"]

    # A statement of several lines belongs to the line before it.
    multiline { start = "^\\d{4}-\\d{2}-\\d{2} " }
  }

  parse "grok" {
    # In HCL, %{ begins a template, so a grok pattern's is written %%{.
    pattern = "(?s)^%%{PGTIME:time} \\[%%{POSINT:pid}\\] (?:%%{NOTSPACE:user}@%%{NOTSPACE:database} )?%%{WORD:level}: +%%{ANYTHING:message}$"
    patterns = {
      PGTIME   = "\\d{4}-\\d{2}-\\d{2} [0-9:.]+ \\w+"
      ANYTHING = ".*"
    }
    timestamp_field  = "time"
    timestamp_format = "2006-01-02 15:04:05.000 MST"
  }

  # duration: 1234.567 ms  statement: SELECT ...
  set { duration_ms = try(tonumber(regex("^duration: ([0-9.]+) ms", record.message)[0]), null) }
  filter { drop = record.level == "LOG" && record.duration_ms == null }

  # Values in statements do not leave the host.
  redact {
    fields  = ["message"]
    pattern = "'[^']*'"
    with    = "'?'"
  }

  emit "kinesis" {
    stream = "postgresql"
  }
}

test "slow statements, with their values masked" {
  input = <<-EOT
    2026-11-22 10:00:00.123 UTC [4711] app@shop LOG:  duration: 1234.567 ms  statement: SELECT *
    	FROM orders WHERE email = 'a@example.com'
  EOT
  expect = [
    {
      pid         = 4711
      user        = "app"
      database    = "shop"
      level       = "LOG"
      message     = "duration: 1234.567 ms  statement: SELECT *\n\tFROM orders WHERE email = '?'"
      timestamp   = "2026-11-22T10:00:00.123Z"
      duration_ms = 1234.567
    },
  ]
}

test "errors are kept, chatter is dropped" {
  input = [
    "2026-11-22 10:00:00.123 UTC [4711] LOG:  checkpoint starting: time",
    "2026-11-22 10:00:00.124 UTC [4712] app@shop ERROR:  relation \"x\" does not exist at character 15",
  ]
  expect = [
    {
      pid         = 4712
      user        = "app"
      database    = "shop"
      level       = "ERROR"
      message     = "relation \"x\" does not exist at character 15"
      timestamp   = "2026-11-22T10:00:00.124Z"
      duration_ms = null
    },
  ]
  expect_dropped = 1
}
