package awslocal

import "time"

// Record is one stored record.
type Record struct {
	Shard          string // "" in a delivery stream
	SequenceNumber string // "" in a delivery stream
	PartitionKey   string
	Data           []byte // shared with the store: not to be changed
	Arrival        time.Time
}

// ShardStats counts one shard's records, discarded ones included.
type ShardStats struct {
	Shard   string
	Open    bool
	Records int64
	Bytes   int64
}

// Records calls f with every stored record of a Kinesis stream, shard by shard in their order of creation, each shard in
// the order of sequence numbers, until f returns false.
func (s *Server) Records(stream string, f func(Record) bool) error {
	st, err := s.stream(stream)
	if err != nil {
		return err
	}
	for n := 0; ; n++ {
		st.mu.Lock()
		if n >= len(st.shards) {
			st.mu.Unlock()
			return nil
		}
		sh := st.shards[n]
		st.mu.Unlock()
		for i := 0; ; i++ {
			st.mu.Lock()
			if i >= sh.store.len() {
				st.mu.Unlock()
				break
			}
			r := sh.store.get(i)
			st.mu.Unlock()
			if !f(Record{sh.id, sh.sequenceNumber(uint64(i) + 1), string(r.key), r.data, r.arrival}) { // #nosec G115
				return nil
			}
		}
	}
}

// Delivered calls f with every stored record of a Firehose stream in the order of arrival, until f returns false.
func (s *Server) Delivered(deliveryStream string, f func(Record) bool) error {
	d, err := s.deliveryStream(deliveryStream)
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		d.mu.Lock()
		if i >= d.store.len() {
			d.mu.Unlock()
			return nil
		}
		r := d.store.get(i)
		d.mu.Unlock()
		if !f(Record{Data: r.data, Arrival: r.arrival}) {
			return nil
		}
	}
}

// Stats counts the records of a Kinesis stream by shard.
func (s *Server) Stats(stream string) ([]ShardStats, error) {
	st, err := s.stream(stream)
	if err != nil {
		return nil, err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	var out []ShardStats
	for _, sh := range st.shards {
		out = append(out, ShardStats{sh.id, sh.closed.IsZero(), int64(sh.puts), sh.bytes}) // #nosec G115
	}
	return out, nil
}

// DeliveryStats counts the records of a Firehose stream.
func (s *Server) DeliveryStats(deliveryStream string) (records, bytes int64, err error) {
	d, err := s.deliveryStream(deliveryStream)
	if err != nil {
		return 0, 0, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return int64(d.puts), d.bytes, nil // #nosec G115
}
