agent {
  shutdown_timeout = 20s
  memory_limit = 1
}
