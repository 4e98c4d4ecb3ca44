flow "orders" {
  tail {
    paths = ["/srv/orders/log/*.log"]
  }
  emit "firehose" {
    stream    = "orders-${local.stage}"
    aggregate = "lines"
  }
}
