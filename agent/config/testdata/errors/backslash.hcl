flow "a" {
  tail {
    paths = ["/var/log/a.log"]
    multiline {
      start = "^\d{4}"
    }
  }
}
