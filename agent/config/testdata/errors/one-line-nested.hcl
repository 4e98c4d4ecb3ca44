flow "a" {
  tail { paths = ["/var/log/a.log"] }
  emit "kinesis" {
    stream = "web"
    aws { assume_role { arn = "arn:aws:iam::123456789012:role/logs" } region = "eu-west-1" }
  }
}
