# Comma-separated values with a header line at the beginning of each file. The names of the columns are those of the line, and are known again after a
# restart.

flow "orders" {
  tail {
    paths    = ["/var/lib/shop/export/orders-*.csv"]
    start_at = "beginning"
  }
  parse "csv" {
    header           = true
    timestamp_field  = "created"
    timestamp_format = "2006-01-02 15:04:05"
    timezone         = "Europe/Berlin"
    on_error         = "dead_letter"
  }
  redact {
    fields  = ["email"]
    builtin = ["email"]
  }
  emit "kinesis" {
    stream        = "orders"
    aggregate     = "kpl"
    partition_key = tostring(record.customer)
  }
}

# Some programs write no header line; then the columns are named here.
flow "stock" {
  tail { paths = ["/var/lib/shop/export/stock.tsv"] }
  parse "csv" {
    columns   = ["sku", "warehouse", "", "count"] # the third is not wanted
    delimiter = "\t"
  }
  emit "kinesis" { stream = "stock" }
}

test "columns have the names of the header line" {
  flow = "orders"
  input = [
    "id,customer,email,total,note,created",
    "17,4711,alice@shop.example,12.50,\"two, please\",2026-07-01 12:00:00",
    "18,4712,,3,,2026-12-01 12:00:00",
  ]
  expect = [
    {
      id        = 17
      customer  = 4711
      email     = "[email]"
      total     = 12.5
      note      = "two, please"
      timestamp = "2026-07-01T12:00:00+02:00"
    },
    {
      id        = 18
      customer  = 4712
      total     = 3
      timestamp = "2026-12-01T12:00:00+01:00"
    },
  ]
  expect_keys = ["4711", "4712"]
}

test "a line with another number of columns is set aside" {
  flow                = "orders"
  input               = ["id,customer,email,total,note,created", "17,4711"]
  expect_dead_letters = 1
}

test "columns that are named here" {
  flow   = "stock"
  input  = ["A-17\tnorth\tx\t250"]
  expect = [{ sku = "A-17", warehouse = "north", count = 250 }]
}
