# The system's logs, as rsyslog and others write them: RFC 3164 and RFC 5424 are told apart by themselves.

flow "system" {
  tail {
    paths = ["/var/log/syslog", "/var/log/messages", "/var/log/auth.log", "/var/log/secure"]
  }
  parse "syslog" { timezone = "UTC" } # of lines without a zone; "Local" is this host's

  # A service that goes wild is held at 100 lines a second; the others are not touched.
  limit {
    rate  = 100
    burst = 1000
    key   = record.appname
  }
  redact { builtin = ["aws_key", "jwt"] }
  set {
    log = file.name
  }
  emit "kinesis" {
    stream        = "system-logs"
    aggregate     = "kpl"
    partition_key = record.hostname
  }
}

test "the classic format; the year is that of the clock" {
  path  = "/var/log/auth.log"
  now   = "2026-11-23T00:00:00Z"
  input = ["Nov 22 10:00:00 web-1 sshd[4711]: Accepted publickey for root from 192.0.2.7 port 22"]
  expect = [
    {
      timestamp = "2026-11-22T10:00:00Z"
      hostname  = "web-1"
      appname   = "sshd"
      procid    = "4711"
      message   = "Accepted publickey for root from 192.0.2.7 port 22"
      log       = "auth.log"
    },
  ]
}

test "RFC 5424 with structured data" {
  path  = "/var/log/syslog"
  input = ["<165>1 2026-11-22T10:00:00.003Z web-1 app 4711 ID47 [meta@32473 user=\"alice\"] started"]
  expect = [
    {
      priority  = 165
      facility  = "local4"
      severity  = "notice"
      version   = 1
      timestamp = "2026-11-22T10:00:00.003Z"
      hostname  = "web-1"
      appname   = "app"
      procid    = "4711"
      msgid     = "ID47"
      structured_data = {
        "meta@32473" = {
          user = "alice"
        }
      }
      message = "started"
      log     = "syslog"
    },
  ]
}

test "keys are not sent" {
  now     = "2026-11-23T00:00:00Z"
  input   = ["Nov 22 10:00:00 web-1 app: using AKIAIOSFODNN7EXAMPLE"]
  partial = true
  expect  = [{ message = "using [aws_key]" }]
}

test "a flood is limited" {
  now            = "2026-11-23T00:00:00Z"
  input          = join("\n", [for i in range(1005) : "Nov 22 10:00:00 web-1 app: ${i}"])
  expect_count   = 1000
  expect_dropped = 5
}
