flow "nginx" {
  tail {
    paths = ["/var/log/nginx/access.log", "/var/log/nginx/error.log"]
  }
  emit "kinesis" {
    stream = "web-${local.stage}"
  }
}
