agent {
  log_level = "debug"
}

locals {
  dir = "/var/log"
}

flow "nginx" {
  tail {
    paths = ["${local.dir}/nginx/access.log"]
  }
  emit "stdout" {}
}
