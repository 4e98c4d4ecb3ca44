flow "nginx" {
  tail {
    paths = ["/var/log/a.log",
      "/var/log/b.log"
    start_at = "end"
  }
}
