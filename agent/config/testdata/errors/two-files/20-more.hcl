agent {
  log_level = "info"
}

locals {
  dir = "/srv/log"
}

flow "nginx" {
  tail {
    paths = ["${local.dir}/nginx/error.log"]
  }
  emit "stdout" {}
}
