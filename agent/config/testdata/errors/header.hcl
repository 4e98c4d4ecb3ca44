flow "both" {
  tail { paths = ["/x.csv"] }
  parse "csv" {
    header  = true
    columns = ["a"]
  }
  emit "stdout" {}
}
flow "container" {
  tail {
    paths  = ["/x.log"]
    format = "cri"
  }
  parse "csv" { header = true }
  emit "stdout" {}
}
flow "pipe" {
  tail { pipes = ["/run/x.pipe"] }
  parse "csv" { header = true }
  emit "stdout" {}
}
flow "json" {
  tail { paths = ["/x.json"] }
  parse "json" { header = true }
  emit "stdout" {}
}
flow "neither" {
  tail { paths = ["/x.csv"] }
  parse "csv" { headers = true }
  emit "stdout" {}
}
