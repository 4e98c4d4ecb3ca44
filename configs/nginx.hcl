# nginx: access and error logs as JSON records with fields.
#
# logrotate may use create or copytruncate, compress or not: what was rotated before it was delivered is found and finished first.

flow "nginx-access" {
  tail {
    paths = ["/var/log/nginx/*access.log"]
  }

  # nginx's "combined" format; fields that were added to it behind the agent are kept in "extra".
  parse "combined" {}

  # What load balancers and probes ask for is not worth paying for, unless it fails.
  filter { drop = record.status < 400 && startswith(record.path, "/healthz") }

  # Tokens do not leave the host; addresses lose their last part.
  redact {
    fields  = ["query", "referer"]
    pattern = "(?i)(token|password|key)=[^&\\s]+"
    with    = "$1=***"
  }
  redact {
    fields  = ["client"]
    builtin = ["ipv4", "ipv6"]
  }

  set {
    service = "web"
    host    = host.name
  }

  emit "kinesis" {
    stream        = "web-access"
    aggregate     = "kpl"         # many records in one: about 120 times fewer PUT units for lines of 200 bytes
    partition_key = record.client # the requests of a client stay in order
  }
}

flow "nginx-error" {
  tail {
    paths = ["/var/log/nginx/*error.log"]
  }
  parse "nginx_error" { timezone = "Local" } # nginx writes the host's local time, without a zone
  filter { drop = contains(["debug", "info", "notice"], record.level) }
  emit "kinesis" {
    stream = "web-errors"
  }
}

test "an access line becomes fields, without the token and the last part of the address" {
  flow  = "nginx-access"
  host  = "web-1"
  input = ["192.0.2.77 - alice [22/Nov/2026:10:00:00 +0100] \"GET /cart?id=7&token=s3cret HTTP/1.1\" 200 512 \"-\" \"Mozilla/5.0 (X11; Linux)\""]
  expect = [
    {
      client    = "192.0.2.0"
      user      = "alice"
      timestamp = "2026-11-22T10:00:00+01:00"
      method    = "GET"
      path      = "/cart"
      query     = "id=7&token=***"
      protocol  = "HTTP/1.1"
      status    = 200
      bytes     = 512
      agent     = "Mozilla/5.0 (X11; Linux)"
      service   = "web"
      host      = "web-1"
    },
  ]
  expect_keys = ["192.0.2.0"]
}

test "probes are dropped while they succeed" {
  flow = "nginx-access"
  input = [
    "10.0.0.1 - - [22/Nov/2026:10:00:00 +0000] \"GET /healthz HTTP/1.1\" 200 2 \"-\" \"ELB-HealthChecker/2.0\"",
    "10.0.0.1 - - [22/Nov/2026:10:00:00 +0000] \"GET /healthz HTTP/1.1\" 503 2 \"-\" \"ELB-HealthChecker/2.0\"",
  ]
  partial        = true
  expect         = [{ status = 503 }]
  expect_dropped = 1
}

test "a line in another format is kept, redacted" {
  flow  = "nginx-access"
  host  = "web-1"
  input = ["somebody wrote this by hand, token=s3cret"]
  expect = [
    {
      message     = "somebody wrote this by hand, token=***"
      parse_error = "combined"
      service     = "web"
      host        = "web-1"
    },
  ]
}

test "errors" {
  flow = "nginx-error"
  input = [
    "2026/11/22 10:00:00 [error] 29#29: *1 open() \"/srv/x\" failed (2: No such file or directory), client: 192.0.2.7, server: _, request: \"GET /x HTTP/1.1\", host: \"example.com\"",
    "2026/11/22 10:00:00 [notice] 29#29: signal process started",
  ]
  partial = true
  expect = [
    {
      level      = "error"
      pid        = 29
      tid        = 29
      connection = 1
      message    = "open() \"/srv/x\" failed (2: No such file or directory)"
      client     = "192.0.2.7"
      server     = "_"
      request    = "GET /x HTTP/1.1"
      host       = "example.com"
    },
  ]
}
