// Package buffer lends buffers for what is written once and sent: aggregates and the bodies of requests. It may not be used for what is
// kept.
package buffer
