# Mistakes in test blocks.

flow "access" {
  tail { paths = ["/x"] }
  emit "stdout" {}
}

flow "other" {
  tail { paths = ["/y"] }
  emit "stdout" {}
}

test "no flow" {
  input  = ["x"]
  expect = []
}

test "nothing expected" {
  flow  = "acces"
  emit  = "file"
  input = "x"
}

test "wrong values" {
  flow                = "access"
  emit                = "file"
  inputs              = ["x"]
  input               = [1]
  input_file          = "x.log"
  path                = "x.log"
  now                 = "yesterday"
  expect              = [{ a = 1 }, 7, record.a]
  expect_count        = -1
  expect_keys         = [1]
  expect_dead_letters = "none"
}

test {
  input = ["x"]
}

test "other types" {
  flow        = "access"
  input       = 5
  expect      = "x"
  expect_keys = "x"
}

test "other elements" {
  flow   = "access"
  expect = [7, null]
}

test "surroundings" {
  flow         = "access"
  input        = ["x"]
  ec2          = { instance = "i-1" }
  k8s          = "web"
  expect_count = 1
}
