flow "a" {
  tail {
    paths = ["/var/log/a.log"]
  }
  emit "kinesis" { stream = "web", aggregate = "kpl" }
}
