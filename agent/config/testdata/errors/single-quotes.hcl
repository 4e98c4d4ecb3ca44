flow "a" {
  tail {
    paths = ['/var/log/a.log']
  }
}
