# Apache httpd: access and error logs (2.4 and 2.2) as JSON records with fields.

flow "apache-access" {
  tail {
    paths = ["/var/log/apache2/*access.log", "/var/log/httpd/*access_log"]
  }
  parse "combined" {}
  set {
    vhost = file.name # one file per virtual host
    bot   = can(regex("(?i)bot|crawl|spider", record.agent))
  }
  filter { drop = record.bot && record.status == 200 }
  emit "firehose" {
    stream    = "web-archive"
    aggregate = "lines"
  }
}

flow "apache-error" {
  tail {
    paths = ["/var/log/apache2/*error.log", "/var/log/httpd/*error_log"]
  }
  parse "apache_error" { timezone = "Local" } # Apache writes the host's local time, without a zone
  emit "firehose" {
    stream    = "web-errors"
    aggregate = "lines"
  }
}

test "an access line" {
  flow  = "apache-access"
  path  = "/var/log/apache2/shop_access.log"
  input = ["2001:db8::7 - - [22/Nov/2026:10:00:00 +0000] \"POST /cart HTTP/1.1\" 302 - \"https://shop.example/\" \"curl/8.5\""]
  expect = [
    {
      client    = "2001:db8::7"
      timestamp = "2026-11-22T10:00:00Z"
      method    = "POST"
      path      = "/cart"
      protocol  = "HTTP/1.1"
      status    = 302
      referer   = "https://shop.example/"
      agent     = "curl/8.5"
      vhost     = "shop_access.log"
      bot       = false
    },
  ]
}

test "what robots read is dropped" {
  flow           = "apache-access"
  input          = ["192.0.2.7 - - [22/Nov/2026:10:00:00 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"Googlebot/2.1\""]
  expect_count   = 0
  expect_dropped = 1
}

test "errors" {
  flow = "apache-error"
  input = [
    "[Sun Nov 22 10:00:00.123456 2026] [proxy:error] [pid 7:tid 8] (111)Connection refused: [client 192.0.2.7:4711] AH00957: HTTP: attempt to connect to 127.0.0.1:8080 failed",
    "[Sun Nov 22 10:00:00 2026] [error] [client 192.0.2.7] File does not exist: /srv/favicon.ico",
  ]
  partial = true
  expect = [
    {
      module  = "proxy"
      level   = "error"
      pid     = 7
      tid     = 8
      client  = "192.0.2.7:4711"
      code    = "AH00957"
      message = "(111)Connection refused: AH00957: HTTP: attempt to connect to 127.0.0.1:8080 failed"
    },
    {
      level   = "error"
      client  = "192.0.2.7"
      message = "File does not exist: /srv/favicon.ico"
    },
  ]
}
