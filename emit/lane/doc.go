// Package lane packs payloads into requests, sends them, and acts on what the service says of each record. It knows neither Kinesis nor
// Firehose: a Sender carries a request, a Map says which lane a key belongs to. It never gives a record up.
//
// Invariants that are not obvious:
//   - A record is in exactly one place: a lane's queue, the loose queue (no key), or one request. Engine.mu guards all of them.
//   - While a lane has a request in flight its queue is closed for packing, so that a failed record, put back at the head, is still
//     before everything that came later with its key.
//   - Acknowledgements and memory are given back after mu is let go: they call into other rooms.
//   - A change of the Map waits until nothing is in flight; then all queues are dealt out anew. So a child shard's lane starts only
//     when the requests to its parents are answered.
package lane
