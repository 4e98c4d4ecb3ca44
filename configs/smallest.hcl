# The smallest configuration: each line of a file becomes a record of a stream.

flow "nginx" {
  tail { paths = ["/var/log/nginx/access.log"] }
  emit "kinesis" { stream = "web-access" }
}
