# A Java application with Logback or Log4j: a stack trace is one record with its line.

flow "java" {
  tail {
    paths = ["/var/log/shop/*.log"]
    multiline {
      start   = "^\\d{4}-\\d{2}-\\d{2} "
      timeout = "5s"
    }
  }

  # %d{yyyy-MM-dd HH:mm:ss,SSS} %-5level [%thread] %logger - %msg%n
  parse "regex" {
    # In a heredoc a backslash is written once. (?s) lets the dot match line ends.
    pattern          = <<-EOT
      (?s)^(?P<time>\S+ \S+) (?P<level>[A-Z]+) +\[(?P<thread>[^\]]*)\] (?P<logger>\S+) - (?P<message>.*)$
    EOT
    timestamp_field  = "time"
    timestamp_format = "2006-01-02 15:04:05,000"
    timezone         = "UTC"
  }

  set {
    # The first line of the trace says what it was: "java.lang.IllegalStateException: ..."
    exception = try(regex("(?m)^([\\w.$]+(?:Exception|Error))\\b", record.message)[0], null)
  }

  emit "kinesis" {
    stream    = "shop"
    aggregate = "kpl"
  }
}

test "a stack trace is one record" {
  input = <<-EOT
    2026-11-22 10:00:00,123 ERROR [http-7] com.example.Cart - cannot pay
    java.lang.IllegalStateException: no card
    	at com.example.Cart.pay(Cart.java:42)
    Caused by: java.io.IOException: closed
    	... 3 more
    2026-11-22 10:00:01,000 INFO  [main] com.example.App - ready
  EOT
  expect = [
    {
      level     = "ERROR"
      thread    = "http-7"
      logger    = "com.example.Cart"
      message   = "cannot pay\njava.lang.IllegalStateException: no card\n\tat com.example.Cart.pay(Cart.java:42)\nCaused by: java.io.IOException: closed\n\t... 3 more"
      timestamp = "2026-11-22T10:00:00.123Z"
      exception = "java.lang.IllegalStateException"
    },
    {
      level     = "INFO"
      thread    = "main"
      logger    = "com.example.App"
      message   = "ready"
      timestamp = "2026-11-22T10:00:01Z"
      exception = null
    },
  ]
}
