# A directory is one configuration: its *.hcl files are read together. What concerns the host is here, and each service brings a file
# of its own with a flow in it.

agent {
  listen    = "127.0.0.1:9464"
  log_level = "info"
}

aws {
  region = env("AWS_REGION", "eu-west-1")
}

locals {
  stage = env("STAGE", "dev")
}
