// Package lane packs payloads into requests, sends them, and acts on what the service says of each record. It knows neither Kinesis nor
// Firehose: a Sender carries a request, a Map says which lane a key belongs to. It never gives a record up.
//
// An Engine is a destination as the service sees it; a Port is one flow's way into it. Flows that share an Engine fill requests and
// aggregates together, in even parts while they compete, and nothing that is one flow's own trouble (a backlog, a refused record, full
// dead letters) holds up another.
//
// Invariants that are not obvious:
//   - A record is in exactly one place: a queue of its port (one for each lane, one for records without a key), or one request. Engine.mu
//     guards all of them.
//   - Records without a key may be one run in a queue or a request. Whatever concerns a single record (a verdict on it, a letter, its place in a unit)
//     splits the run first; a run has one origin and one set of flags.
//   - While a lane has a request in flight its queues are closed for packing, so that a failed record, put back at the head, is still
//     before everything that came later with its key.
//   - Acknowledgements and memory are given back after mu is let go: they call into other rooms.
//   - A change of the Map waits until nothing is in flight; then all queues are dealt out anew. So a child shard's lane starts only
//     when the requests to its parents are answered.
//   - A goroutine that carries a request never waits for anything that is one flow's own.
package lane
