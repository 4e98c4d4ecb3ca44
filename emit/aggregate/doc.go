// Package aggregate makes one record for the service of several of ours: the Kinesis Producer Library's aggregated record, both ways, and
// lines joined end to end.
package aggregate
