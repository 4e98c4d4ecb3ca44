# The logs of all containers of a Kubernetes node, as the kubelet keeps them. Fragments of long lines are joined.

flow "containers" {
  tail {
    paths    = ["/var/log/pods/*/*/*.log"]
    exclude  = ["/var/log/pods/logging_kinetail-*/**"] # our own
    format   = "cri"
    start_at = "beginning" # a pod may have written before this one started
  }

  emit "kinesis" {
    stream    = "containers"
    aggregate = "kpl"
  }
}
