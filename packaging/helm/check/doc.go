// Package check holds the tests of the Helm chart, the plain manifests and the examples: a module of its own, so that Kubernetes' API types are no
// dependency of kinetail. `make chart-check` runs it, with helm and kube-score.
package check
