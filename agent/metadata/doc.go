// Package metadata finds out what the surroundings of the process know of it, for expressions: EC2's instance metadata, ECS's task metadata, and the
// Kubernetes API server's pods of this node. Nothing here may hold up a start, and what is not there is null and no error.
package metadata
