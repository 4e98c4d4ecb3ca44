# A local Kinesis for development, and the same lines on standard output.

aws {
  region   = "us-east-1"
  endpoint = "http://localhost:4567" # plain HTTP is taken for this host only
}

metrics "cloudwatch" {
  enabled = false
}

flow "dev" {
  tail {
    paths    = ["/tmp/dev/*.log"]
    start_at = "beginning"
  }
  emit "kinesis" {
    stream = "dev"
  }
  emit "stdout" {}
}
