// Package demo shows kinetail at work on one machine, with no account and no network: it writes a rotating log, lets a real agent
// process ship it to an in-process Kinesis, throttles and kills, and counts what arrived. Its verdict shares no code with the agent's
// packing or following.
package demo
