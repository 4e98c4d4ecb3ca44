// Command bench measures what the program costs, end to end: the real binary reads a log with `run --once` and sends it to an endpoint on
// loopback that counts and discards. Beside each case it measures the floor: what the same bytes cost a program that does nothing but what
// the protocol needs. `make bench-e2e` runs it; it is no part of the binary.
package main
