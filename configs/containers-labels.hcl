# Containers of a Kubernetes node with the labels of their pods, which the API server tells: the service account needs the verbs list and watch on pods,
# and the DaemonSet sets NODE_NAME from spec.nodeName. On EC2, the node's instance and zone are known too.

kubernetes {
  node = env("NODE_NAME", "")
  wait = "2s" # for a pod that has just started
}

flow "labelled" {
  tail {
    paths    = ["/var/log/pods/*/*/*.log"]
    exclude  = ["/var/log/pods/logging_kinetail-*/**"] # our own
    format   = "cri"
    start_at = "beginning"
  }

  # A team that does not want its logs shipped says so on its pods.
  filter { drop = k8s.annotations["kinetail/ship"] == "no" }

  parse "json" { into = "log" }
  remove { fields = ["parse_error"] }
  set {
    app       = coalesce(k8s.labels["app.kubernetes.io/name"], k8s.labels.app, k8s.container)
    namespace = k8s.namespace
    pod       = k8s.pod
    instance  = ec2.instance_id
    zone      = ec2.availability_zone
  }

  emit "kinesis" {
    stream        = "containers"
    aggregate     = "kpl"
    partition_key = k8s.pod
  }
}

test "what the API server and the instance say" {
  path  = "/var/log/pods/shop_web-7d9f_0a1b2c3d-0000-4000-8000-000000000000/nginx/0.log"
  input = ["2026-11-22T10:00:00Z stdout F {\"level\":\"info\"}"]
  k8s   = { labels = { "app.kubernetes.io/name" = "shop" } }
  ec2   = { instance_id = "i-0abc", availability_zone = "eu-west-1a" }
  expect = [
    {
      log       = { level = "info" }
      stream    = "stdout"
      time      = "2026-11-22T10:00:00Z"
      app       = "shop"
      namespace = "shop"
      pod       = "web-7d9f"
      instance  = "i-0abc"
      zone      = "eu-west-1a"
    },
  ]
}

test "nobody answers" {
  path    = "/var/log/pods/shop_web-7d9f_0a1b2c3d-0000-4000-8000-000000000000/nginx/0.log"
  input   = ["2026-11-22T10:00:00Z stdout F plain text"]
  partial = true
  expect  = [{ message = "plain text", app = "nginx", instance = null }]
}

test "a pod that is left out" {
  path           = "/var/log/pods/shop_web-7d9f_0a1b2c3d-0000-4000-8000-000000000000/nginx/0.log"
  input          = ["2026-11-22T10:00:00Z stdout F x"]
  k8s            = { annotations = { "kinetail/ship" = "no" } }
  expect_count   = 0
  expect_dropped = 1
}
