// Package check holds the tests of what is deployed with the tools of others: the Helm chart, the plain manifests and the CloudFormation template. It is a
// module of its own, so that what describes Kubernetes' and AWS' types is no dependency of kinetail. `make deploy-check` runs it, with helm and kube-score.
package check
