// Package cloudwatch publishes what the agent counts as CloudWatch metrics. It asks for the numbers and never waits for, or holds
// up, those who count them.
package cloudwatch
