flow "a" {
  tail {
    paths = ["/var/log/a.log"]
    multiline {
      start = "%{TIMESTAMP_ISO8601}"
    }
  }
}
