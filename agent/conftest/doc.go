// Package conftest runs the test blocks of a configuration: lines go through a flow's framing, steps and encoding, and what comes out is
// compared with what the block expects. Nothing is sent, and nothing outside is read.
package conftest
