package awslocal

import (
	"maps"
	"sync"
)

// Counters are what a server has done since it was made.
type Counters struct {
	Requests     map[string]int64 `json:"requests"`      // by "kinesis.PutRecords"
	Refused      map[string]int64 `json:"refused"`       // whole calls, by error code
	RecordErrors map[string]int64 `json:"record_errors"` // records refused inside an HTTP 200, by error code
	Faults       map[string]int64 `json:"faults"`        // what faults did, by kind: calls, or records for throttle and record_error
	Throttled    int64            `json:"throttled"`     // records refused for the rate, real or as a fault
	Records      int64            `json:"records"`       // accepted by Kinesis and Firehose
	Bytes        int64            `json:"bytes"`         // data of accepted records
	Metrics      int64            `json:"metrics"`       // accepted by CloudWatch
}

type counterSet struct {
	mu sync.Mutex
	c  Counters
}

// Counters is a copy of what was counted.
func (s *Server) Counters() Counters {
	s.counts.mu.Lock()
	defer s.counts.mu.Unlock()
	c := s.counts.c
	for _, m := range []*map[string]int64{&c.Requests, &c.Refused, &c.RecordErrors, &c.Faults} {
		if *m = maps.Clone(*m); *m == nil {
			*m = map[string]int64{}
		}
	}
	return c
}

func (s *counterSet) request(name string) { s.update(func(c *Counters) { bump(&c.Requests, name) }) }

func (s *counterSet) refused(code string) { s.update(func(c *Counters) { bump(&c.Refused, code) }) }

func (s *counterSet) fault(kind FaultKind) {
	s.update(func(c *Counters) { bump(&c.Faults, string(kind)) })
}

func (s *counterSet) update(f func(*Counters)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.c)
}

func bump(m *map[string]int64, key string) {
	if *m == nil {
		*m = map[string]int64{}
	}
	(*m)[key]++
}
