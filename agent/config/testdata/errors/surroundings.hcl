kubernetes {
  node_name  = "n1"
  wait       = 2
  api_server = "10.96.0.1"
  ca_file    = "ca.crt"
}

flow "containers" {
  tail {
    paths  = ["/var/log/pods/*/*/*.log"]
    format = "cri"
  }
  filter { drop = kubernetes.namespace_name == "kube-system" }
  set {
    zone = ec2.zone
    name = ec2.tags.Name-Tag
    app  = k8s.label["app"]
    task = ecs.arn
    all  = ec2
  }
  limit {
    rate = 100
    per  = k8s.pod
  }
  emit "kinesis" {
    stream        = "containers"
    partition_key = k8s.pod_name
  }
}

kubernetes {}
