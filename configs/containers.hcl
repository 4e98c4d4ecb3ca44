# The logs of all containers of a Kubernetes node, as the kubelet keeps them. Fragments of long lines are joined. Where a line comes from is
# told by the path, so no permission is needed.

flow "containers" {
  tail {
    paths    = ["/var/log/pods/*/*/*.log"]
    exclude  = ["/var/log/pods/logging_kinetail-*/**"] # our own
    format   = "cri"
    start_at = "beginning" # a pod may have written before this one started
  }

  filter { drop = k8s.namespace == "kube-system" && record.stream == "stdout" }

  # Where the application writes JSON, its fields become fields; other lines stay in "message".
  parse "json" {}
  remove { fields = ["parse_error"] }

  set {
    namespace = k8s.namespace
    pod       = k8s.pod
    container = k8s.container
  }

  emit "kinesis" {
    stream        = "containers"
    aggregate     = "kpl"
    partition_key = k8s.pod # the lines of a pod stay in order
  }
}

test "JSON and plain lines, with the pod's name" {
  path = "/var/log/pods/shop_web-7d9f_0a1b2c3d-0000-4000-8000-000000000000/nginx/0.log"
  input = [
    "2026-11-22T10:00:00.000000001Z stdout F {\"level\":\"info\",\"status\":200}",
    "2026-11-22T10:00:00.000000002Z stderr P a line in ",
    "2026-11-22T10:00:00.000000003Z stderr F two parts",
  ]
  expect = [
    {
      level     = "info"
      status    = 200
      stream    = "stdout"
      time      = "2026-11-22T10:00:00.000000001Z"
      namespace = "shop"
      pod       = "web-7d9f"
      container = "nginx"
    },
    {
      message   = "a line in two parts"
      stream    = "stderr"
      time      = "2026-11-22T10:00:00.000000002Z"
      namespace = "shop"
      pod       = "web-7d9f"
      container = "nginx"
    },
  ]
}

test "the system's own chatter is dropped, but not its errors" {
  path = "/var/log/pods/kube-system_kube-proxy-x_0a1b2c3d-0000-4000-8000-000000000000/kube-proxy/0.log"
  input = [
    "2026-11-22T10:00:00Z stdout F fine",
    "2026-11-22T10:00:00Z stderr F not fine",
  ]
  partial = true
  expect  = [{ message = "not fine", namespace = "kube-system" }]
}
