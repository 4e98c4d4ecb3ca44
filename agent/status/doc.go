// Package status is what can be seen of a running agent: a snapshot, health, and Prometheus metrics. It only reads; nothing here may hold up
// a flow.
package status
