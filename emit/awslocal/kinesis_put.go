package awslocal

import "math"

// maxCall is the limit of one PutRecords call, partition keys included
// (docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html).
const maxCall = 10 << 20

// rateScale is the factor on all rates; 0 switches them off.
func (s *Server) rateScale() float64 { return math.Float64frombits(s.rates.Load()) }

// SetRates changes the factor on all rates: 1 is what the services document, 0 switches rates off.
func (s *Server) SetRates(scale float64) { s.rates.Store(math.Float64bits(max(scale, 0))) }

// kinesisPut is PutRecords and PutRecord.
func kinesisPut(s *Server, c *call) (any, error) {
	st, err := s.findStream(c)
	if err != nil {
		return nil, err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if err := s.checkKinesisPut(c, st); err != nil {
		return nil, err
	}
	hashes := make([]hashKey, len(c.put.records))
	for i, e := range c.put.records {
		switch {
		case st.auto:
		case e.explicit == "":
			hashes[i] = hashOf(e.key)
		default:
			k, ok := parseHashKey(e.explicit)
			if !ok {
				return nil, invalidArgument("Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was %s", e.explicit)
			}
			hashes[i] = k
		}
	}
	if c.put.dryRun {
		return nil, clientError("DryRunOperationException", "Request would have succeeded, but DryRun flag is set.")
	}

	var (
		answer = &putAnswer{results: make([]putResult, len(c.put.records))}
		errs   = make([]*recordError, len(c.put.records))
		scale  = s.rateScale()
		bytes  int64
	)
	for i, e := range c.put.records {
		var sh *shard
		if st.auto {
			sh = st.open[st.turn%len(st.open)]
			st.turn++
		} else {
			sh = st.shardFor(hashes[i])
		}
		errs[i] = s.faults.record(c, sh.id, e)
		if errs[i] == nil && !sh.allow(e.size+len(e.key), scale, c.now) {
			errs[i] = throttledRecord(c, sh.id)
		}
		if errs[i] != nil {
			answer.failed++
			answer.results[i] = putResult{ErrorCode: errs[i].code, ErrorMessage: errs[i].message}
			continue
		}
		if !s.opts.Discard || sh.store.len() < s.opts.Samples {
			sh.store.append(e.key, c.kept(e), c.now)
		}
		sh.puts++
		sh.bytes += int64(e.size)
		bytes += int64(e.size)
		answer.results[i] = putResult{SequenceNumber: sh.sequenceNumber(sh.puts), ShardID: sh.id}
	}
	answer.count(&s.counts, errs, bytes)
	if !c.put.single {
		return answer, nil
	}
	if e := errs[0]; e != nil {
		return nil, &apiError{faultStatus(e.code), e.code, e.message}
	}
	return answer.results[0], nil
}

func (s *Server) checkKinesisPut(c *call, st *stream) error {
	if !c.put.single {
		if err := c.put.checkCount(); err != nil && (len(c.put.records) == 0 || !s.opts.NoCallLimits) {
			return err
		}
	}
	if err := c.put.checkKeys(!st.auto); err != nil {
		return err
	}
	if s.opts.NoCallLimits {
		return nil
	}
	total := 0
	for i, e := range c.put.records {
		if e.size > maxCall {
			return constraint("java.nio.HeapByteBuffer", c.put.field(i, "data"), "have length less than or equal to 10485760")
		}
		if n := e.size + len(e.key); n > st.maxRecord<<10 {
			return invalidArgument("Record size %d bytes at %s, partition key included, exceeds the stream's maximum record size of %d KiB", n, c.put.field(i, "data"), st.maxRecord)
		}
		total += e.size + len(e.key)
	}
	if total > maxCall {
		return invalidArgument("Records size exceeds 10 MB limit")
	}
	return nil
}
